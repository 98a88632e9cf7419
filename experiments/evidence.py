"""Runs every experiment in its long form, one after another; each writes out/evidence/<name>.json. `make evidence`."""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from pathlib import Path

EXPERIMENTS = (
    "experiments.allocation.aime24",
    "experiments.allocation.hotpotqa",
    "experiments.allocation.livecodebench",
    "experiments.allocation.promise",
    "experiments.gateway.fuzz",
    "experiments.gateway.kill",
    "experiments.hotswap.frontier",
    "experiments.hotswap.known_figures",
    "experiments.hotswap.mixed_votes",
    "experiments.hotswap.orders",
    "experiments.organization.gobang",
    "experiments.organization.kills",
    "experiments.organization.memory",
    "experiments.organization.replay",
    "experiments.organization.survey",
    "experiments.prediction.ablations",
    "experiments.prediction.accuracy",
    "experiments.prediction.forecasters",
    "experiments.prediction.labels",
    "experiments.prediction.learning_curve",
    "experiments.prediction.partitions",
    "experiments.prediction.looks",
    "experiments.prediction.samples",
    "experiments.prediction.sequences",
    "experiments.repair.kills",
    "experiments.spine.kills",
    "experiments.workspace.kills",
)


def main() -> int:
    """Run them all; 1 if one failed."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    failed = []
    for name in EXPERIMENTS:
        started = time.monotonic()
        sys.stdout.write(f"== {name}\n")
        try:
            importlib.import_module(name).main()
        except Exception:  # noqa: BLE001  # the others still run; the failure is shown and counted
            traceback.print_exc()
            failed.append(name)
        sys.stdout.write(f"== {time.monotonic() - started:.0f} seconds\n")
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
