"""What a forecaster's arrays must be before anybody relies on them: no run that has paid may end on them.

Knows nothing of files; whoever reads one turns ValueError into a sentence that names it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from parcae.graphs.features import FEATURES
from parcae.prediction.blend import AnyHead, Blend
from parcae.prediction.calibrate import Calibration
from parcae.prediction.gcn import Gcn
from parcae.prediction.heads import Constant, Logistic, Trees
from parcae.prediction.names import WIDTH, Names

MIX = "mix:"  # names the feature that is a tool's share of the calls
ROUNDING = 1e-9


def check_features(names: tuple[str, ...]) -> None:
    """Make sure that all of `names` can be counted here.

    Raises:
        ValueError: one is unknown.
    """
    unknown = [name for name in names if name not in FEATURES and not name.startswith(MIX)]
    if unknown:
        raise ValueError(f"it reads {unknown[0]!r}, which this Parcae does not count")


def check_finite(arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Make sure that `arrays` hold numbers, all of them finite.

    Raises:
        ValueError: one does not.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ValueError(f"its {name} are not all finite numbers")


def check_curve(curve: Calibration) -> None:
    """Make sure that a curve of finite numbers has points, rises, and stays within [0, 1].

    Raises:
        ValueError: it does not.
    """
    scores, p_fail = curve.scores, curve.p_fail
    if scores.ndim != 1 or scores.shape != p_fail.shape or not len(scores):
        raise ValueError(f"its calibration has {scores.shape} scores and {p_fail.shape} probabilities")
    if (np.diff(scores) < 0).any() or (np.diff(p_fail) < -ROUNDING).any():
        raise ValueError("its calibration does not rise")
    _within_one("its calibration", p_fail)


def check_head(head: AnyHead | Gcn, *, features: int, width: int | None) -> None:
    """Make sure that a head of finite numbers can score rows of `features` features, or graphs of nodes so wide.

    `width`: the length of a node's vector; None: it is not known before the first text is embedded.

    Raises:
        ValueError: it cannot.
    """
    if isinstance(head, Blend):
        if not head.heads:
            raise ValueError("its blend is of nothing")
        for member in head.heads:
            check_head(member, features=features, width=width)
        return
    if isinstance(head, Constant):
        _within_one("its share", np.array(head.share))
    elif isinstance(head, Logistic):
        _shaped("weights", head.weights, (features,))
    elif isinstance(head, Names):
        _check_trees(head.trees, WIDTH)
    elif isinstance(head, Trees):
        _check_trees(head, features)
    elif isinstance(head, Gcn):
        _check_network(head, width)


def _check_trees(trees: Trees, columns: int) -> None:
    nodes = len(trees.feature)
    for name in ("threshold", "left", "right", "value"):
        _shaped(name, getattr(trees, name), (nodes,))
    places = {"feature": (trees.feature, columns), "roots": (trees.roots, nodes)}
    places |= {"left": (trees.left, nodes), "right": (trees.right, nodes)}
    for name, (array, end) in places.items():
        if array.ndim != 1 or not len(array) or array.min() < 0 or array.max() >= end:
            raise ValueError(f"its trees' {name} point beyond what is there")
    if not 0 <= trees.depth <= nodes:
        raise ValueError(f"its trees of {nodes} nodes are {trees.depth} deep")
    if not trees.boosted:
        _within_one("its trees' values", trees.value)


def _check_network(network: Gcn, width: int | None) -> None:
    hidden = len(network.first_bias)
    inputs = network.first.shape[0] if width is None and network.first.ndim else width
    wanted = {
        "first": (inputs, hidden), "first_bias": (hidden,), "second": (hidden, hidden), "second_bias": (hidden,),
        "last": (hidden,), "last_bias": (),
    }  # fmt: skip
    for name, shape in wanted.items():
        _shaped(name, getattr(network, name), shape)


def _shaped(name: str, array: NDArray[np.generic], shape: tuple[int | None, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"its {name} are of shape {array.shape} instead of {shape}")


def _within_one(what: str, values: NDArray[np.generic]) -> None:
    numbers = np.asarray(values, dtype=np.float64)
    if ((numbers < -ROUNDING) | (numbers > 1 + ROUNDING)).any():
        raise ValueError(f"{what} leaves [0, 1]")
