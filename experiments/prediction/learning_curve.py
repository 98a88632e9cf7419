"""How forecasts grow with training tasks: llama3, k = 5, 50 to all tasks that are not tested, without the GCN.

Each of the folds 1-4 is tested as ever; of the tasks outside it only some, by lot, may train. The held-out fold is
neither trained on nor tested.
"""

from __future__ import annotations

import random

import numpy as np
from experiments.prediction.recorded import INNER, inner, recordings, write

from parcae.prediction.commonness import beside
from parcae.prediction.fit import Fit, Rows, forest, logistics, names
from parcae.prediction.metrics import accuracy, auc, bootstrap
from parcae.prediction.prefixes import Look, examples_of, fold_of
from parcae.prediction.recordings import groups_of
from parcae.prediction.rows import feature_names, rows_of, vocabulary

FITS: dict[str, Fit] = {"logistic": logistics((0.01, 0.03, 0.1)), "forest": forest(4), "names": names(4)}
SIZES = (50, 100, 150, 200, 1000)


def main() -> None:
    groups = inner(groups_of(recordings("llama3"), "llama3"))
    columns, document = feature_names(vocabulary(groups)), {}
    mains = np.array([not group.extra for group in groups])
    folds = np.array([fold_of(group.task_id) for group in groups])
    failed = np.array([bool(group.failed) for group in groups])
    for size in SIZES:
        p_fail = {name: np.zeros(len(groups)) for name in FITS}
        for fold in INNER:
            outside = sorted({group.task_id for group in groups if fold_of(group.task_id) != fold})
            some = set(random.Random(f"{size}/{fold}").sample(outside, min(size, len(outside))))
            rows = rows_of(examples_of(beside(groups, some), [Look(at=5)]), columns)
            train = rows.where(np.array([group.task_id in some for group in groups]))
            for name, fit in FITS.items():
                p_fail[name][folds == fold] = tested(fit, train, rows.where(folds == fold))
        for name, p in p_fail.items():
            low, high = bootstrap(auc, failed[mains], p[mains], seed=1)
            figures = accuracy(failed[mains], p[mains]), auc(failed[mains], p[mains])
            document[f"{name} {size}"] = {"accuracy": figures[0], "auc": figures[1], "low": low, "high": high}
            print(f"{size} tasks, {name}: {figures[0]:.3f} / {figures[1]:.3f} [{low:.2f}, {high:.2f}]", flush=True)
        write("prediction_learning_curve", document)


def tested(fit: Fit, train: Rows, test: Rows) -> np.ndarray:  # type: ignore[type-arg]
    return test.scored(fit(train, 1))


if __name__ == "__main__":
    main()
