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
from parcae.prediction.blend import AnyHead, Blend, score_of
from parcae.prediction.heads import Constant, Head, Logistic, Trees, grown
from parcae.prediction.metrics import Bools, Floats, brier
from parcae.prediction.names import Names, NameTable, stacked

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`features` (n, d), `failed` (n,), `fold` (n,): rows of one task share a fold.

    `tables` and `right`, one a row: the names that were answered by then, and which names are right; heads that read
    names need them. `extra` (n,) marks further groups of attempts at a task that is there already; None: none is.
    """

    features: Floats
    failed: Bools
    fold: Ints
    tables: tuple[NameTable, ...] = ()
    right: tuple[frozenset[str], ...] = ()
    extra: Bools | None = None

    @property
    def judged(self) -> Bools:
        """(n,) which rows forecasters are judged by: each task once, as it is met."""
        return np.ones(len(self.failed), dtype=bool) if self.extra is None else ~self.extra

    def where(self, chosen: Bools) -> Rows:
        """The rows that `chosen` marks."""
        places = np.flatnonzero(chosen).tolist()
        return Rows(
            features=self.features[chosen],
            failed=self.failed[chosen],
            fold=self.fold[chosen],
            tables=tuple(self.tables[place] for place in places if self.tables),
            right=tuple(self.right[place] for place in places if self.right),
            extra=None if self.extra is None else self.extra[chosen],
        )

    def scored(self, head: AnyHead) -> Floats:
        """What `head` says of each row, (n,)."""
        tables = self.tables or (None,) * len(self.failed)
        return np.array([score_of(head, row, table) for row, table in zip(self.features, tables, strict=True)])


Fit = Callable[[Rows, int], AnyHead]


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
    head: AnyHead
    unseen: Floats


def choose(kind: Kind, rows: Rows, seed: int) -> Chosen:
    """The setting with the least Brier score on inner folds, fitted on all of `rows`."""
    if one_class(rows.failed):
        return Chosen(setting="one class", head=constant(rows, seed), unseen=rows.failed.astype(np.float64))
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
        scores[inside] = rows.where(inside).scored(head)
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


def logistics(strengths: Sequence[float]) -> Fit:
    """The mean of the weights of several, itself a logistic regression.

    Choosing one strength per fold follows noise, and forecasts of different spread cannot be ranked together.
    """
    fits = [logistic(strength) for strength in strengths]

    def fit(rows: Rows, seed: int) -> Head:
        heads = [head for head in (one(rows, seed) for one in fits) if isinstance(head, Logistic)]
        weights = np.mean([head.weights for head in heads], axis=0)
        return Logistic(weights=weights, bias=float(np.mean([head.bias for head in heads])))

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
        return _forest(model.fit(rows.features.astype(np.float32), rows.failed))

    return fit


def names(leaf: int, trees: int = 200) -> Fit:
    """A random forest over single names, with at least `leaf` of them in a leaf; every prefix counts alike."""

    def fit(rows: Rows, seed: int) -> AnyHead:
        from sklearn.ensemble import RandomForestClassifier

        features, right, weights = stacked(rows.tables, rows.right)
        if one_class(right):
            return constant(rows, seed)
        model = RandomForestClassifier(trees, min_samples_leaf=leaf, max_features=0.4, random_state=seed)
        return Names(trees=_forest(model.fit(features.astype(np.float32), right, sample_weight=weights)))

    return fit


def _forest(model: Any) -> Trees:
    """A fitted forest in numpy: leaves hold the share of the second class."""

    def share(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(value[:, 0, 1] / value[:, 0, :].sum(axis=1))

    depth = max(tree.get_depth() for tree in model.estimators_)
    return grown([_tree(one.tree_, share) for one in model.estimators_], bias=0.0, boosted=False, depth=depth)


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
        head=Blend(heads=tuple(member.head for member in members if not isinstance(member.head, Blend))),
        unseen=np.mean([member.unseen for member in members], axis=0),
    )


def kinds(task_features: Sequence[str]) -> dict[str, Kind]:
    """What `parcae train` chooses from and `parcae evaluate` compares; the GCN is no head on features."""
    return {
        "majority": Kind(fits={"share": constant}),
        "prior": Kind(fits={f"C={c}": logistic(c) for c in (0.01, 0.1, 1.0)}, columns=tuple(task_features)),
        "logistic": Kind(fits={"mean of C=0.01, 0.03, 0.1": logistics((0.01, 0.03, 0.1))}),
        "boosting": Kind(fits={"depth 3": boosting(150, 3, 0.03), "depth 2": boosting(250, 2, 0.03)}),
        "forest": Kind(fits={"leaf 4": forest(4)}),
        "names": Kind(fits={"leaf 4": names(4)}),
    }
