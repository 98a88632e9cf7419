"""What a conversation about a repair has shown so far: the failure, functions and their code, and what was tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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

_GOOD = re.compile(r"^it passes with ([\d, ]+)$", re.MULTILINE)
_PLACE = re.compile(r"^(\S+\.py):(\d+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RepairReading:
    """`files` says where the functions lie that were read; `good` are changes (path, old, new) that make the test pass.

    `fixed`: a change is in the files now.
    """

    seen: Reading
    files: Mapping[str, str]
    tried: frozenset[tuple[str, str]]
    good: tuple[tuple[str, str, str], ...]
    fixed: bool
    passes: bool
    suite_ran: bool


def read_repair(talk: Talk) -> RepairReading:
    """All that `talk` tells, as the reader of faults reads it, and what the changes came to."""
    as_located = Talk(
        system=talk.system,
        prompts=talk.prompts,
        exchanges=tuple(_as_located(exchange) for exchange in talk.exchanges),
        tools=talk.tools,
    )
    files = {}
    for exchange in talk.results_of(METHOD):
        place = _PLACE.search(exchange.result)
        if place and not exchange.failed:
            files[exchange.argument.partition("(")[0]] = place[1]
    changes = [exchange for exchange in talk.exchanges if exchange.tool in (FIX, DISCARD) and not exchange.failed]
    runs = [exchange for exchange in talk.exchanges if exchange.tool == RUN]
    last = talk.exchanges[-1] if talk.exchanges else None
    tried = [(str(one.arguments.get("path")), str(one.arguments.get("new"))) for one in talk.results_of(FIX)]
    good = []
    for exchange in talk.results_of(TRY):
        news = exchange.arguments.get("news")
        texts = [str(new) for new in news] if isinstance(news, list) else []
        tried += [(str(exchange.arguments.get("path")), text) for text in texts]
        if found := _GOOD.match(exchange.result):
            places = [int(place) - 1 for place in found[1].split(", ")]
            good += [(exchange.arguments, texts[place]) for place in places if place < len(texts)]
    return RepairReading(
        seen=read(as_located),
        files=files,
        tried=frozenset(tried),
        good=tuple((str(one.get("path")), str(one.get("old")), new) for one, new in good),
        fixed=bool(changes) and changes[-1].tool == FIX,
        passes=bool(runs) and runs[-1].result.startswith(PASSES),
        suite_ran=last is not None and last.tool == SUITE,
    )


def _as_located(exchange: Exchange) -> Exchange:
    names = {LIST: METHODS, METHOD: SNIPPET}
    if exchange.tool not in names:
        return exchange
    return Exchange(
        tool=names[exchange.tool], arguments=exchange.arguments, result=exchange.result, failed=exchange.failed
    )
