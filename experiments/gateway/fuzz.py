"""Ten thousand requests made up from our OpenAPI document: python -m experiments.gateway.fuzz [REQUESTS] [SEED]."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from tests.clients.fuzzing import fuzz

OUT = Path(__file__).parents[2] / "out" / "evidence" / "gateway_fuzz.json"


async def _fuzzed(requests: int, seed: int) -> dict[str, object]:
    statuses: Counter[tuple[str, int]] = Counter()
    failures = []
    while statuses.total() < requests:
        seed += 1
        found = await fuzz(60, seed)
        statuses += found.statuses
        if found.exit_code:
            failures.append(found.said[-4000:])
            print(failures[-1], flush=True)
        print(f"seed {seed}: {statuses.total()} requests, {len(failures)} failures", flush=True)
    by_status = Counter[int]()
    for (_, status), count in statuses.items():
        by_status[status] += count
    return {"requests": statuses.total(), "statuses": dict(sorted(by_status.items())), "failures": failures}


def main(requests: int = 10_000, seed: int = 0) -> None:
    found = asyncio.run(_fuzzed(requests, seed))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
