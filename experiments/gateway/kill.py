"""Kill the gateway while agents work, and compare the books: python -m experiments.gateway.kill [KILLS]."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import tempfile
from itertools import count
from pathlib import Path

from tests.gateway.process import process
from tests.gateway.test_server import KEY, Agent, config, told, written
from tests.gateway.upstream import Document, chat, turns, upstream

OUT = Path(__file__).parents[2] / "out" / "evidence" / "gateway_kill.json"
AGENTS, STEPS = 8, 12


async def killed(kills: int, folder: Path) -> dict[str, object]:
    """Rounds of work, each ended by SIGKILL at a random moment but the last; what each left in the books."""
    numbers, rng = count(), random.Random(1)

    def reply(path: str, document: Document) -> object:
        if turns(document) >= STEPS:
            return chat("done", usage=(900, 10))
        return chat(None, (f"call_{next(numbers):024d}", "look", json.dumps({"at": turns(document)})), usage=(900, 10))

    rounds: list[dict[str, float]] = []
    wrong_names = 0
    async with upstream(reply) as up:
        file = written(folder, config(up.url))
        for number in range(kills):
            agents = [Agent(1000 * number + one) for one in range(AGENTS)]
            async with process(file, env={"ALICE": KEY}) as served:
                working = [asyncio.ensure_future(agent.work(served.url)) for agent in agents]
                until = len(up.seen) + rng.randrange(5, AGENTS * STEPS - 10)
                while len(up.seen) < until:  # noqa: ASYNC110  # the upstream has no event for it
                    await asyncio.sleep(0.001)
                await served.end(signal.SIGKILL)
                await asyncio.wait(working)
            calls, usd = await told(folder)
            rounds.append({"upstream_calls": len(up.seen), "journal_calls": calls, "journal_usd": round(usd, 6)})
            async with process(file, env={"ALICE": KEY}) as served:
                await asyncio.gather(*(agent.work(served.url) for agent in agents))
            wrong_names += sum(len(agent.runs) != 1 or not agent.done for agent in agents)
            print(rounds[-1], f"wrong names so far: {wrong_names}", flush=True)
    over = [one["journal_calls"] - one["upstream_calls"] for one in rounds]
    return {
        "kills": kills,
        "agents": AGENTS,
        "least_over": min(over),
        "most_over": max(over),
        "wrong_names": wrong_names,
    }


def main(kills: int = 20) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(killed(kills, Path(folder)))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
