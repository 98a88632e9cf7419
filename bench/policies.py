"""1,000 policies over the recordings of the shared data: walked behind the Policy seam, and on the search's boards.

    python bench/policies.py

213 tasks with ten gpt-4o attempts. The walk takes one order of attempts a task, the boards twenty.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice, product
from pathlib import Path

import numpy as np

from parcae.hotswap.curves import Contender, played
from parcae.hotswap.ladders import BELIEF, Opening, believed, board_of, space, states_of
from parcae.hotswap.policies import Adaptive
from parcae.hotswap.recorded import USUAL_PRICES, Prices, decks_of
from parcae.hotswap.selection import belief_of
from parcae.prediction.recordings import read_recordings

TARGET, POLICIES, DRAWS, TARGET_SECONDS = "gpt-4o", 1_000, 20, 60


def main() -> None:
    shared = Path(os.environ.get("PARCAE_SHARED", Path(__file__).parents[2] / "shared"))
    file = shared / "data" / "autofl_d4j.jsonl.gz"
    if not file.exists():
        sys.exit(f"the recordings are not here: {file}")
    found = read_recordings(file, models=[TARGET])
    decks = decks_of(found.tasks, [found.of(TARGET, least=10)], Prices(of=USUAL_PRICES, rule="characters"))
    began, used = time.perf_counter(), time.process_time()
    shuffled = [[deck.shuffled(0)] for deck in decks]
    for lead, most in product(np.linspace(0, 3, POLICIES // 10), range(1, 11)):
        policy = Adaptive(lead=float(lead))
        one = Contender(curve="", name="", policy=policy, ladder=(TARGET,), attempts=most)
        played(one, shuffled)
    say("walked behind the Policy seam", began, used)
    began, used = time.perf_counter(), time.process_time()
    openings = [Opening(patience=patience) for patience in (None, 7, 8, 9, 10)]
    ladders = list(islice(space(openings, 10), POLICIES))
    assert len(ladders) == POLICIES
    for opening in openings:
        states = [states_of(deck, opening, TARGET, DRAWS) for deck in decks]
        board = board_of(states, believed(belief_of((TARGET,), states), states), BELIEF, 0.04)
        for ladder in (one for one in ladders if one.opening == opening):
            board.play(ladder)
    say(f"on boards, {DRAWS} orders, beliefs fitted", began, used)


def say(what: str, began: float, used: float) -> None:
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{POLICIES} policies over 213 tasks, {what}: {cpu:.1f} CPU s, {wall:.1f} s (target {TARGET_SECONDS})")


if __name__ == "__main__":
    main()
