"""Every packaged strategy on the HotpotQA grid, seed after seed: seconds for 200 seeds on two cores (600 wanted).

Ours may draw 15 % of the calls, the others all of them, so each ends by itself. AgentTTS asks a scripted model, which
names configurations at random; the thinking of a real one is not timed. `python bench/allocation_grid.py [seeds]`
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.allocation.hotpotqa import SHARE, WHOLE, grid
from experiments.allocation.landscapes import GridEnvironment

from parcae.allocation.space import Space
from parcae.allocation.strategies.agenttts import AgentTts
from parcae.allocation.strategies.exhaustive import Exhaustive
from parcae.allocation.strategies.race import Race
from parcae.allocation.strategies.random_search import RandomSearch
from parcae.allocation.strategies.rules import Rules
from parcae.allocation.strategies.tpe import Tpe
from parcae.allocation.strategy import Strategy, search
from parcae.core.clock import WallClock
from parcae.core.scope import Scope
from parcae.ledger.account import free_account
from parcae.models.scripted import ScriptedModel, say
from parcae.store.memory import MemoryJournal

ROUNDS, BATCH = 5, 10  # of AgentTTS, as in the paper


def strategies(seed: int) -> dict[str, Strategy]:
    return {
        "exhaustive": Exhaustive(),
        "random": RandomSearch(seed=seed),
        "TPE": Tpe(seed=seed),
        "rules": Rules(),
        "AgentTTS, scripted model": agenttts(seed, grid().problem(items=200, max_calls=WHOLE, seed=seed).space),
        "ours": Race(),
    }


def agenttts(seed: int, space: Space) -> AgentTts:
    rng = np.random.default_rng(seed)
    lines = [say(advice(space, rng.choice(space.size, BATCH))) for _ in range(2 * ROUNDS)]
    scope = Scope(id="grid", account=free_account("grid"), journal=MemoryJournal(), clock=WallClock(), seed=seed)
    return AgentTts(model=ScriptedModel("advisor", lines), scope=scope, rounds=ROUNDS, batch=BATCH)


def advice(space: Space, configurations: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    trials = []
    for one in configurations:
        choices = zip(space.stages, space.choices(int(one)), strict=True)
        trials.append({stage.name: [choice.model, choice.samples] for stage, choice in choices})
    return json.dumps({"guideline": "spread over the grid", "trials": trials})


def played(seed: int) -> dict[str, float]:
    """CPU seconds of each strategy's search."""
    seconds = {}
    for name, strategy in strategies(seed).items():
        items, calls = (2430, int(SHARE * WHOLE)) if name == "ours" else (200, WHOLE)
        problem = grid().problem(items=items, max_calls=calls, seed=seed)
        environment = GridEnvironment(truth=grid().truth, items=items, seed=seed)
        begun = time.process_time()
        strategy.choose(asyncio.run(search(problem, strategy, environment)))
        seconds[name] = time.process_time() - begun
    return seconds


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    begun, total = time.monotonic(), Counter[str]()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done, one in enumerate(pool.map(played, range(seeds)), 1):
            total.update(one)
            print(f"\r{done} of {seeds} seeds", end="", file=sys.stderr)
    print(file=sys.stderr)
    each = {name: round(seconds, 1) for name, seconds in total.items()}
    wall = round(time.monotonic() - begun, 1)
    print(json.dumps({"seeds": seeds, "wall_seconds": wall, "cpu_seconds": each}, indent=1))


if __name__ == "__main__":
    main()
