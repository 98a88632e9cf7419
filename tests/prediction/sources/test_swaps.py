"""What became of attempts that another model took over, from the journal."""

from __future__ import annotations

from dataclasses import replace

from tests.prediction.sources.test_read import run_events

from parcae.core.events import AttemptStarted, Decided, OutcomeGiven, RunStarted, StepCompleted, StepReplied
from parcae.core.protocols import Event
from parcae.prediction.sources.journal import groups_from
from parcae.prediction.sources.swaps import swapped_groups


def taken_over(run: str, *, success: bool | None = True, by: str = "large") -> list[Event]:
    """One attempt of a cheap model that was swapped after its first step, and what it then answered."""
    started, begun, *steps = run_events(run, success=None)
    assert isinstance(started, RunStarted) and isinstance(begun, AttemptStarted)
    swap = Decided(scope=run, action="swap", rung=1, attempts=(0,), looked_at=(1,))
    after = [
        AttemptStarted(scope=begun.scope, model=by, rung=1, after_steps=1),
        *(replace(step, model=by) if isinstance(step, StepReplied | StepCompleted) else step for step in steps[3:]),
    ]
    verdict = [] if success is None else [OutcomeGiven(scope=run, success=success)]
    return [started, begun, *steps[:3], swap, *after, *verdict]


def test_the_prefix_is_that_of_the_swap_and_the_verdict_that_of_the_end() -> None:
    events = [*taken_over("r1"), *taken_over("r2", success=False), *taken_over("r3", success=None)]
    groups = swapped_groups(events, agent="locate")
    assert [group.failed for group in groups] == [False, True, None]
    for group in groups:
        [turns] = group.attempts
        assert len(turns) == 1 and turns[0].answer is None and turns[0].observed_chars == 4
        assert group.setup.model == "small" and group.taken_by == "large" and group.facts.candidates == 12
    assert swapped_groups(events, agent="repair") == [] and groups_from(events, agent="locate") == []


def test_a_takeover_that_made_no_step_teaches_nothing_nor_one_without_its_moment() -> None:
    whole = taken_over("r1")
    swap = next(place for place, one in enumerate(whole) if isinstance(one, Decided))
    cut_off = [*whole[: swap + 2], whole[-1]]  # a verdict, though the model that took over never replied
    assert swapped_groups(cut_off, agent="locate") == []
    timeless = [replace(one, looked_at=()) if isinstance(one, Decided) else one for one in whole]
    assert swapped_groups(timeless, agent="locate") == []


def test_runs_that_were_left_alone_teach_nothing_of_swaps() -> None:
    assert swapped_groups(run_events("r1"), agent="locate") == []


def test_the_second_run_of_a_task_is_extra() -> None:
    again = [replace(one, scope=one.scope.replace("r1", "r9")) for one in taken_over("r1")]  # type: ignore[type-var]
    groups = swapped_groups([*taken_over("r1"), *again], agent="locate")
    assert [group.extra for group in groups] == [False, True]


def test_attempts_that_had_not_begun_are_empty() -> None:
    events = [replace(one, looked_at=(1, 0)) if isinstance(one, Decided) else one for one in taken_over("r1")]
    [group] = swapped_groups(events, agent="locate")
    assert [len(turns) for turns in group.attempts] == [1, 0]
