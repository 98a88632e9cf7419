"""On recorded work of another system's agents: fewer tokens, nothing lost. The long form is in experiments."""

from __future__ import annotations

from pathlib import Path

from experiments.organization.memory import arrivals, economy, recorded_steps
from experiments.organization.replay import replay

RECORDING = "megaagent_gobang.jsonl.gz"


def test_half_the_tokens_of_resending_everything_and_early_facts_still_arrive(shared_data: Path) -> None:
    recorded = recorded_steps(shared_data / RECORDING)
    recorded = {agent: recorded[agent] for agent in ("Bob", "Eve", "Dave")}
    assert economy(recorded)["ratio"] <= 0.5
    for reworded in (False, True):
        found = arrivals(recorded, rounds=1, reworded=reworded)
        assert found["facts"] >= 24
        assert found["share"] >= 0.95


async def test_every_recorded_write_arrives_or_is_kept_and_named(shared_data: Path, tmp_path: Path) -> None:
    figures = await replay(shared_data / RECORDING, tmp_path / "work")
    assert figures["lost"] == 0
    assert figures["acknowledged"] + figures["kept_and_named"] == figures["writes"] == figures["recorded_writes"] == 30
