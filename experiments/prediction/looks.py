"""When to look: llama3, parallel k = 1..10 and sequential k = 1..9 of ten attempts, without the GCN.

Folds 1-4 alone, 276 bugs: the held-out fold is neither trained on nor tested. Repeat some looks only:
python -m experiments.prediction.looks parallel@5 sequential@9
"""

from __future__ import annotations

import sys

from experiments.prediction.recorded import INNER, figures, inner, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of

HEADS = ("prior", "logistic", "names")
LOOKS = (*(f"parallel@{k}" for k in range(1, 11)), *(f"sequential@{k}" for k in range(1, 10)))


def look_of(text: str) -> Look:
    kind, _, at = text.partition("@")
    return Look(kind="sequential" if kind == "sequential" else "parallel", at=int(at))


def main() -> None:
    groups = inner(groups_of(recordings("llama3"), "llama3"))
    for name in sys.argv[1:] or LOOKS:
        found = evaluate(groups, look_of(name), gcn=None, heads=HEADS, test_folds=INNER)
        show(f"llama3, {name}", found)
        write(f"prediction_looks_{name}", figures(found))


if __name__ == "__main__":
    main()
