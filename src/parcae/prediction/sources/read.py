"""Which format a file or folder is, and its groups. Formats of others: the entry point group `parcae.sources`.

A stranger's source is a function (Path) -> Sequence[Group] | None; None means that the file is not its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Event
from parcae.prediction.lines import Row, json_rows, leave_out, left_out, object_from, read_row
from parcae.prediction.prefixes import Group
from parcae.prediction.recordings import bugs_file_of, groups_of, read_recordings
from parcae.prediction.sources import chats, exports, journal, mini_swe, otel
from parcae.prediction.sources.attempts import Attempt, grouped
from parcae.prediction.sources.swaps import swapped_groups

ENTRY_POINTS = "parcae.sources"
SAMPLES = 10
JOURNAL, EXPORTED, CHATS = "journal", "exported run", "chat logs"
TRAJECTORIES, SPANS, AUTOFL = "mini-swe-agent trajectories", "OpenTelemetry spans", "autofl recordings"
RUNS = (JOURNAL, EXPORTED)  # formats that say of which kind a task is
OUTCOME = "parcae outcome RUN success|failure"
LABELS = {
    JOURNAL: f"say how runs turned out: {OUTCOME}",
    EXPORTED: f"say how runs turned out where they were made, {OUTCOME}, and export them again",
    CHATS: "give lines `success`: true or false",
    TRAJECTORIES: "give each `info` a `resolved`: true or false",
    SPANS: "give a span of each trace the attribute `parcae.success`: true or false",
    AUTOFL: "give tasks a culprit: `gold`",
}
T = TypeVar("T")
Source = Callable[[Path], Sequence[Group] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to take from a source: attempts by `model`; of runs those at tasks of kind `agent`; of recordings `samples`
    attempts a task (10). `swapped`: runs that another model took over, as they were then. Broken lines are left out if
    `skip`ped.
    """

    model: str | None = None
    samples: int | None = None
    agent: str | None = None
    swapped: bool = False
    skip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The groups of a source, what format it was, and what was left out."""

    format: str
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How verdicts enter this format."""
        return LABELS.get(self.format, f"make the source {self.format!r} say which groups failed")


def read(path: Path, wanted: Wanted) -> Found:
    """The groups in a file or folder. Journals are for `runs_found`, for their reading is asynchronous.

    Raises:
        CallerMistake: it is missing, broken (with the line's number), of no known format, or holds nothing of what is
            wanted; or what is wanted means nothing there.
    """
    if not path.exists():
        raise CallerMistake(f"there is no {path}", "name a file or folder of recorded runs")
    found = _read(path, wanted)
    if not found.groups:
        raise CallerMistake("; ".join((f"{path} holds no attempts to learn from", *found.notes)), "name another SOURCE")
    return _of_model(_whole(found, wanted), wanted.model)


def runs_found(events: Sequence[Event], wanted: Wanted, *, format: str = JOURNAL, notes: Sequence[str] = ()) -> Found:
    """The groups that the events of a journal, or of exported runs, make.

    Raises:
        CallerMistake: there are no such runs as are wanted, or `samples` are: a verdict is on whole runs.
    """
    groups = (swapped_groups if wanted.swapped else journal.groups_from)(events, agent=wanted.agent)
    if not groups and wanted.swapped:
        raise CallerMistake(
            "there are no runs that another model took over to learn from",
            "swap in some: parcae locate --swap parallel@4",
        )
    if not groups:
        if swapped_groups(events, agent=wanted.agent):
            raise CallerMistake(
                "another model took over in every run that is there", "they teach what a swap brings: add --swapped"
            )
        others = [kind for kind in journal.kinds_in(events) if kind != wanted.agent]
        cure = f"say which: --agent {' or '.join(others)}" if others else "name another SOURCE or --home"
        raise CallerMistake(
            f"there are no runs{f' of kind {wanted.agent!r}' if wanted.agent else ''} to learn from", cure
        )
    unlabelled = sum(group.failed is None for group in groups)
    missing = (f"{unlabelled} of {len(groups)} runs have no verdict yet: parcae outcome RUN ...",) if unlabelled else ()
    return _of_model(_whole(Found(format=format, groups=tuple(groups), notes=(*notes, *missing)), wanted), wanted.model)


def _read(path: Path, wanted: Wanted) -> Found:
    for point in entry_points(group=ENTRY_POINTS):
        strangers = point.load()(path)
        if strangers is not None:
            return Found(format=point.name, groups=tuple(strangers))
    if path.is_dir() or path.name.endswith(".traj.json"):
        return _folder(path, wanted)
    if bugs_file_of(path) != path and bugs_file_of(path).exists():
        return _recordings(path, wanted)
    return _rows(path, wanted)


def _whole(found: Found, wanted: Wanted) -> Found:
    """Refuses `samples` where the verdicts are on whole groups."""
    if wanted.samples is not None and found.format != AUTOFL:
        raise CallerMistake(f"--samples is for AutoFL recordings, and these are {found.format}", "leave it out")
    return found


def _of_model(found: Found, model: str | None) -> Found:
    kept = tuple(group for group in found.groups if model in (None, group.setup.model))
    if found.groups and not kept:
        models = ", ".join(sorted({group.setup.model or "(unknown)" for group in found.groups}))
        raise CallerMistake(f"there are no attempts by {model!r}", f"name another --model; there are {models}")
    return replace(found, groups=kept)


def _recordings(path: Path, wanted: Wanted) -> Found:
    broken: list[str] | None = [] if wanted.skip else None
    samples = wanted.samples or SAMPLES
    data = read_recordings(path, models=None if wanted.model is None else [wanted.model], broken=broken)
    if wanted.model is None and len(data.models) > 1:
        raise CallerMistake(f"{path.name} holds runs of {', '.join(data.models)}", "say which: --model NAME")
    if not data.models:
        whose = "" if wanted.model is None else f" of {wanted.model!r}"
        raise CallerMistake(f"{path.name} holds no runs{whose}", "name another --model or SOURCE")
    groups = groups_of(data, data.models[0], samples=samples)
    if not groups:
        raise CallerMistake(f"{path.name} holds no task with a culprit and {samples} runs", "ask for fewer: --samples")
    notes = (*left_out(broken or []), *_too_few(samples, len(data.tasks), groups))
    return Found(format=AUTOFL, groups=tuple(groups), notes=notes)


def _too_few(samples: int, tasks: int, groups: Sequence[Group]) -> tuple[str, ...]:
    kept = sum(not group.extra for group in groups)
    if kept == tasks:
        return ()
    return (f"{tasks - kept} of {tasks} tasks have no culprit or fewer than {samples} runs and are left out",)


# ---- folders ------------------------------------------------------------------------------------------------------


def _folder(path: Path, wanted: Wanted) -> Found:
    """A folder of trajectories, or of exported runs; or a trajectory."""
    trajectories = sorted(path.rglob("*.traj.json")) if path.is_dir() else [path]
    if trajectories:
        return _trajectories(trajectories, wanted)
    exported = sorted([*path.rglob("*.jsonl"), *path.rglob("*.jsonl.gz")])
    if not exported:
        raise CallerMistake(
            f"{path} holds no *.traj.json and no exported runs, *.jsonl",
            "name a folder of mini-swe-agent's trajectories or of exported runs, or a file",
        )
    broken: list[str] | None = [] if wanted.skip else None
    files = []
    for file in exported:
        rows = json_rows(file, broken=broken)
        if rows and exports.is_header(rows[0][1]):
            files.append((file, rows))
        else:
            leave_out(file, None, "no exported run", broken)
    return _exported(files, wanted, broken)


def _trajectories(files: Sequence[Path], wanted: Wanted) -> Found:
    broken: list[str] | None = [] if wanted.skip else None
    attempts = []
    for file in files:
        try:
            document = object_from(file.read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError) as error:
            leave_out(file, None, f"it cannot be read: {error}", broken)
            continue
        parse = partial(mini_swe.attempt_from, name=file.name.removesuffix(".traj.json"))
        attempts += _each(parse, [(None, document)], file, broken)
    return Found(format=TRAJECTORIES, groups=tuple(grouped(attempts)), notes=left_out(broken or [], "file"))


# ---- files of JSON objects ----------------------------------------------------------------------------------------


def _rows(path: Path, wanted: Wanted) -> Found:
    """Exported runs, chat logs or spans: the first object says which."""
    broken: list[str] | None = [] if wanted.skip else None
    rows = json_rows(path, broken=broken)
    if not rows:
        raise CallerMistake(f"{path} holds no rows that can be read", "name a file of recorded runs")
    first = rows[0][1]
    if exports.is_header(first):
        return _exported([(path, rows)], wanted, broken)
    attempts: Sequence[Attempt]
    if "messages" in first:
        kind, attempts = CHATS, _each(chats.attempt_from, rows, path, broken)
    elif "resourceSpans" in first or "context" in first:
        spans = (span for own in _each(otel.spans_in, rows, path, broken) for span in own)
        kind, attempts = SPANS, otel.attempts_from(spans)
    else:
        raise CallerMistake(
            f"{path} is of no known format",
            "known are journals, exported runs, chat logs, *.traj.json, OpenTelemetry spans and AutoFL recordings",
        )
    return Found(format=kind, groups=tuple(grouped(attempts)), notes=left_out(broken or []))


def _exported(files: Sequence[tuple[Path, exports.Numbered]], wanted: Wanted, broken: list[str] | None) -> Found:
    events = exports.events_of(files, broken)
    return runs_found(events, wanted, format=EXPORTED, notes=left_out(broken or []))


def _each(
    parse: Callable[[Row], T], rows: Sequence[tuple[int | None, Any]], path: Path, broken: list[str] | None
) -> list[T]:
    made = (read_row(parse, row, path, line, broken) for line, row in rows)
    return [one for one in made if one is not None]
