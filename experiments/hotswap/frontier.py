"""The frontier by both cost rules, as the command prints it.

Repeat: python -m experiments.hotswap.frontier RUNS. Every call looks at all folds: count it in the log.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from parcae.cli.frontier_document import document
from parcae.cli.frontier_run import table
from parcae.hotswap.frontier import Asked, frontier
from parcae.hotswap.recorded import COST_RULES, USUAL_PRICES, Prices
from parcae.prediction.recordings import read_recordings

TARGET, SOURCES = "gpt-4o", ("llama3", "mistral-nemo")
DRAWS = 100  # by seed and by number of orders a figure moves by less than .002 then


def main() -> None:
    shared = Path(os.environ.get("PARCAE_SHARED", Path(__file__).parents[3] / "shared"))
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "data" / "autofl_d4j.jsonl.gz"
    recordings = read_recordings(file, models=[TARGET, *SOURCES])
    out = Path("out/evidence")
    out.mkdir(parents=True, exist_ok=True)
    found = {}
    for rule in COST_RULES:
        prices = Prices(of=USUAL_PRICES, rule=rule)
        asked = Asked(target=TARGET, sources=SOURCES, prices=prices, draws=DRAWS, processes=os.cpu_count() or 1)
        one = frontier(recordings, asked)
        print(f"tokens by {rule}", table(one), sep="\n", flush=True)
        found[rule] = document(one)
    (out / "frontier.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
