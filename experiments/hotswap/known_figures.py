"""The known figures of the frontier, walked again: fewer samples, adaptive lead; by both cost rules.

Repeat: python -m experiments.hotswap.known_figures RUNS (default: autofl_d4j.jsonl.gz of the shared data). Nothing is
trained, so no held-out fold is looked at in order to choose.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from parcae.hotswap.curves import Contender, played
from parcae.hotswap.policies import Adaptive, Never
from parcae.hotswap.recorded import USUAL_PRICES, Prices, decks_of
from parcae.prediction.recordings import gold_share, read_recordings

TARGET = "gpt-4o"
DRAWS = 10


def main() -> None:
    shared = Path(os.environ.get("PARCAE_SHARED", Path(__file__).parents[3] / "shared"))
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "data" / "autofl_d4j.jsonl.gz"
    found = read_recordings(file, models=[TARGET])
    rows = {}
    for rule in ("characters", "tokens"):
        decks = decks_of(found.tasks, [found.of(TARGET, least=10)], Prices(of=USUAL_PRICES, rule=rule))
        shuffled = [[deck.shuffled(draw) for draw in range(DRAWS)] for deck in decks]
        whole = sum(gold_share(deck.task, [one.answer for one in deck.attempts[TARGET]]) for deck in decks)
        dollars = sum(one.cost_usd for deck in decks for one in deck.attempts[TARGET])
        rows[rule] = {"tasks": len(decks), "solved": whole, "usd": dollars}
        for name, policy, attempts in POLICIES:
            one = Contender(curve="", name=name, policy=policy, ladder=(TARGET,), attempts=attempts)
            success, cost = played(one, shuffled)
            rows[rule][name] = [round(success.sum() / whole, 4), round(cost.sum() / dollars, 4)]
    out = Path("out/evidence/known_figures.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1))
    print(json.dumps(rows, indent=1))


POLICIES = (
    *((f"fixed {count}", Never(), count) for count in (1, 2, 3, 5)),
    *((f"adaptive@0.5, at most {count}", Adaptive(lead=0.5), count) for count in (2, 3, 5, 10)),
    *((f"adaptive@0.3, at most {count}", Adaptive(lead=0.3), count) for count in (3, 5, 7, 10)),
    ("adaptive@0.6, at most 10", Adaptive(lead=0.6), 10),
)

if __name__ == "__main__":
    main()
