"""When to look: llama3, parallel k = 1..10 and sequential k = 1..9 of ten attempts, without the GCN.

Folds 1-4 alone, 276 bugs: the held-out fold is neither trained on nor tested.
"""

from __future__ import annotations

from experiments.prediction.recorded import INNER, figures, inner, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of

HEADS = ("prior", "logistic", "names")
LOOKS = (*(Look(at=k) for k in (1, 2, 3, 4, 5, 6, 8, 10)), *(Look(kind="sequential", at=k) for k in (1, 2, 3, 5, 7)))


def main() -> None:
    groups, document = inner(groups_of(recordings("llama3"), "llama3")), {}
    for look in LOOKS:
        found = evaluate(groups, look, gcn=None, heads=HEADS, test_folds=INNER)
        show(f"llama3, {look}", found)
        document[str(look)] = figures(found)
        write("prediction_looks", document)


if __name__ == "__main__":
    main()
