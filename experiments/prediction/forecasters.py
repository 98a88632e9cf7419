"""Every forecaster on the recordings: llama3 and mistral-nemo at k = 5 of ten attempts, gpt-4o when all have ended.

Five folds, each task forecast once by models that never saw it. Fold 0 was left out of everything while developing.
"""

from __future__ import annotations

from experiments.prediction.recorded import figures, recordings, show, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Look
from parcae.prediction.recordings import groups_of

TABLE = (("llama3", 5), ("gpt-4o", None), ("gpt-4o", 5), ("mistral-nemo", 5))


def main() -> None:
    data, document = recordings("llama3", "gpt-4o", "mistral-nemo"), {}
    for model, at in TABLE:
        found = evaluate(groups_of(data, model), Look(at=at))
        show(f"{model}, {found.look}", found)
        document[f"{model} {found.look}"] = figures(found)
        write("prediction_forecasters", document)


if __name__ == "__main__":
    main()
