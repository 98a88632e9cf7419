"""Runs strategies side by side on a landscape over many seeds; regrets, intervals and paired differences.

Seeds that were played are kept in `out/parts`, under a digest of the code that played them, so a long table can be made
in parts: `PYTHON -m experiments.allocation.NAME SEEDS --seconds 240 --processes 1`, again and again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.history import History, Proposal, Round
from parcae.allocation.problem import Problem
from parcae.allocation.strategy import Environment, Strategy, search
from parcae.core.errors import LimitReached

T = TypeVar("T")
OUT = Path("out/evidence")
PARTS = Path("out/parts")
SEARCHED = ("belief", "costs", "guarantee", "history", "intervals", "problem", "project", "replay", "space", "strategy")


@dataclass(frozen=True, kw_only=True)
class Played:
    """What one search chose: its true regret and the calls it made."""

    regret: float
    calls: int
    choice: int


@dataclass(kw_only=True)
class Within:
    """An environment that refuses a round for which the calls do not suffice, as a live one stops at its limit."""

    inner: Environment
    most: float
    calls: int = 0

    async def run(self, proposal: Proposal) -> Round:
        played = await self.inner.run(proposal)
        if self.calls + played.calls > self.most:
            raise LimitReached(f"{self.calls + played.calls} calls, {self.most:g} are allowed")
        self.calls += played.calls
        return played


def play(problem: Problem, strategy: Strategy, environment: Environment, regret: Callable[[int], float]) -> Played:
    """Search until the strategy has enough, or its next round would overshoot; that round does not count."""
    known = [History.empty(problem)]
    limited = Within(inner=environment, most=problem.max_calls)
    with suppress(LimitReached):
        driven(search(problem, strategy, limited, watch=known.append))
    history = known[-1]
    choice = strategy.choose(history)
    assert problem.fits(choice), "a strategy chose what the budget does not allow"
    assert history.calls <= problem.max_calls, f"{type(strategy).__name__} overshot: {history.calls}"
    return Played(regret=regret(choice), calls=history.calls, choice=choice)


def driven(work: Coroutine[None, None, T]) -> T:
    """What `work` returns. Nothing in a simulation waits, so it needs no event loop; one costs half of the time here
    (asyncio.run shows its task, hence the whole history, to the signal module)."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]  # typed by the coroutine
    raise RuntimeError("a simulated search waited for something")


Job = Callable[[int], dict[str, Played]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """How much of a table to make now: `seeds` in all, for at most `seconds`, in so many processes."""

    seeds: int
    seconds: float = float("inf")
    processes: int = 2


class Unfinished(Exception):  # no error: the next part goes on from here
    """The time for this part is up."""


def part_of(arguments: Sequence[str], *, seeds: int) -> Part:
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", type=int, nargs="?", default=seeds)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--processes", type=int, default=2)
    return Part(**vars(parser.parse_args(arguments)))


def over_seeds(job: Job, seeds: Sequence[int], *, name: str, part: Part) -> dict[str, list[Played]]:
    """`job(seed)` plays every strategy on the same outcomes. What was played before is read, not played again.

    Raises:
        Unfinished: the time of this part is up; what was played is kept.
    """
    kept = PARTS / f"{name}-{code_digest()}.jsonl"
    found = _read(kept)
    left = [seed for seed in seeds if seed not in found]
    until = time.monotonic() + part.seconds
    PARTS.mkdir(parents=True, exist_ok=True)
    with kept.open("a", encoding="utf-8") as lines:
        for seed, played in _played(job, left, part.processes, until):
            found[seed] = played
            row = {key: [one.regret, one.calls, one.choice] for key, one in played.items()}
            lines.write(json.dumps({"seed": seed, "rows": row}) + "\n")
            lines.flush()
    if any(seed not in found for seed in seeds):
        raise Unfinished(f"{name}: {sum(seed in found for seed in seeds)} of {len(seeds)} seeds; run it again to go on")
    return {key: [found[seed][key] for seed in seeds] for key in found[seeds[0]]}


def _played(job: Job, seeds: Sequence[int], processes: int, until: float) -> Iterator[tuple[int, dict[str, Played]]]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    waiting = iter(seeds)
    if processes == 1:
        for seed in waiting:
            if time.monotonic() >= until:
                return
            yield seed, job(seed)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        flying = {pool.submit(job, seed): seed for _, seed in zip(range(2 * processes), waiting, strict=False)}
        while flying:
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for one in done:
                yield flying.pop(one), one.result()
                following = next(waiting, None) if time.monotonic() < until else None
                if following is not None:
                    flying[pool.submit(job, following)] = following


def _read(kept: Path) -> dict[int, dict[str, Played]]:
    """Seeds played before; a last line that was cut off is left out."""
    found = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[int(row["seed"])] = {
            key: Played(regret=regret, calls=calls, choice=choice)
            for key, (regret, calls, choice) in row["rows"].items()
        }
    return found


def code_digest() -> str:
    """Of everything that a simulated search runs: what an older version played is not mixed in."""
    root = Path(__file__).parents[2]
    searched = root / "src/parcae/allocation"
    files = [searched / f"{name}.py" for name in SEARCHED]
    files += [file for file in sorted((searched / "strategies").glob("*.py")) if file.stem != "agenttts"]
    files += sorted((root / "experiments/strategies").glob("*.py"))
    files.append(root / "experiments/allocation/landscapes.py")
    digest = hashlib.blake2b(digest_size=4)
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def regrets(played: Sequence[Played]) -> NDArray[np.float64]:
    return np.array([one.regret for one in played])


def summary(played: Sequence[Played]) -> dict[str, float]:
    values = regrets(played)
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return {
        "seeds": len(values),
        "mean_regret": float(values.mean()),
        "standard_error": error,
        "within_1_point": float((values <= 0.01 + 1e-12).mean()),
        "within_2_points": float((values <= 0.02 + 1e-12).mean()),
        "mean_calls": float(np.mean([one.calls for one in played])),
    }


def paired_difference(one: Sequence[Played], other: Sequence[Played]) -> tuple[float, float, float]:
    """Mean of regret(one) - regret(other) on the same seeds, with its 95 % interval."""
    difference = regrets(one) - regrets(other)
    half = 1.96 * float(difference.std(ddof=1) / np.sqrt(len(difference)))
    mean = float(difference.mean())
    return mean, mean - half, mean + half


def write(name: str, document: object) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    print(json.dumps(document, indent=1))
