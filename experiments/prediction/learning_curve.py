"""How forecasts grow with training tasks: llama3, k = 5, 50 to all tasks that are not tested, without the GCN.

Each of the folds 1-4 is tested as ever; of the tasks outside it only some, by lot, may train. The held-out fold is
neither trained on nor tested.
"""

from __future__ import annotations

import random

import numpy as np
from experiments.prediction.recorded import INNER, inner, recordings, write

from parcae.prediction.fit import Fit, Rows, forest, logistics, names
from parcae.prediction.metrics import accuracy, auc, bootstrap
from parcae.prediction.prefixes import Look, examples_of
from parcae.prediction.recordings import groups_of
from parcae.prediction.rows import feature_names, rows_of, vocabulary

FITS: dict[str, Fit] = {"logistic": logistics((0.01, 0.03, 0.1)), "forest": forest(4), "names": names(4)}
SIZES = (50, 100, 150, 200, 1000)


def main() -> None:
    groups = inner(groups_of(recordings("llama3"), "llama3"))
    examples = examples_of(groups, [Look(at=5)])
    rows = rows_of(examples, feature_names(vocabulary(groups)))
    mains = np.array([not example.extra for example in examples])
    document = {}
    for size in SIZES:
        p_fail = {name: np.zeros(len(examples)) for name in FITS}
        for fold in INNER:
            outside = sorted({one.task_id for one, own in zip(examples, rows.fold, strict=True) if own != fold})
            some = set(random.Random(f"{size}/{fold}").sample(outside, min(size, len(outside))))
            train = rows.where(np.array([example.task_id in some for example in examples]))
            for name, fit in FITS.items():
                p_fail[name][rows.fold == fold] = tested(fit, train, rows.where(rows.fold == fold))
        for name, p in p_fail.items():
            low, high = bootstrap(auc, rows.failed[mains], p[mains], seed=1)
            figures = accuracy(rows.failed[mains], p[mains]), auc(rows.failed[mains], p[mains])
            document[f"{name} {size}"] = {"accuracy": figures[0], "auc": figures[1], "low": low, "high": high}
            print(f"{size} tasks, {name}: {figures[0]:.3f} / {figures[1]:.3f} [{low:.2f}, {high:.2f}]", flush=True)
        write("prediction_learning_curve", document)


def tested(fit: Fit, train: Rows, test: Rows) -> np.ndarray:  # type: ignore[type-arg]
    return test.scored(fit(train, 1))


if __name__ == "__main__":
    main()
