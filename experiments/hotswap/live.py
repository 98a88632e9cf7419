"""Live hotswaps of builtin models on built bugs, beside fewer attempts, adaptive lead, lots, restarts and hindsight.

parcae bugs build --count 57 --seed 22 TUNE && parcae bugs build --count 300 --seed 44 BUGS
python -m experiments.hotswap.live meet TUNE HOME/tune --looks 2,4,6,8
python -m experiments.hotswap.live meet BUGS HOME/bugs --looks 4
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from experiments.hotswap.live_runs import Field, Place, meet_all

from parcae.core.clock import WallClock
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.store.sqlite import SqliteJournal
from parcae.tools.sandbox import find_sandbox


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


async def meet(arguments: argparse.Namespace) -> None:
    looks = [int(k) for k in arguments.looks.split(",") if k]
    async with SqliteJournal.open(arguments.home / "journal.sqlite") as journal:
        world = World(journal=journal, clock=WallClock(), open_model=builtin)
        field = Field(world, find_sandbox(False))
        place = Place(arguments.home / f"{arguments.name}.jsonl", arguments.first, arguments.last)
        await meet_all(arguments.bugs, field, looks, place=place, wait=arguments.wait, say=say)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("meet")
    one.add_argument("bugs", type=Path)
    one.add_argument("home", type=Path)
    one.add_argument("--looks", default="")
    one.add_argument("--first", type=int, default=0)
    one.add_argument("--last", type=int, default=1_000_000)
    one.add_argument("--name", default="met")
    one.add_argument("--wait", action="store_true")
    one.set_defaults(job=meet)
    arguments = parser.parse_args()
    asyncio.run(arguments.job(arguments))


if __name__ == "__main__":
    main()
