"""Exported runs, one after another in a file or one in each: a run is taken whole, or left out whole.

Knows nothing of what is learned from runs: see `journal`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import Event
from parcae.prediction.fields import text_in
from parcae.prediction.lines import Row, leave_out, read_row
from parcae.prediction.prefixes import Group
from parcae.prediction.sources import journal
from parcae.prediction.sources.swaps import swapped_groups
from parcae.store.codec import decode
from parcae.store.transfer import SCHEMA, header_of

KINDS = {kind.kind: kind for kind in journal.KINDS}
Numbered = Sequence[tuple[int, Row]]


def is_header(row: Row) -> bool:
    """Whether an exported run begins here."""
    return str(row.get("schema", "")).startswith(f"{SCHEMA}/")


def events_of(files: Sequence[tuple[Path, Numbered]], broken: list[str] | None) -> list[Event]:
    """The events that groups are made of, from the numbered rows of each file; runs in the order in which they began.

    Raises:
        CallerMistake: a newer version made a file; or a line is no event, a run is not complete or was there before,
            and such lines are not left out.
    """
    runs: dict[str, tuple[float, list[Event]]] = {}
    for file, rows in files:
        for (line, header), *own in _split(rows):
            try:
                name, announced = header_of(header)
            except CallerMistake as mistake:
                raise CallerMistake(f"{file.name}, line {line}: {mistake.what}", mistake.cure) from None
            if name in runs:
                leave_out(file, line, f"run {name} was there before", broken)
            elif len(own) != announced:
                leave_out(file, line, f"{announced} events of {name} were announced, but {len(own)} came", broken)
            elif (found := _run(file, name, own, broken)) is not None:
                runs[name] = found
    return [event for _, events in sorted(runs.values(), key=lambda run: run[0]) for event in events]


def _split(rows: Numbered) -> Iterator[Numbered]:
    """The rows of each run, its header first."""
    starts = [place for place, (_, row) in enumerate(rows) if is_header(row)]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield rows[start:end]


def _run(file: Path, name: str, rows: Numbered, broken: list[str] | None) -> tuple[float, list[Event]] | None:
    """When a run began, and its events; None if a line of it cannot be used."""
    times, events = [], []
    for line, row in rows:
        entry = read_row(lambda row: _entry(row, name), row, file, line, broken)
        if entry is None:
            return None
        times.append(entry[0])
        events += entry[1]
    replays = read_row(lambda _: _replayed(events), {}, file, rows[0][0] if rows else None, broken)
    return None if replays is None else (min(times, default=0.0), events)


def _replayed(events: Sequence[Event]) -> list[Group]:
    """What the run teaches, whichever is asked for; a run that cannot be replayed is none."""
    return [*journal.groups_from(events), *swapped_groups(events)]


def _entry(row: Row, run: str) -> tuple[float, list[Event]]:
    """When an event was, and the event, if it is of a kind that is asked for."""
    scope, at, kind = text_in(row, "scope"), float(row["at"]), KINDS.get(text_in(row, "kind"))
    if scope != run and not scope.startswith(f"{run}/"):
        raise CallerMistake(f"{scope!r} is no part of run {run}")
    if kind is None:
        return at, []
    try:
        return at, [decode(kind, scope, json.dumps(row["body"]))]
    except StoreFailed as error:
        raise CallerMistake(error.what) from None
