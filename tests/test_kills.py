"""SIGKILL at random moments: ten here, the long form in `experiments/spine/kills.py`."""

from __future__ import annotations

from experiments.spine.kills import LIMIT_USD, killing


def test_a_run_that_is_killed_ten_times_ends_as_if_nobody_had() -> None:
    [life] = killing(runs=1, kills=10, seed=7)
    assert life.kills >= 5
    assert life.same
    assert life.again == 0
    assert life.spent_usd <= LIMIT_USD
