"""Small made-up recordings: a weak and a strong model on tasks of known difficulty, all from one seed."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

from parcae.core.usage import Price
from parcae.hotswap.recorded import Deck, Prices, decks_of
from parcae.prediction.recordings import read_recordings

PRICES = Prices(
    of={"strong": Price(prompt_usd=2.5, completion_usd=10), "weak": Price(prompt_usd=0.1, completion_usd=0.1)}
)


def write(folder: Path, *, tasks: int = 40, attempts: int = 6, seed: int = 1) -> Path:
    """Write made-up recordings to `folder`; returns the file of runs."""
    rng, runs, bugs = random.Random(seed), [], []
    for number in range(tasks):
        bug, names = f"Made_{number}", [f"pkg.C.m{i}()" for i in range(8)]
        gold = names[rng.randrange(4)]
        bugs.append(
            {
                "bug": bug,
                "gold": [gold],
                "candidate_class_count": 1,
                "candidate_methods": [[name, 1 + (name == gold)] for name in names],
            }
        )
        ease = rng.random()
        for model, skill in (("strong", 0.75), ("weak", 0.4)):
            for repetition in range(1, attempts + 1):
                runs.append(_run(rng, bug, model, repetition, gold, names, skill * (0.4 + ease)))
    file = folder / "made.jsonl.gz"
    for path, rows in ((file, runs), (folder / "made_bugs.jsonl.gz", bugs)):
        with gzip.open(path, "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
    return file


def _run(
    rng: random.Random, bug: str, model: str, repetition: int, gold: str, names: list[str], right: float
) -> dict[str, object]:
    named = [gold] if rng.random() < right else [rng.choice(names)]
    if rng.random() < 0.3:
        named.append(rng.choice(names))
    if rng.random() < 0.1:
        named = []
    steps = rng.randrange(2, 5)
    step = {"tool": "look", "arguments": {}, "observation_chars": 50, "observation_is_error": False}
    purposes = ["step"] * (steps - 1) + ["explanation", "answer"]
    if rng.random() < 0.2:
        purposes.insert(0, "discarded")
    calls = [
        {
            "purpose": purpose,
            "prompt_chars": rng.randrange(100, 4000),
            "response_chars": rng.randrange(10, 400),
            "prompt_tokens": None,
            "completion_tokens": None,
            "seconds": None,
        }
        for purpose in purposes
    ]
    return {
        "bug": bug,
        "model": model,
        "repetition": repetition,
        "status": "ok" if rng.random() < 0.95 else "error",
        "steps": [step] * steps,
        "predicted": named,
        "methods_seen": [],
        "calls": calls,
        "seconds": None,
    }


def decks(folder: Path, *, tasks: int = 40, attempts: int = 6, seed: int = 1) -> list[Deck]:
    """The made-up recordings as decks."""
    found = read_recordings(write(folder, tasks=tasks, attempts=attempts, seed=seed))
    return decks_of(found.tasks, [found.of(model) for model in ("strong", "weak")], PRICES)
