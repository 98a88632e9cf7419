"""Strategies as pure functions of a history, on a synthetic surrogate that obeys the insights (nothing recorded)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from experiments.strategies.elimination import Elimination, Halving
from experiments.strategies.gp import GpEi
from experiments.strategies.local import Coordinate, Evolution
from experiments.strategies.readers import Reader, agent_hpo, ml_copilot, zero_shot

from parcae.allocation.costs import configuration_costs, flops_costs
from parcae.allocation.history import History, Proposal, Round
from parcae.allocation.problem import Problem
from parcae.allocation.project import fitted
from parcae.allocation.space import Space, StageSpace
from parcae.allocation.strategies.agenttts import AgentTts, read_trials
from parcae.allocation.strategies.exhaustive import Exhaustive
from parcae.allocation.strategies.race import Race, standing_promise
from parcae.allocation.strategies.random_search import RandomSearch
from parcae.allocation.strategies.rules import Rules, initial_trials
from parcae.allocation.strategies.tpe import Tpe
from parcae.allocation.strategy import Strategy, search
from parcae.core.clock import WallClock
from parcae.core.scope import Scope
from parcae.ledger.account import free_account
from parcae.models.scripted import ScriptedModel, say
from parcae.store.memory import MemoryJournal


def problem(*, items: int = 30, max_calls: float = float("inf"), epsilon: float = 0.05) -> Problem:
    sizes = (3e9, 70e9)
    stages = tuple(
        StageSpace(name=name, models=("small", "large"), samples=(1, 2, 4, 8), parameters=sizes)
        for name in ("first", "second")
    )
    space = Space(stages=stages)
    costs = configuration_costs(space, flops_costs(space, [(128, 64), (256, 64)]))
    return Problem(
        space=space, costs=costs, items=items, budget=200.0, max_calls=max_calls, epsilon=epsilon, unit="units"
    )


@dataclass(kw_only=True)
class Surrogate:
    """Scores that rise with samples and level off, with a model of its own for each stage."""

    problem: Problem
    depth: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def truth(self, configuration: int) -> float:
        first, second = self.problem.space.choices(configuration)
        a = {"small": 0.55, "large": 0.6}[first.model] + 0.2 * (1 - 1 / first.samples)
        b = {"small": 0.5, "large": 0.8}[second.model] + 0.1 * (1 - 1 / second.samples)
        return a * b

    async def run(self, proposal: Proposal) -> Round:
        draws = np.random.default_rng(0).random(self.problem.items)[proposal.items]
        scores = np.array([(draws < self.truth(int(one))).astype(float) for one in proposal.configurations])
        before = sum(self.depth.values())
        models, places = self.problem.space.digits(proposal.configurations)
        for stage in range(2):
            for model, place in zip(models[stage], places[stage], strict=True):
                size = self.problem.space.stages[stage].samples[int(place)]
                for item in proposal.items:
                    key = (stage, int(model), int(item))
                    self.depth[key] = max(self.depth.get(key, 0), size)
        calls = sum(self.depth.values()) - before
        return Round(
            configurations=proposal.configurations, items=proposal.items, scores=scores, calls=calls, why=proposal.why
        )


def scope() -> Scope:
    return Scope(id="run", account=free_account("run"), journal=MemoryJournal(), clock=WallClock(), seed=1)


def answer(*trials: object) -> str:
    return json.dumps({"guideline": "more on the second stage", "trials": list(trials)})


STRATEGIES: dict[str, Strategy] = {
    "exhaustive": Exhaustive(),
    "random": RandomSearch(trials=12),
    "tpe": Tpe(seed=1),
    "rules": Rules(),
    "race": Race(),
    "coordinate": Coordinate(seed=1),
    "evolution": Evolution(seed=1),
    "gp": GpEi(trials=10),
    "elimination": Elimination(),
    "halving": Halving(calls=600),
}


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_strategy_stays_within_the_budget_and_answers_the_same_twice(name: str) -> None:
    here, strategy = problem(), STRATEGIES[name]
    environment, history = Surrogate(problem=here), History.empty(here)
    for _ in range(8):
        proposal, again = await strategy.propose(history), await strategy.propose(history)
        if proposal is None or again is None:
            assert proposal is again
            break
        assert np.array_equal(proposal.configurations, again.configurations)
        assert np.array_equal(proposal.items, again.items)
        assert len(proposal.configurations)
        assert all(here.fits(int(one)) for one in proposal.configurations)
        assert 0 <= proposal.items.min() <= proposal.items.max() < here.items
        assert proposal.why
        history = history.told(await environment.run(proposal))
    assert here.fits(strategy.choose(history))


@pytest.mark.parametrize("calls", [60, 200, 500])
async def test_the_race_never_draws_more_than_it_may(calls: int) -> None:
    here = problem(max_calls=calls)
    history = await search(here, Race(), Surrogate(problem=here))
    assert 0 < history.calls <= calls


async def test_the_race_ends_with_a_promise_when_items_suffice() -> None:
    here = problem(items=1500, epsilon=0.1)
    environment = Surrogate(problem=here)
    history = await search(here, Race(), environment)
    assert standing_promise(history).reached
    best = max(environment.truth(int(one)) for one in here.feasible)
    assert environment.truth(Race().choose(history)) >= best - 0.1


def test_the_first_trials_compare_the_models_of_a_stage_at_equal_cost() -> None:
    here = problem()
    trials = [here.space.choices(one) for one in initial_trials(here)]
    base = trials[0]
    assert [one.model for one in base] == ["large", "large"]
    assert all(one.samples == 1 for one in base)
    small_first = next(one for one in trials if one[0].model == "small")
    assert small_first[1] == base[1]
    assert small_first[0].samples == 8  # the most that costs no more than one sample of the large model
    assert all(here.costs[here.space.number(one)] <= here.costs[here.space.number(base)] + 1e-9 for one in trials)


def test_a_trial_over_the_budget_is_projected_onto_it() -> None:
    here = problem()
    dearest = here.space.size - 1
    assert not here.fits(dearest)
    projected = fitted(here, dearest)
    assert projected is not None
    assert here.fits(projected)
    assert [one.model for one in here.space.choices(projected)] == [one.model for one in here.space.choices(dearest)]


async def test_agenttts_follows_its_model_and_names_the_guideline() -> None:
    here = problem()
    lines = [say(answer({"first": ["SMALL", 3], "second": ["large", 1]}))] * 5
    strategy = AgentTts(model=ScriptedModel("advisor", lines), scope=scope(), rounds=1)
    history = await search(here, strategy, Surrogate(problem=here))
    last = history.rounds[-1]
    assert "guideline: more on the second stage" in last.why
    [trial] = [here.space.choices(int(one)) for one in last.configurations]
    assert [(one.model, one.samples) for one in trial] == [("small", 2), ("large", 1)]  # 3 is no choice: 2 is


async def test_an_answer_that_cannot_be_used_is_asked_for_once_more_then_the_rules_take_over() -> None:
    here = problem()
    model = ScriptedModel("advisor", [say("no idea"), say('{"trials": "none"}')])
    history = await search(here, AgentTts(model=model, scope=scope(), rounds=1), Surrogate(problem=here))
    assert len(model.seen) == 2
    assert "rules instead" in history.rounds[-1].why


def test_duplicates_and_nonsense_among_trials_are_left_out() -> None:
    good = {"first": ["small", 1], "second": ["small", 1]}
    text = f"Sure! {json.dumps({'guideline': 'x', 'trials': [good, good, {'first': ['gpt', 1]}, 7, None]})} Bye"
    assert len(read_trials(text, History.empty(problem()))) == 1


@pytest.mark.parametrize("make", [zero_shot, agent_hpo, ml_copilot])
def test_readers_run_on_any_model(make: Callable[..., Reader]) -> None:
    here = problem()
    trials = [{"first": ["small", k], "second": ["large", 1]} for k in (1, 2, 4)]
    strategy = make(ScriptedModel("advisor", [say(answer(*trials))] * 20), scope(), trials=5)
    history = asyncio.run(search(here, strategy, Surrogate(problem=here)))
    assert history.rounds
    assert here.fits(strategy.choose(history))
