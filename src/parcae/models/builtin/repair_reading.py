"""What a conversation about a repair has shown so far: the failure, functions and their code, and what was tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from parcae.core.protocols import JsonValue
from parcae.models.builtin.locate_reading import METHODS, SNIPPET, Reading, read
from parcae.models.builtin.talk import Exchange, Talk

LIST = "list_covered_functions"
METHOD = "read_method"
FIX = "write_fix"
DISCARD = "discard_fix"
RUN = "run_failing_test"
SUITE = "run_suite"
TRY = "try_fixes"
PASSES = "it passes"
GREEN = "all "

_GOOD = re.compile(r"^it passes with (\d+)(?:;.*)?$", re.MULTILINE)
_NUMBERED = re.compile(r"^ *(\d+) [* ](?: .*)?$", re.MULTILINE)
_PLACE = re.compile(r"^(\S+\.py):(\d+)$", re.MULTILINE)


Fix = tuple[str, int, str, str]  # path, line, old, new


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A function's file, and the number there of each line that its snippet has: blank lines are left out of it."""

    path: str
    lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RepairReading:
    """`places` says where the functions lie that were read.

    `good` are fixes that make the failing test pass, as they were found; `written` those that were put into the files.
    `passes` and `green` say what the failing test and the suite showed since the last change; None: not run since.
    """

    seen: Reading
    places: Mapping[str, Place]
    tried: frozenset[Fix]
    good: tuple[Fix, ...]
    written: tuple[Fix, ...]
    passes: bool | None
    green: bool | None


def read_repair(talk: Talk) -> RepairReading:
    """All that `talk` tells, as the reader of faults reads it, and what the changes came to."""
    as_located = Talk(
        system=talk.system,
        prompts=talk.prompts,
        exchanges=tuple(_as_located(exchange) for exchange in talk.exchanges),
        tools=talk.tools,
    )
    places = {}
    for exchange in talk.results_of(METHOD):
        place = _PLACE.search(exchange.result)
        if place and not exchange.failed:
            lines = tuple(int(number) for number in _NUMBERED.findall(exchange.result))
            places[exchange.argument.partition("(")[0]] = Place(path=place[1], lines=lines)
    tried: dict[Fix, None] = {}
    good: dict[Fix, None] = {}
    for exchange in talk.results_of(TRY):
        fixes = _fixes(exchange)
        found = _GOOD.match(exchange.result)
        run = fixes[: int(found[1])] if found else fixes
        tried |= dict.fromkeys(run)
        if found and run:
            good[run[-1]] = None
    written = [_fix(exchange.arguments, exchange.arguments) for exchange in talk.results_of(FIX)]
    passes, green = _verdicts(talk)
    return RepairReading(
        seen=read(as_located),
        places=places,
        tried=frozenset((*tried, *written)),
        good=tuple(good),
        written=tuple(written),
        passes=passes,
        green=green,
    )


def _verdicts(talk: Talk) -> tuple[bool | None, bool | None]:
    passes: bool | None = None
    green: bool | None = None
    for exchange in talk.exchanges:
        if exchange.failed:
            continue
        if exchange.tool in (FIX, DISCARD):
            passes = green = None
        elif exchange.tool == RUN:
            passes = exchange.result.startswith(PASSES)
        elif exchange.tool == SUITE:
            green = exchange.result.startswith(GREEN)
    return passes, green


def _fixes(exchange: Exchange) -> list[Fix]:
    fixes = exchange.arguments.get("fixes")
    if not isinstance(fixes, list):
        return []
    return [_fix(exchange.arguments, fix) for fix in fixes if isinstance(fix, dict)]


def _fix(call: Mapping[str, JsonValue], fix: Mapping[str, JsonValue]) -> Fix:
    line = fix.get("line")
    return (
        str(call.get("path")),
        line if isinstance(line, int) else 0,
        str(fix.get("old")),
        str(fix.get("new")),
    )


def _as_located(exchange: Exchange) -> Exchange:
    names = {LIST: METHODS, METHOD: SNIPPET}
    if exchange.tool not in names:
        return exchange
    return Exchange(
        tool=names[exchange.tool], arguments=exchange.arguments, result=exchange.result, failed=exchange.failed
    )
