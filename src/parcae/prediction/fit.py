"""Fitting heads on rows of features, with scikit-learn; what comes out needs numpy alone.

Hyper-parameters are chosen on inner folds, split by task like the outer ones. Knows nothing of where rows come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parcae.core.errors import CallerMistake
from parcae.prediction.heads import Blend, Constant, Head, Logistic, grown
from parcae.prediction.metrics import Bools, Floats, brier

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`features` (n, d), `failed` (n,), `fold` (n,): rows of one task share a fold."""

    features: Floats
    failed: Bools
    fold: Ints

    def where(self, chosen: Bools) -> Rows:
        """The rows that `chosen` marks."""
        return Rows(features=self.features[chosen], failed=self.failed[chosen], fold=self.fold[chosen])


Fit = Callable[[Rows, int], Head]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of head: the settings to choose from, and how one is fitted. `columns` None: all features."""

    fits: Mapping[str, Fit]
    columns: tuple[str, ...] | None = None


def require_sklearn() -> None:
    """Make sure that training can work here.

    Raises:
        CallerMistake: scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise CallerMistake("training needs scikit-learn", "install it: pip install 'parcae[train]'") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A fitted head, the setting it has, and the score of each training row by a head that had not seen its fold."""

    setting: str
    head: Head
    unseen: Floats


def choose(kind: Kind, rows: Rows, seed: int) -> Chosen:
    """The setting with the least Brier score on inner folds, fitted on all of `rows`."""
    if one_class(rows.failed):
        return Chosen(setting="one class", head=constant(rows, seed), unseen=np.full(len(rows.failed), rows.failed[0]))
    scores = {setting: unseen(fit, rows, seed) for setting, fit in kind.fits.items()}
    best = min(scores, key=lambda setting: brier(rows.failed, scores[setting]))
    return Chosen(setting=best, head=kind.fits[best](rows, seed), unseen=scores[best])


def unseen(fit: Fit, rows: Rows, seed: int) -> Floats:
    """The score of each row by a head that was fitted on the other folds."""
    scores = np.zeros(len(rows.failed))
    for fold in np.unique(rows.fold):
        inside = rows.fold == fold
        outside = rows.where(~inside)
        head = constant(outside, seed) if one_class(outside.failed) else fit(outside, seed)
        scores[inside] = [head.score(row) for row in rows.features[inside]]
    return scores


def one_class(failed: Bools) -> bool:
    """Whether there is nothing to tell apart."""
    return bool(failed.all() or not failed.any())


# ---- the kinds ----------------------------------------------------------------------------------------------------


def constant(rows: Rows, seed: int) -> Head:
    """The share of failures, drawn towards 1/2 as if two rows more had said so."""
    return Constant(share=float((rows.failed.sum() + 1) / (len(rows.failed) + 2)))


def logistic(strength: float) -> Fit:
    """L2-regularised logistic regression on standardised features; `strength` is scikit-learn's C."""

    def fit(rows: Rows, seed: int) -> Head:
        from sklearn.linear_model import LogisticRegression

        mean, spread = rows.features.mean(axis=0), rows.features.std(axis=0)
        spread = np.where(spread > 1e-9, spread, 1.0)
        model = LogisticRegression(C=strength, max_iter=2000)
        model.fit((rows.features - mean) / spread, rows.failed)
        weights = model.coef_[0] / spread
        return Logistic(weights=weights, bias=float(model.intercept_[0] - weights @ mean))

    return fit


def boosting(trees: int, depth: int, rate: float) -> Fit:
    """Stochastic gradient boosting (Friedman 2002) of shallow trees on half of the rows and a third of the features."""

    def fit(rows: Rows, seed: int) -> Head:
        from sklearn.ensemble import GradientBoostingClassifier

        model = GradientBoostingClassifier(
            n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=0.5, min_samples_leaf=10,
            max_features=0.3, random_state=seed,
        )  # fmt: skip
        model.fit(rows.features.astype(np.float32), rows.failed)
        share = float(rows.failed.mean())
        grown_trees = [_tree(tree.tree_, lambda value: value[:, 0, 0] * rate) for tree in model.estimators_[:, 0]]
        return grown(grown_trees, bias=float(np.log(share / (1 - share))), boosted=True, depth=depth)

    return fit


def forest(leaf: int, trees: int = 200) -> Fit:
    """A random forest (Breiman 2001) with at least `leaf` rows in a leaf."""

    def fit(rows: Rows, seed: int) -> Head:
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(trees, min_samples_leaf=leaf, random_state=seed)
        model.fit(rows.features.astype(np.float32), rows.failed)
        depth = max(tree.get_depth() for tree in model.estimators_)

        def share_failed(value: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(value[:, 0, 1] / value[:, 0, :].sum(axis=1))

        return grown(
            [_tree(one.tree_, share_failed) for one in model.estimators_], bias=0.0, boosted=False, depth=depth
        )

    return fit


def _tree(tree: Any, value: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> dict[str, NDArray[np.generic]]:
    return {
        "feature": tree.feature,
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "value": value(tree.value),
    }


def blend(members: Sequence[Chosen]) -> Chosen:
    """The mean of the scores of several: no further fit."""
    return Chosen(
        setting="mean",
        head=Blend(heads=tuple(member.head for member in members)),
        unseen=np.mean([member.unseen for member in members], axis=0),
    )


def kinds(task_features: Sequence[str]) -> dict[str, Kind]:
    """What `parcae train` chooses from and `parcae evaluate` compares; the GCN is no head on features."""
    return {
        "majority": Kind(fits={"share": constant}),
        "prior": Kind(fits={f"C={c}": logistic(c) for c in (0.01, 0.1, 1.0)}, columns=tuple(task_features)),
        "logistic": Kind(fits={f"C={c}": logistic(c) for c in (0.003, 0.01, 0.03, 0.1, 1.0)}),
        "boosting": Kind(fits={"depth 3": boosting(150, 3, 0.03), "depth 2": boosting(250, 2, 0.03)}),
        "forest": Kind(fits={"leaf 4": forest(4)}),
    }
