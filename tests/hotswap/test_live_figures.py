"""The arms of the live experiment, on a bug whose attempts are written down."""

from __future__ import annotations

import numpy as np
import pytest
from experiments.hotswap import live_figures as f

SMALL = (
    f.Made(("g",), (0.0, 1.0)),  # ended before the look at step 2 or with it
    f.Made(("g", "h"), (0.0, 1.0, 1.0, 1.0)),
    f.Made(("f",), (0.0, 1.0, 1.0)),
)
LARGE = (f.Made(("f",), (10.0, 10.0)), f.Made(("h",), (10.0, 10.0)), f.Made(("f", "h"), (10.0, 10.0)))
SWAPPED = (SMALL[0], f.Made(("f",), (0.0, 1.0, 7.0)), f.Made(("h",), (0.0, 1.0, 9.0)))
FORKED = (SMALL[0], f.Made((), (0.0, 1.0)), f.Made(("f",), (0.0, 1.0, 9.0)), f.Made(("f",), (8.0,)))
ARMS = {"small": SMALL, "large": LARGE, "swap@2": SWAPPED, "fork@2": FORKED}
BUG = f.Known("b", "f", ARMS, {("rule", 2): 0.8})


def test_ties_share_the_success_and_nothing_named_is_a_failure() -> None:
    assert BUG.right([(("f",), 1.0), (("g",), 1.0)]) == 0.5
    assert BUG.right([(("f",), 1.0), (("g",), 0.9)]) == 1.0
    assert BUG.right([((), 1.0)]) == 0.0
    assert BUG.right([(("g",), 0.01), (("f", "h"), 1.0)]) == 0.5


def test_fewer_attempts_are_the_mean_over_windows() -> None:
    assert f.fixed(BUG, "large", 1) == (pytest.approx(0.5), 20.0)
    assert f.fixed(BUG, "large", 3)[1] == 60.0


def test_a_swap_pays_every_prefix_and_what_goes_on_and_counts_who_had_ended() -> None:
    right, usd = f.swapped(BUG, 2, keep=1, weight=1.0)
    assert (right, usd) == (0.5, 3 * 1.0 + 7.0)  # g of an ended attempt against f of the one that went on
    right, usd = f.swapped(BUG, 2, keep=1, weight=0.01)
    assert (right, usd) == (1.0, 10.0)
    assert f.swapped(BUG, 2, keep=5, weight=0.01) == (0.5, 3.0 + 7.0 + 9.0)


def test_a_restart_pays_every_prefix_and_fresh_attempts() -> None:
    right, usd = f.restarted(BUG, 2, keep=1, weight=0.01)
    assert usd == 3.0 + 20.0
    assert right == pytest.approx(0.5)


def test_a_fork_counts_its_futures_and_who_had_ended() -> None:
    assert f.forked(BUG, 2, weight=0.01) == (1.0, 1.0 + 1.0 + 10.0 + 8.0)


def test_an_adaptive_lead_stops_when_it_is_there() -> None:
    right, usd = f.adaptive(BUG, 1.0, 3)  # orders: f alone; h alone; f and h, then f
    assert (right, usd) == (pytest.approx(2 / 3), pytest.approx(80 / 3))


def test_a_rival_at_the_same_dollars_lies_on_the_line_between_its_points() -> None:
    cheap, dear = np.array([[0.2, 1.0], [0.0, 1.0]]), np.array([[1.0, 3.0], [0.4, 3.0]])
    like = np.array([[0.0, 2.0], [0.0, 2.0]])
    assert f.at_cost([dear, cheap], like).tolist() == [[0.6, 2.0], [0.2, 2.0]]
    assert f.at_cost([dear, cheap], like * 9)[:, 1].tolist() == [3.0, 3.0]  # no further than its ends


def test_a_mix_acts_on_who_is_flagged() -> None:
    act, stay = np.array([[1.0, 5.0], [1.0, 5.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert f.mixed(f.by_forecast([BUG, BUG], "rule", 2, 0.8), act, stay).tolist() == stay.tolist()
    assert f.mixed(f.by_forecast([BUG, BUG], "rule", 2, 0.7), act, stay).tolist() == act.tolist()
    assert f.mixed(np.array([1.0, 0.25]), act, stay).tolist() == [[1.0, 5.0], [0.25, 2.0]]


def test_auc_and_ratios_are_what_they_say() -> None:
    failed = np.array([1.0, 1.0, 0.0, 0.0])
    assert f.auc(failed, np.array([0.9, 0.5, 0.5, 0.1])) == pytest.approx(0.875)
    assert np.isnan(f.auc(np.ones(3), np.ones(3)))
    drawn = f.draws(4, resamples=200)
    assert drawn.of(failed, np.ones(4))["mean"] == 0.5
    assert drawn.of(np.ones(4), np.ones(4)) == {"mean": 1.0, "low": 1.0, "high": 1.0}
