"""Any head, whatever it reads: a row of features, a table of names, or both through a blend of heads.

Also how heads are named in files. Knows nothing of the graph network, which reads graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parcae.prediction.heads import Arrays, Constant, Head, Logistic, Trees, trees_from
from parcae.prediction.metrics import Floats
from parcae.prediction.names import Names, NameTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """The mean of the scores of other heads."""

    heads: tuple[Head | Names, ...]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Theirs, each under its place."""
        return {
            f"{place}.{kind_of(head)}.{name}": array
            for place, head in enumerate(self.heads)
            for name, array in head.arrays().items()
        }


AnyHead = Head | Names | Blend


def score_of(head: AnyHead, row: Floats, table: NameTable | None) -> float:
    """How likely failure looks to `head`, in [0, 1]; `table` may be None where `reads_names` is false."""
    if isinstance(head, Blend):
        return sum(score_of(member, row, table) for member in head.heads) / len(head.heads)
    if isinstance(head, Names):
        assert table is not None
        return head.score(table)
    return head.score(row)


def reads_names(head: AnyHead) -> bool:
    """Whether it needs a table of names."""
    return isinstance(head, Names) or (isinstance(head, Blend) and any(reads_names(one) for one in head.heads))


def kind_of(head: AnyHead) -> str:
    """How a file names the kind of `head`."""
    kinds = {Constant: "constant", Logistic: "logistic", Trees: "trees", Names: "names", Blend: "blend"}
    return kinds[type(head)]


def head_from(kind: str, arrays: Arrays) -> AnyHead:
    """The head of `kind` made of `arrays`; KeyError or ValueError if they do not fit."""
    if kind != "blend":
        return _single(kind, arrays)
    parts: dict[tuple[int, str], dict[str, NDArray[np.generic]]] = {}
    for key, array in arrays.items():
        place, part, name = key.split(".", 2)
        parts.setdefault((int(place), part), {})[name] = array
    return Blend(heads=tuple(_single(part, parts[place, part]) for place, part in sorted(parts)))


def _single(kind: str, arrays: Arrays) -> Head | Names:
    if kind == "constant":
        return Constant(share=float(arrays["share"]))
    if kind == "logistic":
        return Logistic(weights=np.asarray(arrays["weights"], dtype=np.float64), bias=float(arrays["bias"]))
    if kind == "trees":
        return trees_from(arrays)
    if kind == "names":
        return Names(trees=trees_from(arrays))
    raise ValueError(f"no head of kind {kind!r}")
