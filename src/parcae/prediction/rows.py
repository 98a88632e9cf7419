"""Examples as rows of numbers, and as graphs: what training and evaluation work on.

Checks on the way in what makes every later figure worthless: no labels, one class, too few or doubled tasks.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.graphs.features import FEATURES
from parcae.graphs.semantic import FlowMatrix, build_semantic
from parcae.graphs.tally import Tally
from parcae.prediction.fit import Rows
from parcae.prediction.fitted import row_of
from parcae.prediction.names import table_of
from parcae.prediction.prefixes import FOLDS, Example, Group, fold_of
from parcae.prediction.setups import setup_records
from parcae.prediction.sound import MIX

FEWEST_TASKS = 30
LABEL = "say how attempts turned out"


def checked(groups: Sequence[Group], *, label: str = LABEL) -> list[Group]:
    """The labelled groups, fit to learn from; `label` says how groups get a verdict.

    Raises:
        CallerMistake: nothing is labelled, all verdicts are the same (set-ups that fail from the start are named),
            fewer than 30 tasks or all in one fold, or a task stands there twice for one set-up.
    """
    labelled = [group for group in groups if group.failed is not None]
    if not labelled:
        raise CallerMistake(f"none of {len({group.task_id for group in groups})} tasks has a verdict", label)
    tasks = {group.task_id for group in labelled}
    if len(tasks) < FEWEST_TASKS:
        raise CallerMistake(f"only {len(tasks)} tasks have a verdict, {FEWEST_TASKS} are needed", label)
    if len({fold_of(task) for task in tasks}) == 1:
        raise CallerMistake(f"all {len(tasks)} tasks fall into one of {FOLDS} folds", "add tasks with other ids")
    counted = Counter((group.task_id, group.setup) for group in labelled if not group.extra)
    doubled = [task for (task, _), count in counted.items() if count > 1]
    if doubled:
        raise CallerMistake(
            f"task {doubled[0]!r} stands there twice for one set-up ({len(doubled)} such tasks)",
            "give each group of attempts once, or different task ids",
        )
    failing = sum(bool(group.failed) for group in labelled)
    if failing in (0, len(labelled)):
        verdict = "failed" if failing else "succeeded"
        lost = [f", fails from the start: {one}" for one in setup_records(labelled) if one.fails_from_the_start]
        raise CallerMistake(
            f"all {len(labelled)} groups {verdict}{''.join(lost)}", "add tasks that turned out otherwise"
        )
    return labelled


def vocabulary(groups: Sequence[Group]) -> tuple[str, ...]:
    """The tools that were called, by name."""
    return tuple(
        sorted({call.tool for one in groups for turns in one.attempts for turn in turns for call in turn.calls})
    )


def feature_names(tools: Sequence[str]) -> tuple[str, ...]:
    """The features of a forecaster: the named ones, then the share of each tool."""
    return (*FEATURES, *(f"{MIX}{tool}" for tool in tools))


def rows_of(examples: Sequence[Example], names: tuple[str, ...], tallies: Sequence[Tally] | None = None) -> Rows:
    """One row an example; `tallies` if they are there already."""
    counted = tallies if tallies is not None else [example.prefix.tally() for example in examples]
    return Rows(
        features=np.array([row_of(tally, names) for tally in counted]).reshape(len(examples), len(names)),
        failed=np.array([example.failed for example in examples], dtype=bool),
        fold=np.array([fold_of(example.task_id) for example in examples], dtype=np.intp),
        tables=tuple(table_of(tally) for tally in counted),
        right=tuple(example.right for example in examples),
        extra=np.array([example.extra for example in examples], dtype=bool),
    )


def graphs_of(examples: Sequence[Example], embedder: Embedder, tools: tuple[str, ...]) -> list[FlowMatrix]:
    """The semantic flow graph of each prefix, built as a prefix."""
    return [build_semantic(example.prefix.attempts, embedder, tools).matrix() for example in examples]


def hash_of(examples: Sequence[Example]) -> str:
    """sha256 of all that is learned from, whatever its order."""
    lines = sorted(
        f"{one.task_id}\t{one.setup!r}\t{one.failed}\t{one.extra}\t{sorted(one.right)}\t{one.prefix!r}\t"
        f"{sorted(one.prefix.facts.known.covering.items())}\t{sorted(one.prefix.facts.known.others.items())}"
        for one in examples
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
