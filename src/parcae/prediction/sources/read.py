"""Which format a file or folder is, and its groups. Formats of others: the entry point group `parcae.sources`.

A stranger's source is a function (Path) -> Sequence[Group] | None; None means that the file is not its kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import Event
from parcae.prediction.prefixes import Group
from parcae.prediction.recordings import bugs_file_of, groups_of, json_lines, read_recordings
from parcae.prediction.sources import chats, journal, mini_swe, otel
from parcae.prediction.sources.attempts import Attempt, grouped
from parcae.store.codec import decode

ENTRY_POINTS = "parcae.sources"
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
    data = read_recordings(path, models=None if wanted.model is None else [wanted.model])
    if wanted.model is None and len(data.models) > 1:
        raise CallerMistake(f"{path.name} holds runs of {', '.join(data.models)}", "say which: --model NAME")
    if not data.models:
        raise CallerMistake(f"{path.name} holds no runs of {wanted.model!r}", "name another --model")
    groups = groups_of(data, data.models[0], samples=wanted.samples)
    return Found(
        format="autofl recordings", groups=tuple(groups), notes=_left_out(path, wanted, len(data.tasks), groups)
    )


def _left_out(path: Path, wanted: Wanted, tasks: int, groups: Sequence[Group]) -> tuple[str, ...]:
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
        except (ValueError, OSError) as error:
            raise CallerMistake(f"{file} cannot be read: {error}", "mend or remove it") from None
        attempts.append(mini_swe.attempt_from(document, file.name.removesuffix(".traj.json")))
    return Found(format="mini-swe-agent trajectories", groups=tuple(grouped(attempts)))


# ---- files of JSON lines ------------------------------------------------------------------------------------------


def _lines(path: Path, wanted: Wanted) -> Found:
    """An exported run, chat logs or spans: the first object says which. A file may also be one JSON document."""
    rows, notes = _objects(path, wanted.skip)
    first = rows[0][1] if rows else {}
    if str(first.get("schema", "")).startswith("parcae.run/"):
        return Found(format="exported run", groups=tuple(journal.groups_from(_events(rows, path))), notes=notes)
    if "messages" in first:
        attempts: list[Attempt] = [chats.attempt_from(row, f"{path.name}, line {line}") for line, row in rows]
        return Found(format="chat logs", groups=tuple(grouped(attempts)), notes=notes)
    if "resourceSpans" in first or "context" in first:
        spans = (span for _, row in rows for span in otel.spans_in(row))
        return Found(format="OpenTelemetry spans", groups=tuple(grouped(otel.attempts_from(spans))), notes=notes)
    raise CallerMistake(
        f"{path} is of no known format",
        "known are journals, exported runs, chat logs, *.traj.json, OpenTelemetry spans and AutoFL recordings",
    )


def _objects(path: Path, skip: bool) -> tuple[list[tuple[int, dict[str, Any]]], tuple[str, ...]]:
    whole = _document(path)
    if whole is not None:
        return [(1, whole)], ()
    left_out: list[int] | None = [] if skip else None
    try:
        rows = list(json_lines(path, broken=left_out))
    except CallerMistake as error:
        raise CallerMistake(error.what, f"{error.cure}, or leave such lines out: --skip-broken") from None
    if not left_out:
        return rows, ()
    return rows, (f"{len(left_out)} broken lines were left out: {', '.join(map(str, left_out[:10]))}",)


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
