"""Whom to swap: where a swap is forecast to turn the vote right, and not where the vote is most surely lost.

A second forecaster looks at the same prefix of small; it learned how votes end after the swap that was chosen. The gain
is what the first says less what the second says. Both, and the thresholds, come from tuning bugs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from experiments.hotswap import live_figures as f
from experiments.hotswap.live_figures import Floats, Known

from parcae.prediction.prefixes import Group

AFTER = "after "  # begins the name of a forecaster that learned how votes end after the swap


def swapped_groups(groups: Sequence[Group], known: Sequence[Known], shape: Mapping[str, Any]) -> list[Group]:
    """The same attempts of small; the verdict is on the vote after the swap of that shape."""
    right = f.over(known, partial(f.swapped, **shape))[:, 0]
    failed = {one.bug: bool(share < 0.5) for one, share in zip(known, right, strict=True)}
    return [replace(group, failed=failed[group.task_id]) for group in groups]


def merged(known: Sequence[Known], more: Sequence[Known]) -> list[Known]:
    """The same bugs with the forecasts of both."""
    return [replace(one, p_fail={**one.p_fail, **two.p_fail}) for one, two in zip(known, more, strict=True)]


def gains(known: Sequence[Known], now: str, after: str, k: int) -> Floats:
    """What a swap is forecast to add on each bug, in solved bugs."""
    return np.array([one.p_fail[now, k] - one.p_fail[AFTER + after, k] for one in known])


def chosen_gain(
    known: Sequence[Known], shape: Mapping[str, Any], now: str, kinds: Sequence[str], rates: Sequence[float]
) -> dict[str, Any]:
    """Which kind tells best how swaps end (AUC on bugs that it did not see), and the gain that each rate stands for."""
    k, act = int(shape["k"]), f.over(known, partial(f.swapped, **shape))
    said = {kind: np.array([one.p_fail[AFTER + kind, k] for one in known]) for kind in kinds}
    aucs = {kind: f.auc(1 - act[:, 0], one) for kind, one in said.items()}
    after = max(kinds, key=lambda kind: aucs[kind])
    gain = gains(known, now, after, k)
    return {"after": after, "aucs_after": aucs, "gain_above": [float(np.quantile(gain, 1 - rate)) for rate in rates]}
