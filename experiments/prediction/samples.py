"""How many attempts: llama3 at k = 5 with R = 1..10 attempts a task; the label is the vote of those R.

Folds 1-4 alone, 276 bugs: the held-out fold is neither trained on nor tested.
"""

from __future__ import annotations

from experiments.prediction.recorded import INNER, figures, inner, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of


def main() -> None:
    data, document = recordings("llama3"), {}
    for samples in (1, 2, 3, 5, 7, 10):
        groups = inner(groups_of(data, "llama3", samples=samples, most=3))
        found = evaluate(groups, Look(at=5), gcn=None, heads=("prior", "logistic", "names"), test_folds=INNER)
        show(f"llama3, R = {samples}", found)
        document[str(samples)] = figures(found)
        write("prediction_samples", document)


if __name__ == "__main__":
    main()
