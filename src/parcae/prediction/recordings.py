"""Recorded AutoFL runs on Defects4J: tasks, runs and what they cost; and AutoFL's vote over them, ties included.

Reads the format of a `*.jsonl.gz` of runs with its `*_bugs.jsonl.gz` of tasks beside it. A run's closing calls
(explanation and answer) are one turn: a run of n tool steps has n + 1 turns, so it "has answered by k" if n < k.
Knows nothing of forecasters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from parcae.core.errors import CallerMistake
from parcae.graphs.nodes import Call
from parcae.graphs.tally import TaskFacts
from parcae.graphs.turns import Turn
from parcae.prediction.fields import (
    count_in,
    counted_in,
    is_count,
    known_count_in,
    known_number_in,
    text_in,
    texts_in,
)
from parcae.prediction.lines import json_lines, leave_out, read_row
from parcae.prediction.prefixes import Group, Setup
from parcae.sampling.vote import vote

OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTask:
    """One bug. `covering[m]`: how many failing tests cover candidate method m, in the order of the file.

    A plain dict, as `RecordedRun.seen` is: both travel to other processes, and a MappingProxyType cannot.
    """

    id: str
    gold: frozenset[str]
    covering: Mapping[str, int]
    classes: int

    @property
    def facts(self) -> TaskFacts:
        """What is known before any run."""
        return TaskFacts.of(self.covering)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call to a model. What is None is unknown: tokens and seconds of some models, sizes of calls that failed."""

    purpose: str
    prompt_chars: int | None
    response_chars: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One attempt, whole. `predicted` is what it votes for; `seen[m]` how often it looked at candidate m.

    `turns` end with the one that answers. A run whose `status` is not "ok" failed: it votes for nothing.
    """

    task_id: str
    model: str
    repetition: int
    status: str
    turns: tuple[Turn, ...]
    predicted: tuple[str, ...]
    seen: Mapping[str, int]
    calls: tuple[RecordedCall, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """All tasks by id, and the runs of each (model, task id) by repetition; `others`: models passed over."""

    tasks: Mapping[str, RecordedTask]
    runs: Mapping[tuple[str, str], tuple[RecordedRun, ...]]
    others: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were recorded, in the order of the file."""
        return tuple(dict.fromkeys(model for model, _ in self.runs))

    def of(self, model: str, *, least: int = 1, gold: bool = True) -> dict[str, tuple[RecordedRun, ...]]:
        """The runs of `model` by task, for tasks with at least `least` of them (and, if asked, with a culprit).

        Raises:
            CallerMistake: the model was not recorded.
        """
        if model not in self.models:
            known = ", ".join((*self.models, *self.others))
            raise CallerMistake(f"no runs of {model!r} are recorded", f"recorded are {known}")
        return {
            task: runs
            for (name, task), runs in self.runs.items()
            if name == model and len(runs) >= least and (self.tasks[task].gold or not gold)
        }


# ---- reading ------------------------------------------------------------------------------------------------------


def bugs_file_of(runs_file: Path) -> Path:
    """Where the tasks of `runs_file` stand: `NAME_bugs.jsonl.gz` beside `NAME.jsonl.gz`."""
    return runs_file.with_name(runs_file.name.replace(".jsonl", "_bugs.jsonl"))


def read_recordings(
    runs_file: Path, *, models: Iterable[str] | None = None, broken: list[str] | None = None
) -> Recordings:
    """The recordings in `runs_file` and in the file of tasks beside it; only those of `models` if given.

    With a list for them, lines that cannot be used are named in `broken` and left out.

    Raises:
        CallerMistake: a file is missing; a line is broken, a run belongs to no task, a task or a repetition stands
            there twice (the line's number is given).
    """
    if not runs_file.is_file():
        raise CallerMistake(f"there is no {runs_file}", "name a file of recorded runs")
    wanted = None if models is None else set(models)
    tasks = _tasks(bugs_file_of(runs_file), broken)
    runs: dict[tuple[str, str], dict[int, RecordedRun]] = {}
    others: dict[str, None] = {}
    for line, row in json_lines(runs_file, broken=broken):
        if wanted is not None and isinstance(model := row.get("model"), str) and model not in wanted:
            others[model] = None
            continue
        run = read_row(lambda row: _run(row, tasks), row, runs_file, line, broken)
        if run is None:
            continue
        group = runs.setdefault((run.model, run.task_id), {})
        if run.repetition in group:
            again = f"repetition {run.repetition} of {run.model} on {run.task_id} was there before"
            leave_out(runs_file, line, again, broken)
            continue
        group[run.repetition] = run
    ordered = {key: tuple(group[number] for number in sorted(group)) for key, group in runs.items()}
    return Recordings(tasks=MappingProxyType(tasks), runs=MappingProxyType(ordered), others=tuple(others))


def _tasks(file: Path, broken: list[str] | None) -> dict[str, RecordedTask]:
    tasks: dict[str, RecordedTask] = {}
    for line, row in json_lines(file, broken=broken):
        task = read_row(_task, row, file, line, broken)
        if task is None:
            continue
        if task.id in tasks:
            leave_out(file, line, f"task {task.id} was there before", broken)
            continue
        tasks[task.id] = task
    return tasks


def _task(row: Mapping[str, Any]) -> RecordedTask:
    return RecordedTask(
        id=text_in(row, "bug"),
        gold=frozenset(texts_in(row, "gold")),
        covering=counted_in(row, "candidate_methods"),
        classes=count_in(row, "candidate_class_count"),
    )


def _run(row: Mapping[str, Any], tasks: Mapping[str, RecordedTask]) -> RecordedRun:
    task = text_in(row, "bug")
    if task not in tasks:
        raise CallerMistake(f"no task {task!r} in the file of tasks")
    status = text_in(row, "status")
    predicted = tuple(dict.fromkeys(texts_in(row, "predicted"))) if status == OK else ()
    return RecordedRun(
        task_id=task,
        model=text_in(row, "model"),
        repetition=count_in(row, "repetition"),
        status=status,
        turns=(*(_turn(step) for step in row["steps"]), Turn(answer=predicted)),
        predicted=predicted,
        seen=_seen(row["methods_seen"], list(tasks[task].covering)),
        calls=tuple(_call(call) for call in row["calls"]),
        seconds=known_number_in(row, "seconds"),
    )


def _seen(pairs: Sequence[Sequence[int]], names: Sequence[str]) -> dict[str, int]:
    for pair in pairs:
        if len(pair) != 2 or not all(map(is_count, pair)) or pair[0] >= len(names):
            raise CallerMistake(f"`methods_seen` must hold places among {len(names)} candidates, not {pair!r:.40}")
    return {names[place]: times for place, times in pairs}


def _turn(step: Mapping[str, Any]) -> Turn:
    arguments = json.dumps(step["arguments"], sort_keys=True, ensure_ascii=False)
    return Turn(
        calls=(Call(tool=text_in(step, "tool"), arguments=arguments),),
        observed_chars=count_in(step, "observation_chars"),
        errors=int(bool(step["observation_is_error"])),
    )


def _call(call: Mapping[str, Any]) -> RecordedCall:
    return RecordedCall(
        purpose=text_in(call, "purpose"),
        prompt_chars=known_count_in(call, "prompt_chars"),
        response_chars=known_count_in(call, "response_chars"),
        prompt_tokens=known_count_in(call, "prompt_tokens"),
        completion_tokens=known_count_in(call, "completion_tokens"),
        seconds=known_number_in(call, "seconds"),
    )


# ---- AutoFL's vote ------------------------------------------------------------------------------------------------


def ranking(task: RecordedTask, runs: Sequence[RecordedRun]) -> list[str]:
    """Every candidate of `task`, best first, as AutoFL ranks them over `runs` (failed runs vote for nothing).

    By vote; ties by failing tests that cover the method, then, for methods that nobody named, by how often runs looked
    at them, then in order of first mention and of the file. Sums of votes are compared unrounded, as the recorded
    scores were made: over thirty runs 1/3 + 1/3 + 1/3 and 1 differ once. `sampling.vote` calls that a tie.
    """
    votes: dict[str, float] = {}
    seen: Counter[str] = Counter()
    for run in runs:
        seen.update(run.seen)
        for name in run.predicted:
            votes[name] = votes.get(name, 0.0) + 1 / len(run.predicted)
    named = sorted(votes, key=lambda name: (-votes[name], -task.covering.get(name, 0)))
    others = [name for name in task.covering if name not in votes]
    return named + sorted(others, key=lambda name: (-task.covering[name], -seen[name]))


def best_gold_rank(task: RecordedTask, runs: Sequence[RecordedRun]) -> int | None:
    """The rank, from 1, of the best-ranked culprit; None if the task has none among its candidates."""
    return next((rank for rank, name in enumerate(ranking(task, runs), start=1) if name in task.gold), None)


def gold_share(task: RecordedTask, answers: Sequence[Sequence[str]]) -> float:
    """Success by the vote alone, in [0, 1]: the share of the top-voted names that is a culprit; 0 without any vote."""
    candidates = vote(answers).candidates
    if not candidates:
        return 0.0
    best = candidates[0].score
    top = [candidate.name for candidate in candidates if candidate.score > best - 1e-9]
    return sum(name in task.gold for name in top) / len(top)


# ---- for forecasters ----------------------------------------------------------------------------------------------


def groups_of(recordings: Recordings, model: str, *, samples: int = 10, most: int = 3) -> list[Group]:
    """One group a task with a culprit: the first `samples` runs of `model`, labelled by acc@1 of their vote.

    Tasks with fewer runs are left out. Every further `samples` runs of a task make an extra group, up to `most` in all.
    """
    groups = []
    for task_id, runs in recordings.of(model, least=samples).items():
        task = recordings.tasks[task_id]
        facts = task.facts
        whole = min(most, len(runs) // samples)
        for start in range(0, whole * samples, samples):
            chosen = runs[start : start + samples]
            groups.append(
                Group(
                    task_id=task_id,
                    setup=Setup(model=model),
                    attempts=tuple(run.turns for run in chosen),
                    failed=best_gold_rank(task, chosen) != 1,
                    facts=facts,
                    right=task.gold,
                    extra=start > 0,
                )
            )
    return groups
