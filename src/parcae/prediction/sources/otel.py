"""Attempts from OpenTelemetry spans of GenAI agents: each trace is an attempt, each tool span a turn.

Reads OTLP as JSON (`resourceSpans`) and single spans as the Python SDK's console exporter prints them. Attributes by
the semantic conventions for GenAI (https://opentelemetry.io/docs/specs/semconv/gen-ai/, still in development). What
they have no word for: `parcae.task`, `parcae.success` (bool), `parcae.answer` (text or list) on any span of a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.prefixes import Setup
from parcae.prediction.sources.attempts import Attempt
from parcae.prediction.sources.chats import normal_json


def spans_in(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every span as {trace, start, failed, attributes}."""
    return list(_spans_in(document))


def _spans_in(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in document.get("resourceSpans") or ():
        for scope in resource.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                yield {
                    "trace": str(span.get("traceId", "")),
                    "start": int(span.get("startTimeUnixNano", 0)),
                    "failed": (span.get("status") or {}).get("code") in (2, "STATUS_CODE_ERROR"),
                    "attributes": {one["key"]: _value(one.get("value") or {}) for one in span.get("attributes") or ()},
                }
    if "context" in document:
        yield {
            "trace": str((document.get("context") or {}).get("trace_id", "")),
            "start": document.get("start_time", ""),
            "failed": (document.get("status") or {}).get("status_code") == "ERROR",
            "attributes": dict(document.get("attributes") or {}),
        }


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
    success, answer = facts.get("parcae.success"), facts.get("parcae.answer")
    names = answer if isinstance(answer, list) else [answer] if answer else []
    return Attempt(
        task_id=str(facts.get("parcae.task") or facts.get("gen_ai.conversation.id") or trace),
        setup=Setup(
            model=str(facts.get("gen_ai.request.model", "")),
            tools=tuple(sorted({str(span["attributes"]["gen_ai.tool.name"]) for span in called})),
            prompt=str(facts.get("gen_ai.agent.version", "")),
        ),
        turns=(*map(_turn, called), Turn(answer=tuple(str(name) for name in names))),
        succeeded=success if isinstance(success, bool) else None,
    )


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


def _value(value: Mapping[str, Any]) -> Any:
    """An attribute's value as OTLP's JSON wraps it."""
    if "arrayValue" in value:
        return [_value(one) for one in value["arrayValue"].get("values") or ()]
    if "intValue" in value:
        return int(value["intValue"])
    return next((value[key] for key in ("stringValue", "boolValue", "doubleValue") if key in value), None)
