"""Which format a file or folder is, and its groups. Formats of others: the entry point group `parcae.sources`.

A stranger's source is a function (Path) -> Sequence[Group] | None; None means that the file is not its kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import Event
from parcae.prediction.lines import json_lines, left_out, read_row
from parcae.prediction.prefixes import Group
from parcae.prediction.recordings import bugs_file_of, groups_of, read_recordings
from parcae.prediction.sources import chats, journal, mini_swe, otel
from parcae.prediction.sources.attempts import grouped
from parcae.store.codec import decode

ENTRY_POINTS = "parcae.sources"
T = TypeVar("T")
Source = Callable[[Path], Sequence[Group] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to take from a source: of recordings, `model` and `samples` attempts a task; broken lines if `skip`ped."""

    model: str | None = None
    samples: int = 10
    skip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The groups of a source, what format it was, and what was left out."""

    format: str
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()


def read(path: Path, wanted: Wanted) -> Found:
    """The groups in a file or folder; journals are read by `read_journal`, for their reading is asynchronous.

    Raises:
        CallerMistake: it is missing, broken (with the line's number) or of no known format.
    """
    if not path.exists():
        raise CallerMistake(f"there is no {path}", "name a file or folder of recorded runs")
    for point in entry_points(group=ENTRY_POINTS):
        strangers = point.load()(path)
        if strangers is not None:
            return Found(format=point.name, groups=tuple(strangers))
    if path.is_dir() or path.name.endswith(".traj.json"):
        return _mini_swe(path)
    if bugs_file_of(path) != path and bugs_file_of(path).exists():
        return _recordings(path, wanted)
    return _lines(path, wanted)


def _recordings(path: Path, wanted: Wanted) -> Found:
    broken: list[str] | None = [] if wanted.skip else None
    data = read_recordings(path, models=None if wanted.model is None else [wanted.model], broken=broken)
    if wanted.model is None and len(data.models) > 1:
        raise CallerMistake(f"{path.name} holds runs of {', '.join(data.models)}", "say which: --model NAME")
    if not data.models:
        raise CallerMistake(f"{path.name} holds no runs of {wanted.model!r}", "name another --model")
    groups = groups_of(data, data.models[0], samples=wanted.samples)
    notes = (*left_out(broken or []), *_too_few(wanted, len(data.tasks), groups))
    return Found(format="autofl recordings", groups=tuple(groups), notes=notes)


def _too_few(wanted: Wanted, tasks: int, groups: Sequence[Group]) -> tuple[str, ...]:
    kept = sum(not group.extra for group in groups)
    if kept == tasks:
        return ()
    return (f"{tasks - kept} of {tasks} tasks have no culprit or fewer than {wanted.samples} runs and are left out",)


def _mini_swe(path: Path) -> Found:
    files = sorted(path.rglob("*.traj.json")) if path.is_dir() else [path]
    if not files:
        raise CallerMistake(f"{path} holds no *.traj.json", "name a folder of mini-swe-agent's trajectories, or a file")
    attempts = []
    for file in files:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            attempts.append(mini_swe.attempt_from(document, file.name.removesuffix(".traj.json")))
        except (ValueError, OSError, TypeError, AttributeError, KeyError) as error:
            raise CallerMistake(f"{file} cannot be read: {error}", "mend or remove it") from None
    return Found(format="mini-swe-agent trajectories", groups=tuple(grouped(attempts)))


# ---- files of JSON lines ------------------------------------------------------------------------------------------


def _lines(path: Path, wanted: Wanted) -> Found:
    """An exported run, chat logs or spans: the first object says which. A file may also be one JSON document."""
    broken: list[str] | None = [] if wanted.skip else None
    whole = _document(path)
    rows = list(json_lines(path, broken=broken)) if whole is None else [(1, whole)]
    if not rows:
        raise CallerMistake(f"{path} holds no rows that can be read", "name a file of recorded runs")
    first = rows[0][1]
    if str(first.get("schema", "")).startswith("parcae.run/"):
        kind, groups = "exported run", journal.groups_from(_events(rows, path))
    elif "messages" in first:
        kind, groups = "chat logs", grouped(_each(chats.attempt_from, rows, path, broken))
    elif "resourceSpans" in first or "context" in first:
        spans = (span for own in _each(otel.spans_in, rows, path, broken) for span in own)
        kind, groups = "OpenTelemetry spans", grouped(otel.attempts_from(spans))
    else:
        raise CallerMistake(
            f"{path} is of no known format",
            "known are journals, exported runs, chat logs, *.traj.json, OpenTelemetry spans and AutoFL recordings",
        )
    return Found(format=kind, groups=tuple(groups), notes=left_out(broken or []))


def _each(
    parse: Callable[[dict[str, Any]], T],
    rows: Sequence[tuple[int, dict[str, Any]]],
    path: Path,
    broken: list[str] | None,
) -> list[T]:
    made = (read_row(parse, row, path, line, broken) for line, row in rows)
    return [one for one in made if one is not None]


def _document(path: Path) -> dict[str, Any] | None:
    """The file as one JSON document over several lines; None if it is none."""
    if path.suffix != ".json":
        return None
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None
    return whole if isinstance(whole, dict) else None


def _events(rows: Sequence[tuple[int, dict[str, Any]]], path: Path) -> Iterator[Event]:
    kinds = {kind.kind: kind for kind in journal.KINDS}
    for line, row in rows[1:]:
        kind = kinds.get(str(row.get("kind")))
        if kind is None:
            continue
        try:
            yield decode(kind, str(row["scope"]), json.dumps(row["body"]))
        except (KeyError, StoreFailed) as error:
            raise CallerMistake(f"{path.name}, line {line}: {error}", "export the run again") from None
