"""How much of an accuracy is the luck of the folds? llama3, k = 5, the tasks divided into five otherwise.

Each division hashes the names of tasks with another number before them. `inner`: eight divisions of folds 1-4
alone, all heads, and the mean of the log odds of every set of them. `all`: ten of all tasks, which is a look
at the held-out fold; nothing may be chosen on it.

Repeat: python -m experiments.prediction.partitions [inner] [all]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from experiments.prediction.recorded import inner, recordings, write

from parcae.prediction.evaluate import Evaluation, evaluate
from parcae.prediction.metrics import Floats, accuracy, auc, brier
from parcae.prediction.prefixes import Group, Look
from parcae.prediction.recordings import groups_of

LOOK = Look(at=5)
HEADS = ("prior", "logistic", "boosting", "forest", "names")
FEW = ("logistic", "names")


def divided(groups: Sequence[Group], divisions: range, heads: Sequence[str]) -> Iterator[Evaluation]:
    """The evaluation of each division."""
    for number in divisions:
        renamed = [replace(group, task_id=f"{number}/{group.task_id}") for group in groups]
        yield evaluate(renamed, LOOK, gcn=None, heads=heads)


def of_inner() -> dict[str, dict[str, float]]:
    return judged(divided(inner(groups_of(recordings("llama3"), "llama3")), range(101, 109), HEADS), HEADS)


def of_all() -> dict[str, dict[str, float]]:
    return judged(divided(groups_of(recordings("llama3"), "llama3"), range(1, 11), FEW), FEW)


def judged(evaluations: Iterator[Evaluation], heads: Sequence[str]) -> dict[str, dict[str, float]]:
    """For every set of heads: means over the divisions, and how far the accuracy goes from one to another."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for one in evaluations:
        failed = np.array(one.failed)
        for count in range(1, len(heads) + 1):
            for members in combinations(heads, count):
                p = together([one.p_fail[name] for name in members])
                row = accuracy(failed, p), auc(failed, p), brier(failed, p)
                found.setdefault(" + ".join(members), []).append(row)
        print({name: round(rows[-1][0], 3) for name, rows in found.items() if "+" not in name}, flush=True)
    summary = {}
    for name, rows in found.items():
        own = np.array(rows)
        figures = dict(zip(("accuracy", "auc", "brier"), own.mean(axis=0).tolist(), strict=True))
        summary[name] = {**figures, "least": float(own[:, 0].min()), "most": float(own[:, 0].max())}
    return summary


def together(p_fail: Sequence[Floats]) -> Floats:
    """The mean of the log odds, as a probability."""
    kept = np.clip(np.stack(p_fail), 1e-3, 1 - 1e-3)
    return np.asarray(1 / (1 + np.exp(-np.log(kept / (1 - kept)).mean(axis=0))))


def main() -> None:
    document = {}
    for part in sys.argv[1:] or ["inner"]:
        document[part] = {"inner": of_inner, "all": of_all}[part]()
        print(part, flush=True)
        for name, row in document[part].items():
            print(f"  {name}: { ({key: round(value, 4) for key, value in row.items()}) }", flush=True)
        write("prediction_partitions", document)


if __name__ == "__main__":
    main()
