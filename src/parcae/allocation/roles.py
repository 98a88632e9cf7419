"""Roles of an organisation as stages, by what its past runs recorded: nothing is drawn and nothing is paid.

An item is a goal. A role scores on a goal the share of its tasks whose first result was accepted; a configuration the
product over the roles: the chance that a chain from the boss down goes through without anything being sent back. S
attempts at a task with checks are scored as its checks would choose among S of the recorded ones; a task without checks
is done once, whatever S is. Knows nothing of journals.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats, configuration_costs
from parcae.allocation.history import History, Round
from parcae.allocation.pipeline import DEFAULT_SAMPLES, Pipeline, Stage
from parcae.allocation.problem import Problem
from parcae.allocation.replay import any_of
from parcae.allocation.result import Result, Scored, result_of
from parcae.allocation.space import Space, StageSpace
from parcae.core.errors import CallerMistake
from parcae.core.plan import EMPLOYEE_TEMPERATURE, Plan, StagePlan

NAME = "roles of an organisation"
BOSS = "boss"
ORDER = (BOSS, "admin", "agent")
MOST_CONFIGURATIONS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What an organisation was run for, and where: an item."""

    text: str
    workspace: str

    def command(self, model: str) -> str:
        """The command that records every role of this goal on `model`."""
        return f"parcae run {shlex.quote(self.text)} --workspace {shlex.quote(self.workspace)} --models {model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One recorded attempt of `role` at `task` on `model`. `accepted` None: nobody judged it; `passed` None: no checks.

    `first_usd`: up to the verdict; `whole_usd`: with all that followed from it; None where a price is unknown.
    """

    goal: Goal
    role: str
    task: str
    model: str
    accepted: bool | None
    passed: bool | None
    first_usd: float | None
    whole_usd: float | None


Done = Sequence[Attempt]


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """The attempts that count, by role, model and goal; `goals` are those on which every candidate served.

    `unjudged`: roles without a verdict on any single attempt, with the model that served them most.
    """

    stages: tuple[Stage, ...]
    goals: tuple[Goal, ...]
    done: Mapping[tuple[str, str, Goal], Done]
    unjudged: Mapping[str, str]
    left_out: int = 0

    def scores(self) -> NDArray[np.float64]:
        """The score of every configuration on every goal; shape (configurations, goals)."""
        columns = []
        for goal in self.goals:
            shares = [self._shares(stage, goal) for stage in self.stages]
            columns.append(reduce(lambda one, other: np.multiply.outer(one, other).reshape(-1), shares))
        return np.stack(columns, axis=1)

    def costs(self) -> list[Floats]:
        """US dollars a goal of each role, each of shape (models, samples); NaN where a price is unknown."""
        return [
            np.stack(
                [np.mean([self._cost(stage, model, goal) for goal in self.goals], axis=0) for model in stage.models]
            )
            for stage in self.stages
        ]

    def share(self, role: str, model: str, samples: int) -> float:
        """The mean score of one role alone."""
        stage = next(one for one in self.stages if one.name == role)
        place = stage.models.index(model) * len(stage.samples) + stage.samples.index(samples)
        return float(np.mean([self._shares(stage, goal)[place] for goal in self.goals]))

    def _shares(self, stage: Stage, goal: Goal) -> Floats:
        """The share of tasks done right at first by each model and number of attempts, flat; 1 where it had none."""
        sizes = np.asarray(stage.samples, dtype=np.int64)
        if stage.name in self.unjudged or not self._served(stage, goal):
            return np.ones(len(stage.models) * len(sizes))
        rows = [[_right(task, sizes) for task in self._tasks(stage, model, goal)] for model in stage.models]
        return np.concatenate([np.mean(row, axis=0) for row in rows])

    def _cost(self, stage: Stage, model: str, goal: Goal) -> Floats:
        """What all tasks of the role cost on this goal, for each number of attempts."""
        sizes = np.asarray(stage.samples, dtype=np.float64)
        total = np.zeros(len(sizes))
        for task in self._tasks(stage, model, goal):
            whole, first = (np.mean([_known(usd) for usd in costs]) for costs in zip(*map(_costs, task), strict=True))
            checked = all(one.passed is not None for one in task)
            total += whole + (first * (sizes - 1) if checked else 0.0)
        return total

    def _served(self, stage: Stage, goal: Goal) -> bool:
        return any(self.done.get((stage.name, model, goal)) for model in stage.models)

    def _tasks(self, stage: Stage, model: str, goal: Goal) -> list[Done]:
        return _by_task(self.done.get((stage.name, model, goal), ()))


def recorded(attempts: Sequence[Attempt], models: Sequence[str] = ()) -> Recordings:
    """What can be compared of `attempts`: every role on every one of `models` (all that served it) on the same goals.

    Raises:
        CallerMistake: a model never served a role, or too few goals were tried with all of them; with the command that
            records what is missing.
    """
    if not attempts:
        raise CallerMistake("these runs recorded nothing of an organisation", "run `parcae run GOAL` first")
    roles = [role for role in ORDER if any(one.role == role for one in attempts)]
    judged = {role: [one for one in attempts if one.role == role and one.accepted is not None] for role in roles}
    unjudged = {role: _usual(attempts, role) for role in roles if not judged[role]}
    counted = [one for role in roles for one in judged[role] or _by(attempts, role, unjudged[role])]
    candidates = {
        role: (unjudged[role],) if role in unjudged else tuple(models) or tuple(sorted({one.model for one in own}))
        for role, own in judged.items()
    }
    done = defaultdict(list)
    for one in counted:
        done[one.role, one.model, one.goal].append(one)
    missing = _missing(attempts, candidates, done)
    complete = tuple(goal for goal, pairs in missing.items() if not pairs)
    if len(complete) < 2:
        raise _too_few(complete, missing)
    stages = tuple(
        Stage(name=role, kind="role", models=candidates[role], samples=_sizes(role, candidates[role], complete, done))
        for role in roles
    )
    return Recordings(
        stages=stages, goals=complete, done=done, unjudged=unjudged, left_out=len(missing) - len(complete)
    )


def _by(attempts: Sequence[Attempt], role: str, model: str) -> Done:
    return [one for one in attempts if one.role == role and one.model == model]


def _usual(attempts: Sequence[Attempt], role: str) -> str:
    return Counter(one.model for one in attempts if one.role == role).most_common(1)[0][0]


def _missing(
    attempts: Sequence[Attempt], candidates: Mapping[str, Sequence[str]], done: Mapping[tuple[str, str, Goal], Done]
) -> dict[Goal, tuple[tuple[str, str], ...]]:
    """By goal the (role, model) pairs that nobody recorded there although the goal has work for the role."""
    work = {goal: {one.role for one in attempts if one.goal == goal} for goal in {one.goal: None for one in attempts}}
    return {
        goal: tuple(
            (role, model)
            for role, models in candidates.items()
            if role in roles
            for model in models
            if not done.get((role, model, goal))
        )
        for goal, roles in work.items()
    }


def _too_few(complete: Sequence[Goal], missing: Mapping[Goal, Sequence[tuple[str, str]]]) -> CallerMistake:
    """What to run so that two goals can be compared."""
    pairs = [(goal, *pair) for goal, own in missing.items() for pair in own[:1]]
    if not pairs:
        return CallerMistake(
            f"{len(complete)} goal was recorded with every model: too few to tell configurations apart",
            "run another goal, or the same in another folder, with the same models; better 50 of them",
        )
    goal, role, model = pairs[0]
    return CallerMistake(
        f"{len(complete)} goals were recorded with every model in every role: {model} never served as {role} in "
        f"{goal.text!r} at {goal.workspace}, so nothing is known of it there",
        f"record it with `{goal.command(model)}`, or leave models out with --models",
    )


def _by_task(done: Done) -> list[Done]:
    tasks: dict[str, list[Attempt]] = {}
    for one in done:
        tasks.setdefault(one.task, []).append(one)
    return list(tasks.values())


def _sizes(
    role: str, models: Sequence[str], goals: Sequence[Goal], done: Mapping[tuple[str, str, Goal], Done]
) -> tuple[int, ...]:
    """The numbers of attempts that every task with checks was recorded in, on every model and goal."""
    counts = [
        len(task)
        for model in models
        for goal in goals
        for task in _by_task(done.get((role, model, goal), ()))
        if all(one.passed is not None for one in task)
    ]
    return tuple(size for size in DEFAULT_SAMPLES if size <= min(counts, default=1))


def _right(task: Done, sizes: NDArray[np.int64]) -> Floats:
    """The chance that the result is accepted when the task's checks choose among S of its attempts; shape (S,)."""
    if any(one.passed is None for one in task):
        return np.full(len(sizes), float(np.mean([bool(one.accepted) for one in task])))
    passed = [one for one in task if one.passed]
    if not passed:
        return np.zeros(len(sizes))
    chosen = any_of(np.array([len(passed)]), np.array([len(task)]), sizes)[0]
    return np.asarray(chosen * np.mean([bool(one.accepted) for one in passed]), dtype=np.float64)


def _costs(one: Attempt) -> tuple[float | None, float | None]:
    return one.whole_usd, one.first_usd


def _known(usd: float | None) -> float:
    return math.nan if usd is None else usd


# ---- the search: every configuration on every goal


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOptions:
    """`item_usd`: what the chosen configuration may cost a goal. `held_out`: so many goals only score the choice."""

    item_usd: float = math.inf
    epsilon: float = 0.05
    delta: float = 0.05
    held_out: int = 0


def allocate_roles(found: Recordings, options: RoleOptions, *, run: str, nominal: bool) -> tuple[Result, Plan | None]:
    """The configuration that did best on the recorded goals within the budget, and its plan.

    Raises:
        CallerMistake: nothing fits the budget, too few goals are left, or a budget meets an unknown price.
    """
    pipeline = Pipeline(name=NAME, stages=found.stages, items=())
    space = Space(
        stages=tuple(StageSpace(name=one.name, models=one.models, samples=one.samples) for one in found.stages)
    )
    costs = configuration_costs(space, found.costs()) if space.size <= MOST_CONFIGURATIONS else np.empty(0)
    searched = len(found.goals) - options.held_out
    _check(space.size, searched, costs, options)
    scores = found.scores()
    problem = Problem(
        space=space,
        costs=costs,
        items=searched,
        budget=options.item_usd,
        epsilon=options.epsilon,
        delta=options.delta,
    )
    played = Round(
        configurations=np.arange(space.size),
        items=np.arange(searched),
        scores=scores[:, :searched],
        why=f"what past runs recorded scores all {space.size} configurations on all {searched} goals",
    )
    history = History.empty(problem).told(played)
    choice = history.best()
    picked = space.choices(choice)
    pairs = list(zip(found.stages, picked, strict=True))
    result = result_of(
        history,
        choice,
        run=run,
        pipeline=pipeline,
        status="done",
        nominal=nominal,
        held_out=tuple(float(one) for one in scores[choice, searched:]),
        stage_scores=tuple(
            (stage.name, found.share(stage.name, one.model, one.samples))
            for stage, one in pairs
            if stage.name not in found.unjudged
        ),
        notes=_notes(found, searched),
    )
    return result, None if result.best is None else plan_of_roles(found, result.best)


def _check(size: int, searched: int, costs: Floats, options: RoleOptions) -> None:
    if size > MOST_CONFIGURATIONS:
        raise CallerMistake(f"there are {size:,} configurations", "compare fewer models with --models")
    if searched < 2:
        raise CallerMistake(
            f"{options.held_out} of {searched + options.held_out} goals are held out: too few are left to search on",
            "hold fewer out, or record more goals",
        )
    if math.isfinite(options.item_usd) and np.isnan(costs).any():
        raise CallerMistake(
            "the price of a recorded call is unknown, so a budget in dollars cannot hold",
            "name prices in a catalog file (the setting `catalog`) and record again, or leave out --item-budget",
        )


def _notes(found: Recordings, searched: int) -> tuple[str, ...]:
    notes = ["an item is a goal; what was recorded is replayed, nothing was drawn, and nothing is said of other models"]
    if searched < 50:
        notes.append(f"{searched} goals: a difference under about {1 / math.sqrt(searched):.2f} may be chance")
    if found.left_out:
        notes.append(f"{found.left_out} goals are left out: not every model served there in every role")
    if sum(len(stage.models) > 1 for stage in found.stages) > 1:
        notes.append("roles are taken to do as well beside other models as beside those that they were recorded with")
    for role, model in found.unjudged.items():
        notes.append(
            f"{role} keeps {model}: no verdict on a single attempt of it was recorded; record with --check or "
            "--judges, or say `parcae outcome RUN` afterwards"
        )
    once = [stage.name for stage in found.stages if stage.samples == (1,) and stage.name not in found.unjudged]
    if once:
        notes.append(
            f"{', '.join(once)}: only one attempt at a task is compared; more are where every task with checks was "
            "done as often on every model"
        )
    return tuple(notes)


def plan_of_roles(found: Recordings, best: Scored) -> Plan:
    """The choice as a plan for `parcae run`: each role's model, then the dearer ones for whoever gets into trouble.

    The boss starts at the top of its ladder, so that it has no other model.
    """
    stages: dict[str, StagePlan] = {}
    costs = found.costs()
    for stage, by_model, (name, model, samples) in zip(found.stages, costs, best.stages, strict=True):
        each = dict(zip(stage.models, by_model[:, 0], strict=True))
        above = [one for one in stage.models if each[one] > each[model] and name != BOSS]
        dearer = sorted(above, key=lambda one: each[one])
        stages[name] = StagePlan(ladder=(model, *dearer), attempts=samples, temperature=EMPLOYEE_TEMPERATURE)
    return Plan(default=next(iter(stages.values())), stages=stages)
