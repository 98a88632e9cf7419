"""Attempts from OpenTelemetry spans of GenAI agents: each trace is an attempt, each tool span a turn.

Reads OTLP as JSON (`resourceSpans`) and single spans as the Python SDK's console exporter prints them; one trace may
hold both. Attributes by the semantic conventions for GenAI (https://opentelemetry.io/docs/specs/semconv/gen-ai/, still
in development). What they have no word for: `parcae.task`, `parcae.success` (bool), `parcae.answer` (text or list) on
any span of a trace. A set-up's tools are those that `gen_ai.tool.definitions` offers: which ones were called is the
attempt's doing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.fields import verdict_in
from parcae.prediction.prefixes import Setup
from parcae.prediction.sources.attempts import Attempt
from parcae.prediction.sources.chats import normal_json

OFFERED = "gen_ai.tool.definitions"


def spans_in(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every span as {trace, start, failed, attributes}; `start` in nanoseconds since 1970.

    Raises:
        CallerMistake: `parcae.success` is no true or false.
        ValueError, TypeError, AttributeError: it is no such document.
    """
    spans = list(_spans_in(document))
    for span in spans:
        verdict_in(span["attributes"], "parcae.success")
    return spans


def _spans_in(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document.get("resourceSpans") or ():
        for scope in resource.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                yield {
                    "trace": _trace(span.get("traceId")),
                    "start": int(span.get("startTimeUnixNano", 0)),
                    "failed": (span.get("status") or {}).get("code") in (2, "STATUS_CODE_ERROR"),
                    "attributes": _attributes(span.get("attributes")),
                }
    if "context" in document:
        yield {
            "trace": _trace((document.get("context") or {}).get("trace_id")),
            "start": _nanoseconds(document.get("start_time")),
            "failed": (document.get("status") or {}).get("status_code") == "ERROR",
            "attributes": dict(document.get("attributes") or {}),
        }


def _trace(name: object) -> str:
    """A trace's id, which only the SDK begins with 0x."""
    return str(name or "").lower().removeprefix("0x")


def _nanoseconds(start: str | None) -> int:
    """The SDK's time, such as 2026-01-31T12:00:00.000001Z."""
    if not start:
        return 0
    moment = datetime.fromisoformat(start)
    whole = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(whole.timestamp() * 1e6) * 1000


def attempts_from(spans: Iterable[Mapping[str, Any]]) -> list[Attempt]:
    """One attempt a trace that called a model or a tool."""
    traces: dict[str, list[Mapping[str, Any]]] = {}
    for span in spans:
        traces.setdefault(span["trace"], []).append(span)
    made = (_attempt(trace, sorted(own, key=lambda span: span["start"])) for trace, own in traces.items())
    return [attempt for attempt in made if attempt is not None]


def _attempt(trace: str, spans: list[Mapping[str, Any]]) -> Attempt | None:
    facts: dict[str, Any] = {}
    for span in spans:
        facts |= {key: value for key, value in span["attributes"].items() if value is not None}
    called = [span for span in spans if span["attributes"].get("gen_ai.tool.name")]
    if not called and "gen_ai.request.model" not in facts:
        return None
    answer = facts.get("parcae.answer")
    names = answer if isinstance(answer, list) else [answer] if answer else []
    named = (facts[key] for key in ("parcae.task", "gen_ai.conversation.id") if facts.get(key, "") != "")
    return Attempt(
        task_id=str(next(named, trace)),
        setup=Setup(
            model=str(facts.get("gen_ai.request.model", "")),
            tools=tuple(sorted({name for span in spans for name in _offered(span["attributes"].get(OFFERED))})),
            prompt=str(facts.get("gen_ai.agent.version", "")),
        ),
        turns=(*map(_turn, called), Turn(answer=tuple(str(name) for name in names))),
        succeeded=verdict_in(facts, "parcae.success"),
    )


def _offered(definitions: object) -> Iterator[str]:
    """The names of tool definitions: a list, or, where spans hold no structures, its JSON."""
    if isinstance(definitions, str):
        try:
            definitions = json.loads(definitions)
        except ValueError:
            return
    for one in definitions if isinstance(definitions, list) else ():
        if isinstance(one, dict) and (name := one.get("name")):
            yield str(name)


def _turn(span: Mapping[str, Any]) -> Turn:
    attributes = span["attributes"]
    return Turn(
        calls=(
            Call(
                tool=str(attributes["gen_ai.tool.name"]),
                arguments=normal_json(attributes.get("gen_ai.tool.call.arguments") or {}),
            ),
        ),
        observed_chars=len(str(attributes.get("gen_ai.tool.call.result") or "")),
        errors=int(span["failed"] or bool(attributes.get("error.type"))),
    )


def _attributes(pairs: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Attributes by name, from what OTLP's JSON has instead of an object."""
    return {one["key"]: _value(one.get("value") or {}) for one in pairs or ()}


def _value(value: Mapping[str, Any]) -> Any:
    """An attribute's value as OTLP's JSON wraps it."""
    if "arrayValue" in value:
        return [_value(one) for one in value["arrayValue"].get("values") or ()]
    if "kvlistValue" in value:
        return _attributes(value["kvlistValue"].get("values"))
    if "intValue" in value:
        return int(value["intValue"])
    return next((value[key] for key in ("stringValue", "boolValue", "doubleValue") if key in value), None)
