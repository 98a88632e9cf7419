"""The short, seeded forms of the tables in experiments/allocation: bounds are loose, long forms hold the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments.allocation import aime24, hotpotqa, livecodebench, promise
from experiments.allocation.compare import summary


@pytest.fixture(autouse=True)
def recordings(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCAE_SHARED", str(shared_data.parent))


def test_on_hotpotqa_ours_is_about_as_good_as_everything_for_a_seventh_of_the_calls() -> None:
    played = [hotpotqa.one(seed, only=("exhaustive", "ours")) for seed in range(8)]
    ours, exhaustive = (summary([one[name] for one in played]) for name in ("ours", "exhaustive"))
    assert ours["mean_calls"] <= 0.15 * exhaustive["mean_calls"]
    assert ours["mean_regret"] <= exhaustive["mean_regret"] + 0.012


@pytest.mark.parametrize("budget", livecodebench.BUDGETS)
def test_on_livecodebench_ours_ends_within_two_points_for_30_percent(budget: float) -> None:
    played = livecodebench.ours_alone(0, budget=budget)
    assert summary([played["ours"]])["within_2_points"] == 1.0


def test_every_strategy_plays_on_the_same_small_cache() -> None:
    found = livecodebench.side_by_side(0, items=10, budget=0.02)
    assert found["ours, a third of the least calls"].calls <= min(found["TPE"].calls, found["random"].calls) / 3
    assert all(-1e-12 <= one.regret <= 1 for one in found.values())


def test_on_aime24_ours_draws_a_tenth() -> None:
    found = [aime24.one(seed, budget=200_000) for seed in range(4)]
    ours, exhaustive = (summary([one[name] for one in found]) for name in ("ours", "exhaustive"))
    assert ours["mean_calls"] <= 768
    assert ours["mean_regret"] <= exhaustive["mean_regret"] + 0.01


def test_promises_hold_in_a_few_simulated_searches() -> None:
    found = [promise.one_search(seed)["search"] for seed in range(10)]
    assert sum(one.regret for one in found) <= 2
    assert all(one.choice for one in found)


def test_a_search_answers_by_the_number_of_items_that_it_announced() -> None:
    assert sum(promise.announced(seed)["announced"].choice for seed in range(4)) >= 3
