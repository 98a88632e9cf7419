"""What the experiments here share: the recordings, rows of figures, and where they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from parcae.prediction.evaluate import Evaluation
from parcae.prediction.prefixes import FOLDS, Group, fold_of
from parcae.prediction.recordings import Recordings, read_recordings

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("PARCAE_SHARED", ROOT.parent / "shared")) / "data"

HELD_OUT = 0  # the fold that nothing here trains on, tests or shows; the five-fold tables are made elsewhere, once
INNER = tuple(fold for fold in range(FOLDS) if fold != HELD_OUT)


def inner(groups: Sequence[Group]) -> list[Group]:
    """The groups of tasks outside the held-out fold."""
    return [group for group in groups if fold_of(group.task_id) != HELD_OUT]


def recordings(*models: str) -> Recordings:
    return read_recordings(SHARED / "autofl_d4j.jsonl.gz", models=models or None)


def figures(found: Evaluation) -> dict[str, dict[str, float]]:
    names = (
        "accuracy",
        "low",
        "high",
        "auc",
        "auc_low",
        "auc_high",
        "aupr",
        "fpr_at_95_tpr",
        "brier",
        "calibration_error",
    )
    return {one.name: {name: round(getattr(one, name), 4) for name in names} for one in found.forecasters}


def show(title: str, found: Evaluation) -> None:
    print(f"{title}: {len(found.tasks)} tasks, {sum(found.failed)} fail, {found.seconds:.0f} s", flush=True)
    for one in found.forecasters:
        print(
            f"  {one.name:11} accuracy {one.accuracy:.3f} [{one.low:.3f}, {one.high:.3f}]  auc {one.auc:.3f} "
            f"[{one.auc_low:.3f}, {one.auc_high:.3f}]  brier {one.brier:.3f}",
            flush=True,
        )


def write(name: str, document: object) -> None:
    folder = ROOT / "out" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1))
