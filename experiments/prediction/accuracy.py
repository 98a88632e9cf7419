"""Can the accuracy be raised, and what bounds it? llama3, k = 5, folds 1-4; the held-out fold is in none of this.

Parts: `thresholds` (chosen on inner folds, beside 1/2), `stacks` (of the heads' unseen scores), `names` (the best
forecaster with more to learn from), `limits` (what the label's noise and the calibrated forecasts themselves allow).

Repeat: python -m experiments.prediction.accuracy [PART ...]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
from experiments.prediction.recorded import INNER, inner, recordings, write

from parcae.graphs.names import leader_of
from parcae.prediction.calibrate import calibrate
from parcae.prediction.commonness import beside
from parcae.prediction.crossfit import columns_of, fit_all, narrowed
from parcae.prediction.fit import names, unseen
from parcae.prediction.metrics import Bools, Floats, accuracy, auc, bootstrap, brier
from parcae.prediction.prefixes import Example, Group, Look, examples_of, fold_of
from parcae.prediction.recordings import groups_of
from parcae.prediction.rows import feature_names, rows_of, vocabulary

LOOK = Look(at=5)
HEADS = ("prior", "logistic", "boosting", "forest", "names")
STACKS = (
    ("names", "logistic"),
    ("names", "logistic", "prior"),
    ("names", "forest"),
    ("names", "forest", "prior"),
    HEADS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Calibrated scores of each head: of training rows by heads that had not seen them, and of the tested tasks."""

    failed: Bools
    fold: np.ndarray  # type: ignore[type-arg]
    tested: Bools
    inside: dict[str, Floats]
    outside: dict[str, Floats]


def mains(examples: Sequence[Example]) -> Bools:
    return np.array([not one.extra for one in examples])


@cache
def groups(model: str = "llama3") -> tuple[Group, ...]:
    return tuple(inner(groups_of(recordings(model), model)))


def seen_without(own: Sequence[Group], fold: int) -> list[Group]:
    """The groups as whoever may not know of the tasks of `fold` sees them."""
    return beside(own, {group.task_id for group in own if fold_of(group.task_id) != fold})


@cache
def folds() -> tuple[Fold, ...]:
    columns, found = feature_names(vocabulary(groups())), []
    for fold in INNER:
        examples = examples_of(seen_without(groups(), fold), [LOOK])
        rows = rows_of(examples, columns)
        train, test = rows.where(rows.fold != fold), rows.where((rows.fold == fold) & mains(examples))
        inside, outside = {}, {}
        for name, chosen in fit_all(train, columns, 1, HEADS).items():
            curve = calibrate(train.failed, chosen.unseen, train.fold)
            inside[name] = curve.each(chosen.unseen)
            outside[name] = curve.each(narrowed(test, columns_of(name, columns)).scored(chosen.head))
        found.append(Fold(failed=train.failed, fold=train.fold, tested=test.failed, inside=inside, outside=outside))
    return tuple(found)


def thresholds() -> dict[str, dict[str, object]]:
    """Accuracy at 1/2, and at the threshold (smoothed over .05) that is best on the training tasks' unseen scores."""
    failed = np.concatenate([one.tested for one in folds()])
    found: dict[str, dict[str, object]] = {}
    grid = np.linspace(0.2, 0.8, 121)
    for name in (*HEADS, "blend"):
        chosen, right = [], 0
        for one in folds():
            hits = np.array([((one.inside[name] > at) == one.failed).mean() for at in grid])
            smooth = np.convolve(np.pad(hits, 5, mode="edge"), np.ones(11) / 11, "valid")
            best = np.flatnonzero(smooth >= smooth.max() - 1e-12)
            chosen.append(float(grid[best[len(best) // 2]]))
            right += int(((one.outside[name] > chosen[-1]) == one.tested).sum())
        p = np.concatenate([one.outside[name] for one in folds()])
        found[name] = figures(failed, p) | {"chosen": right / len(failed), "thresholds": np.round(chosen, 2).tolist()}
        found[name]["if_calibrated"] = float(np.maximum(p, 1 - p).mean())
    return found


def stacks() -> dict[str, object]:
    """Means of log odds, and logistic regressions on log odds, fitted on the training tasks' unseen scores."""
    from sklearn.linear_model import LogisticRegression

    failed, found = np.concatenate([one.tested for one in folds()]), {}
    for members in STACKS:
        for strength in (None, 0.01, 0.1, 1.0):
            p = []
            for one in folds():
                train, test = (
                    np.stack([logit(scores[name]) for name in members], axis=1) for scores in (one.inside, one.outside)
                )
                if strength is None:
                    mean = 1 / (1 + np.exp(-train.mean(axis=1)))
                    p.append(calibrate(one.failed, mean, one.fold).each(1 / (1 + np.exp(-test.mean(axis=1)))))
                else:
                    model = LogisticRegression(C=strength).fit(train, one.failed)
                    p.append(model.predict_proba(test)[:, 1])
            key = f"{' + '.join(members)}, {'mean' if strength is None else f'C={strength}'}"
            found[key] = figures(failed, np.concatenate(p))
    return found


def logit(p: Floats) -> Floats:
    kept = np.clip(p, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(kept / (1 - kept)))


def figures(failed: Bools, p: Floats) -> dict[str, object]:
    low, high = bootstrap(accuracy, failed, p, seed=1)
    return {
        "accuracy": accuracy(failed, p),
        "low": low,
        "high": high,
        "auc": auc(failed, p),
        "brier": brier(failed, p),
    }


def more_names() -> dict[str, object]:
    """`names` with further moments, or with mistral-nemo's attempts at the training tasks, to learn from."""
    others = tuple(replace(one, extra=True) for one in groups("mistral-nemo"))
    variants = {
        "as it is": (groups(), [LOOK]),
        "moments 4, 5, 6": (groups(), [Look(at=4), LOOK, Look(at=6)]),
        "moments 3, 5, 8, end": (groups(), [Look(at=3), LOOK, Look(at=8), Look()]),
        "mistral-nemo's attempts too": ((*groups(), *others), [LOOK]),
    }
    return {name: named(own, looks) for name, (own, looks) in variants.items()}


def named(own: Sequence[Group], looks: Sequence[Look]) -> dict[str, object]:
    """Trained at all `looks`, calibrated and tested at k = 5 of llama3 alone."""
    columns, place = feature_names(vocabulary(groups())), list(looks).index(LOOK)
    p, failed, fit = [], [], names(4)
    for fold in INNER:
        examples = examples_of(seen_without(own, fold), looks)
        rows = rows_of(examples, columns)
        here = np.array([at % len(looks) == place and one.setup.model == "llama3" for at, one in enumerate(examples)])
        train = rows.where(rows.fold != fold)
        kept = here[rows.fold != fold]
        scores = unseen(fit, train, 1)
        curve = calibrate(train.failed[kept], scores[kept], train.fold[kept])
        test = rows.where((rows.fold == fold) & mains(examples) & here)
        p.append(curve.each(test.scored(fit(train, 1))))
        failed.append(test.failed)
    return figures(np.concatenate(failed), np.concatenate(p))


def limits() -> dict[str, object]:
    """What the label and the moment allow, whoever forecasts."""
    by_task: dict[str, list[Group]] = {}
    for one in groups():
        by_task.setdefault(one.task_id, []).append(one)
    pairs = [a.failed == b.failed for own in by_task.values() for a, b in combinations(own, 2)]
    first = [own[0] for own in by_task.values()]
    leaders = [(leader_of(one.prefix(LOOK).tally()), leader_of(one.prefix(Look()).tally())) for one in first]
    stays = [early == late for early, late in leaders]
    known = [(early in one.known_right()) != one.failed for (early, _), one in zip(leaders, first, strict=True)]
    ended = [any(turn.answer is not None for turn in turns) for one in first for turns in one.prefix(LOOK).attempts]
    return {
        "another ten attempts have the same label": float(np.mean(pairs)),
        "the leader at k = 5 leads at the end": float(np.mean(stays)),
        "accuracy of who knows at k = 5 which names are right": float(np.mean(known)),
        "attempts that have answered by k = 5": float(np.mean(ended)),
    }


PARTS = {"thresholds": thresholds, "stacks": stacks, "names": more_names, "limits": limits}


def main() -> None:
    document = {}
    for part in sys.argv[1:] or PARTS:
        document[part] = PARTS[part]()
        print(part, flush=True)
        for name, found in document[part].items():
            shown = found if isinstance(found, float) else {key: show(value) for key, value in found.items()}  # type: ignore[attr-defined]
            print(f"  {name}: {shown}", flush=True)
        write("prediction_accuracy", document)


def show(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
