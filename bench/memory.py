"""The five best of 100,000 remembered pieces, exactly: milliseconds a question, with the embedding of the question."""

from __future__ import annotations

import json
import random
import statistics
import time

import numpy as np

from parcae.agents.memory import Memory
from parcae.graphs.embed import HashedSubwords

ROWS, QUESTIONS = 100_000, 50


def main() -> None:
    rng, embedder = random.Random(1), HashedSubwords()
    words = [
        f"{a}{b}" for a in ("ba", "ro", "ti", "mek", "sal", "vor") for b in ("na", "lik", "dor", "sem", "ux", "pan")
    ]
    words += [f"{word}{number}" for word in words for number in range(40)]
    memory = Memory(embedder)
    pieces = [" ".join(rng.choices(words, k=20)) + f" {number}" for number in range(ROWS)]
    started = time.perf_counter()
    vectors = np.random.default_rng(1).standard_normal((ROWS, embedder.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)  # the search does not depend on what they mean
    memory.add(pieces, at=1, vectors=vectors)
    filled = time.perf_counter() - started
    times, cpu = [], time.process_time()
    for number in range(QUESTIONS):
        question = " ".join(rng.choices(words, k=8)) + f" {number}"
        begun = time.perf_counter()
        assert len(memory.recall([question], now=2, room_chars=10_000)) == 5
        times.append((time.perf_counter() - begun) * 1e3)
    result = {
        "rows": ROWS,
        "dimensions": embedder.dimensions,
        "median_ms": round(statistics.median(times), 2),
        "best_ms": round(min(times), 2),
        "p90_ms": round(sorted(times)[int(QUESTIONS * 0.9)], 2),
        "cpu_ms": round((time.process_time() - cpu) / QUESTIONS * 1e3, 2),
        "seconds_to_fill": round(filled, 1),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
