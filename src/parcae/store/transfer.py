"""A run as a file of its own: JSON lines, one event a line after a header, and back into any journal.

The header is `{"schema": "parcae.run/1", "run": ..., "events": N, "parcae": VERSION}`; a line is
`{"at": seconds, "scope": ..., "kind": "step.replied/1", "body": {...}}`, in the order of the journal. Nothing is left
out, so an imported run can be shown, resumed and learnt from like one that was made here. Knows nothing of files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from parcae import __version__
from parcae.core.errors import CallerMistake
from parcae.store.sqlite import SqliteJournal
from parcae.store.writer import Row

SCHEMA, VERSION = "parcae.run", 1
NAMING = ("forked_from", "reservation", "block")  # fields of bodies that begin with the name of a run


async def export_run(journal: SqliteJournal, run: str) -> Iterator[str]:
    """The lines of `run`, without line ends.

    Raises:
        CallerMistake: there is no such run.
        StoreFailed: the journal cannot be read.
    """
    rows = await journal.rows(run) if run and "/" not in run else ()
    if not rows:
        raise CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")
    header = {"schema": f"{SCHEMA}/{VERSION}", "run": run, "events": len(rows), "parcae": __version__}
    return (line for lines in ([json.dumps(header)], map(_line, rows)) for line in lines)


async def import_run(journal: SqliteJournal, lines: Iterable[str], *, name: str | None = None) -> str:
    """Write the run that `export_run` gave as `lines`, all of it or nothing; returns its name.

    Args:
        journal: where it goes.
        lines: the header and the events.
        name: what to call it here; None keeps its name.

    Raises:
        CallerMistake: the lines are no such run, incomplete or of a newer version, or the journal has that run.
        StoreFailed: the journal cannot be written.
    """
    numbered = enumerate(lines, 1)
    header = _parsed(*next(numbered, (1, "")))
    run, events = header_of(header)
    rows = [_row(number, line, run, name or run) for number, line in numbered if line.strip()]
    if len(rows) != events:
        raise CallerMistake(f"{events} events were announced, but {len(rows)} came", "export the run again")
    if name is not None and (not name or "/" in name):
        raise CallerMistake(f"{name!r} cannot name a run", "use a name that is not empty and has no slash")
    if await journal.rows(name or run):
        raise CallerMistake(f"there is a run {name or run!r} already", "give the new one another name: `--as NAME`")
    await journal.append_rows(rows)
    return name or run


def _line(row: Row) -> str:
    at, scope, kind, body = row
    return f'{{"at": {at!r}, "scope": {json.dumps(scope)}, "kind": {json.dumps(kind)}, "body": {body}}}'


def header_of(header: Mapping[str, Any]) -> tuple[str, int]:
    """The run that an exported file's first line announces, and how many events follow.

    Raises:
        CallerMistake: it announces none, or one of a newer version.
    """
    schema, _, version = str(header.get("schema", "")).partition("/")
    if schema != SCHEMA or not version.isdigit():
        raise CallerMistake("this is not an exported run", "make one with `parcae runs export RUN`")
    if int(version) > VERSION:
        made = header.get("parcae", "a newer Parcae")
        raise CallerMistake(f"this run was exported by {made} as version {version}", "update Parcae")
    run, events = header.get("run"), header.get("events")
    if not isinstance(run, str) or not run or "/" in run or not isinstance(events, int):
        raise CallerMistake("the header names no run", "export it again")
    return run, events


def _row(number: int, line: str, run: str, name: str) -> Row:
    entry = _parsed(number, line)
    at, scope, kind, body = (entry.get(key) for key in ("at", "scope", "kind", "body"))
    known = isinstance(at, int | float) and isinstance(kind, str) and isinstance(body, dict) and isinstance(scope, str)
    if not known or (scope != run and not str(scope).startswith(f"{run}/")):
        raise CallerMistake(f"line {number} is no event of {run!r}", "export the run again")
    assert isinstance(scope, str) and isinstance(kind, str) and isinstance(at, int | float) and isinstance(body, dict)
    if name != run:
        scope = name + scope.removeprefix(run)
        renamed = {key: name + body[key].removeprefix(run) for key in NAMING if isinstance(body.get(key), str)}
        body = {**body, **renamed}
    return float(at), scope, kind, json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _parsed(number: int, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        raise CallerMistake(f"line {number} is no JSON object", "make the file with `parcae runs export RUN`")
    return entry
