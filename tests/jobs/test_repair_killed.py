"""SIGKILL at random moments of a repair: twice here, the long form in `experiments/repair/kills.py`."""

from __future__ import annotations

import pytest
from experiments.repair.kills import killing
from tests.conftest import missing

from parcae.tools.bubblewrap import trouble


@pytest.mark.timeout(600)
def test_a_repair_that_is_killed_ends_as_if_nobody_had() -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    [life] = killing(runs=1, kills=2, seed=1)
    assert life.kills > 0
    assert life.same
    assert life.again == 0
