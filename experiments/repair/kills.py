"""SIGKILL at random moments of a repair: it is killed, resumed, killed again, until it ends.

    python -m experiments.repair.kills [--runs 5] [--kills 8] [--seed 1]

What must hold: steps, patches, verdicts of tests, branches and money are those of a run that nobody killed, and a call
that was settled when the process died is never asked again. The models themselves write a bill, outside the journal.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from experiments.killing import (
    asked_for,
    billed,
    digest,
    killed,
    live_command,
    put_on_bill,
    reported,
    settled,
)

from parcae.core.clock import WallClock
from parcae.core.events import RunEnded
from parcae.core.plan import StagePlan
from parcae.core.protocols import Journal, Model, OnText, Reply, Request
from parcae.jobs import repair
from parcae.jobs.document import document
from parcae.jobs.options import JobOptions
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.store.replay import members, rebuild
from parcae.store.sqlite import SqliteJournal
from parcae.tools.sandbox import find_sandbox
from parcae.workspace import open_workspace

RUN, TEST = "repair-1", "tests/test_shop.py::test_total"
STAGE = StagePlan(ladder=("builtin:small", "builtin:large"), attempts=2, policy="parallel@3")
FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "def net(gross, rate):\n    return gross - gross * rate // 100\n\n\n"
    "def total(prices, rate):\n    return sum(net(price, rate) for price in prices if price < 0)\n",
    "tests/test_shop.py": "from shop.price import net, total\n\n\ndef test_net():\n    assert net(50, 10) == 45\n\n\n"
    "def test_total():\n    assert total([100, 300], 10) == 360\n",
}
LATENCY_SECONDS = 0.02  # so that some moments of a run lie within a call
SOON_SECONDS = 0.3  # after a call: in it, or in what its reply led to
MODULE = "experiments.repair.kills"
EVIDENCE = Path(__file__).parents[2] / "out" / "evidence" / "repair_kills.json"


# ---- the process that is killed -------------------------------------------------------------------------------------


class BillingModel:
    """The builtin model `name`, writing down beside the journal each call that it was asked."""

    def __init__(self, name: str, bill: Path) -> None:
        self._model, self.bill = builtin(name), bill
        self.card = self._model.card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        asked = f"{self.card.name}-{request.seed}-{digest(request.messages)}"
        put_on_bill(self.bill, asked)
        await asyncio.sleep(LATENCY_SECONDS)
        reply = await self._model.reply(request, on_text)
        return replace(reply, message=replace(reply.message, provider_response_id=asked))


@contextmanager
def _project() -> Iterator[Path]:
    """A folder with the broken project and a Python for its tests."""
    with tempfile.TemporaryDirectory(prefix="parcae-kills-") as name:
        for path, text in FILES.items():
            file = Path(name) / "shop" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        venv.create(Path(name) / "bare", with_pip=False)
        yield Path(name)


def _world(journal: Journal, folder: Path) -> World:
    def open_model(name: str) -> Model:
        return BillingModel(name, folder / "bill")

    return World(journal=journal, clock=WallClock(), open_model=open_model)


async def begin(project: Path, folder: Path) -> None:
    """Write the beginning of the run in `folder`."""
    options = JobOptions(
        repo=project / "shop",
        test=TEST,
        stage=STAGE,
        budget_usd=10.0,
        copies=folder / "copies",
        python=project / "bare/bin/python",
    )
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        await repair.begin(options, _world(journal, folder), run=RUN, sandbox=find_sandbox(False))


async def live(folder: Path) -> None:
    """Go on with the run in `folder`, as `parcae runs resume` would."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        sys.stdout.write("alive\n")
        sys.stdout.flush()
        await repair.resume(RUN, _world(journal, folder))


# ---- the one that kills ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What was found after one run had been killed `kills` times. `again`: settled calls that were asked again."""

    kills: int
    in_flight: int
    again: int
    same: bool


def lived(project: Path, folder: Path, whole: Whole, kills: int, rng: random.Random) -> Life:
    """Kill the run in `folder` up to `kills` times, each soon after a random one of the calls to come; then look."""
    asyncio.run(begin(project, folder))
    done = again = 0
    bill = folder / "bill"
    for number in range(kills + 1):
        known, before = asyncio.run(settled(folder, RUN)), billed(bill)
        until = len(before) + rng.randint(0, max(0, whole.calls - len(set(before)) - 1))
        dead = killed(
            live_command(MODULE, folder),
            rng.uniform(0.0, SOON_SECONDS) if number < kills else None,
            since=partial(_has_asked, bill, until),
        )
        again += len(known.intersection(billed(bill)[len(before) :]))
        if not dead:
            break
        done += 1
    paid = billed(bill)
    same = asyncio.run(_state(project, folder)) == whole.state
    return Life(kills=done, in_flight=len(paid) - len(set(paid)), again=again, same=same)


def _has_asked(bill: Path, calls: int) -> bool:
    """Whether so many calls are on the bill."""
    return len(billed(bill)) >= calls


async def _state(project: Path, folder: Path) -> dict[str, object]:
    """What every scope did, without when; the report; and the files in every branch."""
    from parcae.testing.workers import shown  # loads pytest, which the process that is killed need not

    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        report = await repair.report_of(RUN, _world(journal, folder))
        scopes = sorted(await members(journal, RUN))
        steps = {scope: shown((await rebuild(journal, scope, RUN)).steps) for scope in scopes}
        ends = len(await journal.read(RUN, [RunEnded]))
    main = open_workspace(project / "shop", RUN, copies=folder / "copies").main
    branches = [main, *(main.branch(scope.rpartition("/")[2]) for scope in scopes)]
    files = [{path: branch.read(path) for path in branch.paths()} for branch in branches]
    return {"steps": steps, "report": document(report), "files": files, "ends": ends}


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A run that nobody killed: how many calls it made, and what it came to."""

    calls: int
    state: dict[str, object]


def _whole(project: Path, folder: Path) -> Whole:
    asyncio.run(begin(project, folder))
    assert not killed(live_command(MODULE, folder), None)
    return Whole(calls=len(billed(folder / "bill")), state=asyncio.run(_state(project, folder)))


def killing(runs: int, kills: int, seed: int) -> list[Life]:
    """Several runs, each killed until it ends."""
    found = []
    with _project() as project:
        (project / "whole").mkdir()
        whole = _whole(project, project / "whole")
        for number in range(runs):
            folder = project / f"run-{number}"
            folder.mkdir()
            found.append(lived(project, folder, whole, kills, random.Random(f"{seed}-{number}")))
    return found


def main() -> None:
    asked = asked_for(__doc__, runs=5, kills=8)
    reported(killing(asked.runs, asked.kills, asked.seed), EVIDENCE)


if __name__ == "__main__":
    if sys.argv[1:2] == ["live"]:
        asyncio.run(live(Path(sys.argv[2])))
    else:
        main()
