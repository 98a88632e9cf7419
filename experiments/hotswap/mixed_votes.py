"""Do votes of cheap models help to pick among the target's? Mixed with gpt-4o's at weights .5, 1, 2; nothing is chosen.

1 to 10 attempts of gpt-4o; all attempts of a source together count as `weight` attempts of it, each name by its share
of them. Plain: by that vote alone; with belief: beside what a belief over gpt-4o's attempts says, fitted for each fold
on the others. Repeat: python -m experiments.hotswap.mixed_votes RUNS (default: autofl_d4j.jsonl.gz of the shared data).
Folds 1-4 alone: the held-out fold is neither fitted on nor shown.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from parcae.hotswap.ladders import BELIEF, Opening, States, states_of
from parcae.hotswap.recorded import USUAL_PRICES, Deck, Prices, decks_of
from parcae.hotswap.selection import belief_of
from parcae.prediction.belief import Floats
from parcae.prediction.prefixes import fold_of
from parcae.prediction.recordings import gold_share, read_recordings

TARGET, SOURCES = "gpt-4o", ("llama3", "mistral-nemo")
ATTEMPTS, COUNTS, WEIGHTS = 10, (2, 5, 10, 30), (0.5, 1.0, 2.0)
DRAWS, FOLDS, HELD_OUT = 20, 5, 0


def main() -> None:
    shared = Path(os.environ.get("PARCAE_SHARED", Path(__file__).parents[3] / "shared"))
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "data" / "autofl_d4j.jsonl.gz"
    decks, rows = inner(file), {}
    solved = sum(gold_share(deck.task, [one.answer for one in deck.attempts[TARGET]]) for deck in decks)
    usd = sum(one.cost_usd for deck in decks for one in deck.attempts[TARGET])
    folds = np.array([fold_of(deck.task.id, FOLDS) for deck in decks])
    openings = (Opening(), *(Opening(first=((source, count),)) for source in SOURCES for count in COUNTS))
    for opening in openings:
        states = [states_of(deck, opening, TARGET, DRAWS) for deck in decks]
        beliefs = believed(states, folds)
        cost = sum(one.cost_usd.mean(axis=0)[1:] for one in states) / usd
        for weight in WEIGHTS if opening.first else (0.0,):
            plain, best = (kept(states, some, weight) / solved for some in ([0.0] * len(states), beliefs))
            rows[f"{opening} at weight {weight:g}"] = row = {"cost": cost, "plain": plain, "with belief": best}
            print(f"{opening} at weight {weight:g}")
            for way, values in row.items():
                print(f"  {way:11} {' '.join(f'{x:.3f}' for x in values)}", flush=True)
    out = Path("out/evidence/mixed_votes.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        name: {way: [round(float(x), 4) for x in values] for way, values in row.items()} for name, row in rows.items()
    }
    out.write_text(json.dumps({"tasks": len(decks), "solved": solved, "rows": figures}, indent=1))


def inner(file: Path) -> list[Deck]:
    """The tasks outside the held-out fold, with ten attempts of the target and all of the sources."""
    found = read_recordings(file, models=[TARGET, *SOURCES])
    runs = [found.of(TARGET, least=ATTEMPTS), *(found.of(source, least=max(COUNTS)) for source in SOURCES)]
    decks = decks_of(found.tasks, runs, Prices(of=USUAL_PRICES))
    return [
        Deck(task=deck.task, attempts={**deck.attempts, TARGET: deck.attempts[TARGET][:ATTEMPTS]})
        for deck in decks
        if fold_of(deck.task.id, FOLDS) != HELD_OUT
    ]


def alone(states: States) -> States:
    """What is seen of the target alone."""
    seen = states.seen
    own = replace(seen, share=seen.share[..., -1:, :], first=seen.first[..., -1:, :], drawn=seen.drawn[..., -1:])
    return replace(states, seen=own)


def believed(states: Sequence[States], folds: np.ndarray) -> list[Floats]:  # type: ignore[type-arg]
    """For each task what a belief over the target's attempts, fitted on the other folds, says of every name."""
    own = [alone(one) for one in states]
    beliefs = {
        fold: belief_of((TARGET,), [one for one, at in zip(own, folds, strict=True) if at != fold])
        for fold in set(folds.tolist())
    }
    return [BELIEF * beliefs[fold].of(one.seen) for one, fold in zip(own, folds.tolist(), strict=True)]


def kept(states: Sequence[States], beliefs: Sequence[Floats | float], weight: float) -> Floats:
    """Solved tasks, a mean over the draws, with 1, 2, ... attempts of the target; ties are shared."""
    solved = np.zeros(ATTEMPTS)
    for one, belief in zip(states, beliefs, strict=True):
        share = one.seen.share[..., 0, :] / np.maximum(one.seen.drawn[..., 0], 1)[..., None]
        merit = one.votes + belief + weight * share
        top = merit.max(axis=-1, keepdims=True)
        best = (merit > top - 1e-9) & (top > 0)
        right = (best * one.right).sum(axis=-1) / np.maximum(best.sum(axis=-1), 1)
        solved += right.mean(axis=0)[1:]
    return solved


if __name__ == "__main__":
    main()
