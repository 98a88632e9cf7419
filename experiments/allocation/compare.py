"""Runs strategies side by side on a landscape over many seeds; regrets, intervals and paired differences."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.problem import Problem
from parcae.allocation.strategy import Environment, Strategy, search

OUT = Path("out/evidence")


@dataclass(frozen=True, kw_only=True)
class Played:
    """What one search chose: its true regret and the calls it made."""

    regret: float
    calls: int
    choice: int


def play(problem: Problem, strategy: Strategy, environment: Environment, regret: Callable[[int], float]) -> Played:
    history = asyncio.run(search(problem, strategy, environment))
    choice = strategy.choose(history)
    assert problem.fits(choice), "a strategy chose what the budget does not allow"
    assert history.calls <= problem.max_calls, f"{type(strategy).__name__} overshot: {history.calls}"
    return Played(regret=regret(choice), calls=history.calls, choice=choice)


def over_seeds(job: Callable[[int], dict[str, Played]], seeds: Sequence[int]) -> dict[str, list[Played]]:
    """`job(seed)` plays every strategy on the same outcomes; two processes."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        found = list(pool.map(job, seeds, chunksize=max(1, len(seeds) // 40)))
    return {name: [one[name] for one in found] for name in found[0]}


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
