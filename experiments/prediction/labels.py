"""What is a failed vote where nobody named anything? llama3, k = 5, by both readings of the label.

acc@1 ranks candidates that nobody named by how often attempts looked at them, so a vote without any vote can succeed (3
of 345 bugs). `ranked` is that label, which `parcae evaluate` has; by `named` such a vote fails. `divisions` divides the
tasks otherwise, as in `partitions`.

Repeat: python -m experiments.prediction.labels [divisions]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from experiments.prediction.partitions import FEW, LOOK, divided, judged
from experiments.prediction.recorded import recordings, write

from parcae.prediction.evaluate import evaluate
from parcae.prediction.prefixes import Group
from parcae.prediction.recordings import groups_of


def by_named(groups: Sequence[Group]) -> list[Group]:
    """The same groups; a vote fails, too, where no attempt ended with a name."""
    return [replace(group, failed=group.failed or not _named(group)) for group in groups]


def _named(group: Group) -> bool:
    return any(turns and turns[-1].answer for turns in group.attempts)


def main() -> None:
    ranked = groups_of(recordings("llama3"), "llama3")
    document: dict[str, object] = {}
    for label, groups in (("ranked", ranked), ("named", by_named(ranked))):
        if "divisions" in sys.argv[1:]:
            document[f"{label}, divisions"] = judged(divided(groups, range(1, 11), FEW), FEW)
        else:
            found = evaluate(groups, LOOK, gcn=None)
            figures = ("accuracy", "low", "high", "auc", "brier")
            rows = {one.name: {name: getattr(one, name) for name in figures} for one in found.forecasters}
            document[label] = {"failing": sum(found.failed), **rows}
        print(label, document, flush=True)
    write("prediction_labels" + ("_divisions" if "divisions" in sys.argv[1:] else ""), document)


if __name__ == "__main__":
    main()
