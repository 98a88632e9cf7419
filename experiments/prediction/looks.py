"""When to look: llama3, parallel k = 1..10 and sequential k = 1..9 of ten attempts, without the GCN."""

from __future__ import annotations

from experiments.prediction.recorded import figures, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of

LOOKS = (*(Look(at=k) for k in (1, 2, 3, 4, 5, 6, 8, 10)), *(Look(kind="sequential", at=k) for k in (1, 2, 3, 5, 7)))


def main() -> None:
    groups, document = groups_of(recordings("llama3"), "llama3"), {}
    for look in LOOKS:
        found = evaluate(groups, look, gcn=None, heads=("prior", "logistic", "boosting"))
        show(f"llama3, {look}", found)
        document[str(look)] = figures(found)
        write("prediction_looks", document)


if __name__ == "__main__":
    main()
