"""How many attempts: llama3 at k = 5 with R = 1..10 attempts a task; the label is the vote of those R.

Folds 1-4 alone, 276 bugs: the held-out fold is neither trained on nor tested. Repeat some sizes only:
python -m experiments.prediction.samples 3 4 5
"""

from __future__ import annotations

import sys

from experiments.prediction.recorded import INNER, figures, inner, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of

SIZES = range(1, 11)


def main() -> None:
    data = recordings("llama3")
    for samples in map(int, sys.argv[1:] or SIZES):
        groups = inner(groups_of(data, "llama3", samples=samples, most=3))
        found = evaluate(groups, Look(at=5), gcn=None, heads=("prior", "logistic", "names"), test_folds=INNER)
        show(f"llama3, R = {samples}", found)
        write(f"prediction_samples_{samples}", figures(found))


if __name__ == "__main__":
    main()
