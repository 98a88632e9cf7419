"""Live hotswaps of builtin models on built bugs, beside fewer attempts, adaptive lead, lots, restarts and hindsight.

    parcae bugs build --count 50 --seed 22 TUNE; parcae bugs build --count 300 --seed 44 BUGS
    python -m experiments.hotswap.live meet TUNE HOME/tune --looks 2,4,6,8
    python -m experiments.hotswap.live choose HOME/tune --looks 2,4,6,8 --out HOME
    python -m experiments.hotswap.live meet BUGS HOME/bugs --chosen HOME
    python -m experiments.hotswap.live report HOME/bugs --chosen HOME --json HOME/report.json

`meet` runs the product's own jobs and goes on where it stopped; `choose` trains and chooses on the tuning bugs alone;
`report` looks at the others. Several sets are HOME/a HOME/b, and HOME:NAME takes the records called NAME.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from experiments.hotswap.live_choice import Set, check, choose, report
from experiments.hotswap.live_runs import Field, Place, meet_all

from parcae.core.clock import WallClock
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.store.sqlite import SqliteJournal
from parcae.tools.sandbox import find_sandbox


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def numbers(text: str) -> list[int]:
    return [int(k) for k in text.split(",") if k]


async def meet(arguments: argparse.Namespace) -> None:
    looks, forks = numbers(arguments.looks), numbers(arguments.forks)
    if arguments.chosen is not None:
        looks = forks = [json.loads((arguments.chosen / "chosen.json").read_text())["k"]]
    async with SqliteJournal.open(arguments.home / "journal.sqlite") as journal:
        world = World(journal=journal, clock=WallClock(), open_model=builtin)
        place = Place(arguments.home / f"{arguments.name}.jsonl", arguments.first, arguments.last)
        field = Field(world, find_sandbox(False))
        await meet_all(arguments.bugs, field, looks, forks, place=place, wait=arguments.wait, say=say)


def sets(names: list[str]) -> list[Set]:
    return [Set(Path(home), name or "met") for home, _, name in (one.partition(":") for one in names)]


async def chosen(arguments: argparse.Namespace) -> None:
    found = await choose(sets(arguments.homes), numbers(arguments.looks), out=arguments.out, say=say)
    print(json.dumps(found, indent=1))


async def reported(arguments: argparse.Namespace) -> None:
    document, lines = await report(sets(arguments.homes), arguments.chosen, say=say)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document, indent=1))
    print("\n".join(lines))


async def checked(arguments: argparse.Namespace) -> None:
    (some,) = sets([arguments.home_name])
    found = await check(some, arguments.chosen, arguments.bugs, last=arguments.last, say=say)
    print(json.dumps(found, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("meet", help="run every arm on every bug")
    one.add_argument("bugs", type=Path)
    one.add_argument("home", type=Path)
    one.add_argument("--looks", default="", help="steps after which everything that is open is swapped")
    one.add_argument("--forks", default="", help="steps after which the most promising attempt is forked")
    one.add_argument("--chosen", type=Path, help="the folder that `choose` wrote: its look, for swap and fork")
    one.add_argument("--first", type=int, default=0)
    one.add_argument("--last", type=int, default=1_000_000)
    one.add_argument("--name", default="met")
    one.add_argument("--wait", action="store_true", help="for bugs that are still being built")
    one.set_defaults(job=meet)
    two = parts.add_parser("choose", help="train forecasters and fix every choice, on tuning bugs alone")
    two.add_argument("homes", nargs="+")
    two.add_argument("--looks", default="2,4,6,8")
    two.add_argument("--out", type=Path, required=True)
    two.set_defaults(job=chosen)
    three = parts.add_parser("report", help="all figures on other bugs")
    three.add_argument("homes", nargs="+")
    three.add_argument("--chosen", type=Path, required=True)
    three.add_argument("--json", type=Path)
    three.set_defaults(job=reported)
    four = parts.add_parser("check", help="the chosen plan with its forecaster, live, beside what the arms say")
    four.add_argument("bugs", type=Path)
    four.add_argument("home_name", metavar="HOME[:NAME]")
    four.add_argument("--chosen", type=Path, required=True)
    four.add_argument("--last", type=int, default=30)
    four.set_defaults(job=checked)
    arguments = parser.parse_args()
    for folder in (getattr(arguments, "home", None), getattr(arguments, "out", None)):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(arguments.job(arguments))


if __name__ == "__main__":
    main()
