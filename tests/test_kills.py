"""SIGKILL at random moments: ten here, the long form in `experiments/spine/kills.py`."""

from __future__ import annotations

import pytest
from experiments.spine.kills import LIMIT_USD, Life, killing

KILLS, MOST_RUNS = 10, 30


@pytest.mark.timeout(600)
def test_runs_that_are_killed_ten_times_end_as_if_nobody_had() -> None:
    lives: list[Life] = []
    while sum(life.kills for life in lives) < KILLS:  # how many kills one run takes depends on the machine's speed
        assert len(lives) < MOST_RUNS
        lives += killing(runs=1, kills=KILLS, seed=7 + len(lives))
    for life in lives:
        assert life.same
        assert life.again == 0
        assert life.spent_usd <= LIMIT_USD
