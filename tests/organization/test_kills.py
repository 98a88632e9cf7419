"""SIGKILL, for real: the short form of experiments/organization/kills.py."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from experiments.organization.kills import killed, state_of, work


@pytest.mark.timeout(300)
def test_a_killed_run_of_50_agents_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    asyncio.run(work(tmp_path / "whole"))
    whole = asyncio.run(state_of(tmp_path / "whole"))
    assert len(whole["chart"]) == 50  # type: ignore[arg-type]
    assert (whole["paid_twice"], whole["settled_twice"], whole["within_budget"]) == (0, 0, True)

    (tmp_path / "killed").mkdir()
    assert killed(tmp_path / "killed", random.Random(3), 2, 1.5) >= 1

    assert asyncio.run(state_of(tmp_path / "killed")) == whole
