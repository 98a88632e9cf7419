"""A replay does what a live group does, costs what was drawn, and refuses what nobody recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hotswap.recordings import decks

from parcae.core.plan_rungs import PricePlan, RungPlan
from parcae.core.protocols import Decision, Forecast, Forecaster, Model, Policy, Standing, Watch
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.hotswap.climb import Climb
from parcae.hotswap.ladders import Ladder, Opening, believed, board_of, facts_of, states_of
from parcae.hotswap.policies import Adaptive, Consistency, Never, Parallel, Sequential, Stop, Windows
from parcae.hotswap.recorded import Deck, RecordedAttempt
from parcae.hotswap.replay import NotRecorded, NoWatch, StepWatch, walk
from parcae.hotswap.selection import belief_of
from parcae.models.scripted import ScriptedModel
from parcae.prediction.belief import BeliefForecaster
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import scope_in

TASK = Task(id="t", kind="recorded", question="?")
LADDER = ("weak", "strong")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Deck]:
    return decks(tmp_path_factory.mktemp("made"))


class Player:
    """A Worker that plays recorded attempts of each model, in the deck's order."""

    def __init__(self, deck: Deck) -> None:
        self.left = {model: list(attempts) for model, attempts in deck.attempts.items()}

    async def attempt(
        self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope
    ) -> AsyncIterator[Step]:
        recorded = self.left[model.card.name].pop(0)
        for step in recorded.steps:
            yield step


class Fixed:
    """Forecasts one value, whatever happens."""

    def __init__(self, p_fail: float) -> None:
        self.p_fail = p_fail

    def watch(self, task: Task, samples: int) -> Watch:
        return self

    def add(self, attempt: int, step: Step) -> None:
        pass

    def forecast(self) -> Forecast:
        return Forecast(p_fail=self.p_fail)


class Noting:
    """A policy that keeps what it decided."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.decisions, self.standings = policy, list[Decision](), list[Standing]()

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        return self.policy.pauses(standing)

    def decide(self, standing: Standing) -> Decision:
        self.standings.append(replace(standing, spent_usd=None))
        self.decisions.append(self.policy.decide(standing))
        return self.decisions[-1]


async def live(
    policy: Policy, deck: Deck, attempts: int, forecaster: Forecaster, *, swap_attempts: int | None = None
) -> tuple[tuple[str, ...], float]:
    """The answer of a live group over `deck`, and what its attempts cost."""
    journal = MemoryJournal()
    scope = await scope_in(journal)
    models: tuple[Model, ...] = tuple(ScriptedModel(name, []) for name in LADDER)
    group = Group(
        worker=Player(deck),
        ladder=models,
        attempts=attempts,
        policy=policy,
        forecaster=forecaster,
        swap_attempts=swap_attempts,
    )
    steps = [step async for step in group.attempt(TASK, model=models[0], scope=scope)]
    assert steps[-1].ending is not None
    costs = policy.standings[-1].costs_usd if isinstance(policy, Noting) else ()
    return steps[-1].ending.answer, sum(cost or 0.0 for cost in costs)


POLICIES: tuple[Policy, ...] = (
    Never(),
    Adaptive(lead=0.5),
    Adaptive(lead=1.5),
    Consistency(confidence=0.8),
    Windows(window=2),
    Sequential(k=2),
    Stop(k=2),
    Climb(rungs=(RungPlan(attempts=3, batch=2, enough=1.5), RungPlan(attempts=3, enough=0.5, weight=2.0))),
    Climb(rungs=(RungPlan(attempts=3, batch=3, look=(2,), swap_above=0.3), RungPlan(attempts=2))),
    Climb(rungs=(RungPlan(attempts=2), RungPlan(attempts=4)), price=PricePlan(solved_usd=0.05, attempt_usd=0.003)),
    Climb(rungs=(RungPlan(attempts=4, patience=2, enough=1.5), RungPlan(attempts=3, batch=2, patience=3))),
    Climb(rungs=(RungPlan(attempts=4, batch=3, patience=2), RungPlan(attempts=1))),
    Climb(rungs=(RungPlan(attempts=4, patience=2),), price=PricePlan(solved_usd=0.05, attempt_usd=0.003)),
)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("p_fail", [0.1, 0.9])
async def test_a_replayed_policy_does_what_the_live_group_does(policy: Policy, p_fail: float, made: list[Deck]) -> None:
    for deck in made[:6]:
        noting = Noting(policy)
        if isinstance(policy, Climb):
            noting.answer = policy.answer  # type: ignore[attr-defined]  # makes it a Ranking, as the policy is
        answer, cost_usd = await live(noting, deck, 4, Fixed(p_fail))
        came = walk(policy, deck, ladder=LADDER, attempts=4, watch=NoWatch(said=Forecast(p_fail=p_fail)))
        assert tuple(candidate.name for candidate in came.answer.candidates) == answer
        assert came.cost_usd == pytest.approx(cost_usd)
        assert [d.action for d in came.decisions[:-1]] == [d.action for d in noting.decisions[:-1]]


@pytest.mark.parametrize("swap_attempts", [1, 2, 5])
async def test_a_replay_swaps_as_few_attempts_as_the_live_group(swap_attempts: int, made: list[Deck]) -> None:
    for deck in made[:6]:
        noting = Noting(Sequential(k=2))
        _, cost_usd = await live(noting, deck, 4, Fixed(0.9), swap_attempts=swap_attempts)
        came = walk(
            Sequential(k=2),
            deck,
            ladder=LADDER,
            attempts=4,
            watch=NoWatch(said=Forecast(p_fail=0.9)),
            swap_attempts=swap_attempts,
        )
        assert came.cost_usd == pytest.approx(cost_usd)
        assert came.drawn == {"weak": 2, "strong": swap_attempts}


def test_going_on_with_the_same_model_is_what_was_recorded(made: list[Deck]) -> None:
    resume = Climb(rungs=(RungPlan(attempts=3, batch=3, look=(1,), then="resume"), RungPlan(after="answer")))
    lost = NoWatch(said=Forecast(p_fail=1.0))
    came = walk(resume, made[0], ladder=("weak", "weak"), attempts=3, watch=lost)
    whole = walk(Never(), made[0], ladder=("weak",), attempts=3)
    assert "swap" in [decision.action for decision in came.decisions]
    assert (came.cost_usd, came.drawn) == (pytest.approx(whole.cost_usd), whole.drawn)
    assert came.answer.candidates == whole.answer.candidates


def test_a_watch_that_reads_turns_gets_those_that_were_recorded(made: list[Deck]) -> None:
    deck = made[0]
    watch = RuleForecaster().watch(TASK, 2)
    walk(Never(), deck, ladder=("weak",), attempts=2, watch=StepWatch(watch))
    by_hand = RuleForecaster().watch(TASK, 2)
    for number, one in enumerate(deck.attempts["weak"][:2]):
        for turn in one.run.turns:
            by_hand.take_turn(number, turn, "weak")
    assert watch.forecast() == by_hand.forecast()


def test_a_continued_prefix_is_refused_with_the_reason(made: list[Deck]) -> None:
    lost = NoWatch(said=Forecast(p_fail=1.0))
    with pytest.raises(NotRecorded, match="after its model is swapped was not recorded"):
        walk(Parallel(k=1), made[0], ladder=LADDER, attempts=3, watch=lost)
    resume = Climb(rungs=(RungPlan(attempts=2, batch=2, look=(1,), then="resume"), RungPlan()))
    with pytest.raises(NotRecorded, match="start afresh"):
        walk(resume, made[0], ladder=LADDER, attempts=2, watch=lost)


def test_a_fork_is_refused_with_the_reason(made: list[Deck]) -> None:
    fork = Climb(rungs=(RungPlan(attempts=2, batch=2, look=(1,), then="fork"), RungPlan()))
    with pytest.raises(NotRecorded, match="several futures of one prefix go on was not recorded") as refused:
        walk(fork, made[0], ladder=LADDER, attempts=2, watch=NoWatch(said=Forecast(p_fail=1.0)))
    assert "parcae bench locate BUGS --plan FILE" in refused.value.cure


def test_a_fork_that_never_comes_is_replayed(made: list[Deck]) -> None:
    never = Climb(rungs=(RungPlan(attempts=2, batch=2, look=(1,), then="fork", enough=0.1), RungPlan()))
    came = walk(never, made[0], ladder=LADDER, attempts=2, watch=NoWatch(said=Forecast(p_fail=0.0)))
    assert came.decisions[-1].action == "finish"


def test_more_attempts_than_were_recorded_are_refused(made: list[Deck]) -> None:
    with pytest.raises(NotRecorded, match="all 6 recorded attempts of weak are drawn"):
        walk(Never(), made[0], ladder=LADDER, attempts=7)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 5), seed=st.integers(0, 99), lead=st.floats(0.1, 2.0))
def test_more_attempts_never_cost_less_and_stopping_never_costs_more(count: int, seed: int, lead: float) -> None:
    made = _DECKS[seed % len(_DECKS)].shuffled(seed)
    less, more = (walk(Never(), made, ladder=("strong",), attempts=n).cost_usd for n in (count, count + 1))
    assert less <= more
    stopping = walk(Adaptive(lead=lead), made, ladder=("strong",), attempts=count)
    assert stopping.cost_usd <= less + 1e-12
    assert stopping.drawn["strong"] <= count


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_shuffling_changes_the_order_and_nothing_else(seed: int) -> None:
    deck = _DECKS[seed % len(_DECKS)]
    mixed = deck.shuffled(seed)
    assert mixed == deck.shuffled(seed)
    for model, attempts in deck.attempts.items():
        assert sorted(map(_key, attempts)) == sorted(map(_key, mixed.attempts[model]))


def _key(one: RecordedAttempt) -> int:
    return one.run.repetition


def test_the_cost_of_an_attempt_is_that_of_all_its_calls(made: list[Deck]) -> None:
    for one in made[0].attempts["strong"]:
        by_hand = sum(call.prompt_chars / 4 * 2.5e-6 + call.response_chars / 4 * 10e-6 for call in one.run.calls)
        assert one.cost_usd == pytest.approx(by_hand)
        assert one.steps[0].cost_usd == 0.0
        assert one.steps[-1].ending is not None


@pytest.mark.parametrize(
    "opening",
    [Opening(), Opening(first=(("weak", 2),)), Opening(patience=3), Opening(first=(("weak", 1),), patience=2)],
    ids=str,
)
def test_the_fast_board_plays_what_the_walk_plays(opening: Opening, made: list[Deck]) -> None:
    states = [states_of(deck, opening, "strong", 3) for deck in made]
    models = (*(model for model, _ in opening.first), "strong")
    belief = belief_of(models, states)
    attempt_usd = float(np.mean([one.attempt_usd[:, -1].mean() for one in states]))
    for weight, lead, fades, most in ((1.0, 0.5, 0.3, 4), (2.5, 1.2, 0.1, 6), (1.0, 0.1, 0.8, 2)):
        ladder = Ladder(opening=opening, belief=weight, fades=fades, lead=lead, most=most)
        climb = ladder.climb(gain=0.2, attempt_usd=attempt_usd)
        right, cost = board_of(states, believed(belief, states), weight, attempt_usd).play(ladder)
        for i, deck in enumerate(made):
            for draw in range(3):
                watch = BeliefForecaster(belief=belief, facts=lambda task, deck=deck: facts_of(deck))
                came = walk(
                    climb,
                    deck.shuffled(draw),
                    ladder=models,
                    attempts=climb.rungs[0].attempts,
                    watch=StepWatch(watch.watch(TASK, 6)),
                )
                assert came.cost_usd == pytest.approx(cost[i, draw])
                best = came.answer.candidates[0].name if came.answer.candidates else ""
                assert float(best in deck.task.gold) == right[i, draw]


def _made_once() -> list[Deck]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return decks(Path(folder), tasks=10)


_DECKS = _made_once()
