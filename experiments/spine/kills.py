"""SIGKILL at random moments: a run of four swapped attempts is killed, resumed, killed again, until it ends.

    python -m experiments.spine.kills [--runs 10] [--kills 10] [--seed 1]

What must hold: the final state is that of a run that nobody killed; a call that was settled when the process died is
never asked again; no limit is exceeded. The model itself writes a bill, outside the journal: one line a call.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from dataclasses import dataclass
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
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart

from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.core.clock import WallClock
from parcae.core.events import Settled, StepCompleted, StepReplied
from parcae.core.protocols import Decision, Event, ModelCard, OnText, Reply, Request, Standing
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits, Price
from parcae.hotswap.policies import Parallel
from parcae.ledger.restore import restore
from parcae.models.scripted import LONG_AGO, count
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group
from parcae.store.replay import rebuild
from parcae.store.sqlite import SqliteJournal
from parcae.tools.function import function_tool

RUN, ATTEMPTS, LIMIT_USD = "run", 4, 0.5
TASK = Task(id="t", kind="words", question="Which word is the longest?")
FINAL = "Name it."
LATENCY_SECONDS = 0.01  # so that many moments of a run lie within a call
LONGEST_LIFE_SECONDS = 0.15  # a whole run takes about twice as long
MODULE = "experiments.spine.kills"
EVIDENCE = Path(__file__).parents[2] / "out" / "evidence" / "kills.json"


# ---- the process that is killed -------------------------------------------------------------------------------------


class BillingModel:
    """A pure function of the conversation that writes down, beside the journal, each call that it was asked."""

    def __init__(self, name: str, bill: Path) -> None:
        self.card = ModelCard(name=name, price=Price(prompt_usd=1.0, completion_usd=2.0))
        self.bill = bill

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        asked = f"{self.card.name}-{digest(request.messages)}"
        put_on_bill(self.bill, asked)
        await asyncio.sleep(LATENCY_SECONDS)
        message = _reply(request, asked)
        return Reply(message=message, usage=count(request, message))


def _reply(request: Request, asked: str) -> ModelResponse:
    last, number = request.messages[-1], len(request.messages)
    assert isinstance(last, ModelRequest)
    if any(isinstance(part, UserPromptPart) and part.content == FINAL for part in last.parts):
        answer = TextPart(content="xyz"[int(digest(request.messages), 16) % 3])
        return ModelResponse(parts=[answer], timestamp=LONG_AGO, provider_response_id=asked)
    calls = [
        ToolCallPart(tool_name="look_up", args={"word": "x" * (number + place)}, tool_call_id=f"{number}-{place}")
        for place in range(1 + number % 3)
    ]
    return ModelResponse(parts=list(calls), timestamp=LONG_AGO, provider_response_id=asked)


class Always(Parallel):
    """Swaps at step k whatever is forecast."""

    def decide(self, standing: Standing) -> Decision:
        swap = not all(standing.ended) and max(standing.rungs) == 0
        return Decision(action="swap", rung=1, why="always") if swap else Decision()


def look_up(word: str) -> str:
    """Say how long a word is."""
    return f"{word}: {len(word)}"


async def live(folder: Path) -> None:
    """Begin the run in `folder`, or go on with it, as a command would."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        so_far = (await rebuild(journal, RUN, TASK.id)).steps
        if so_far and so_far[-1].ending is not None:
            return
        account = await restore(RUN, Limits(usd=LIMIT_USD), journal)
        scope = Scope(id=RUN, account=account, journal=journal, clock=WallClock(), seed=1, contested=True)
        role = Role(
            name="words",
            system="You count letters.",
            opening=lambda task, scope: f"{task.question} ({scope.id})",
            tools=(function_tool(look_up, effect="read"),),
            max_steps=8,
            final_question=FINAL,
            read_answer=lambda text: (text,),
            max_tokens=50,
        )
        ladder = tuple(BillingModel(name, folder / "bill") for name in ("cheap", "strong"))
        group = Group(
            worker=Agent(role), ladder=ladder, attempts=ATTEMPTS, policy=Always(k=3), forecaster=RuleForecaster()
        )
        print("alive", flush=True)
        async for _ in group.attempt(TASK, model=ladder[0], so_far=so_far, scope=scope):
            pass
        await account.close()


# ---- the one that kills ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What was found after one run had been killed `kills` times. `again`: settled calls that were asked again."""

    kills: int
    in_flight: int
    again: int
    same: bool
    spent_usd: float


def lived(folder: Path, kills: int, rng: random.Random) -> Life:
    """Kill the run in `folder` up to `kills` times at random moments, then let it end, and look."""
    done = again = 0
    bill = folder / "bill"
    for _ in range(kills):
        known, before = asyncio.run(settled(folder, RUN)), billed(bill)
        if not killed(live_command(MODULE, folder), rng.uniform(0.0, LONGEST_LIFE_SECONDS)):
            break
        done += 1
        again += len(known.intersection(billed(bill)[len(before) :]))
    known, before = asyncio.run(settled(folder, RUN)), billed(bill)
    assert not killed(live_command(MODULE, folder), None)
    again += len(known.intersection(billed(bill)[len(before) :]))
    paid = billed(bill)
    state, spent_usd = asyncio.run(final_state(folder))
    return Life(
        kills=done, in_flight=len(paid) - len(set(paid)), again=again, same=state == undisturbed(), spent_usd=spent_usd
    )


async def final_state(folder: Path) -> tuple[dict[str, object], float]:
    """What every scope did, without when; and US dollars settled."""
    from parcae.testing.workers import shown  # loads pytest, which the process that is killed need not

    kinds: tuple[type[Event], ...] = (StepReplied, StepCompleted)
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        scopes = sorted({entry.event.scope for entry in await journal.read(RUN, kinds)})
        state: dict[str, object] = {scope: shown((await rebuild(journal, scope, TASK.id)).steps) for scope in scopes}
        spent_usd = sum(entry.event.actual.usd for entry in await journal.read(RUN, [Settled]))
    return state, spent_usd


_undisturbed: dict[str, object] = {}


def undisturbed() -> dict[str, object]:
    """The state of a run that nobody kills, made once."""
    if not _undisturbed:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(live(Path(folder)))
            _undisturbed.update(asyncio.run(final_state(Path(folder)))[0])
    return _undisturbed


def killing(runs: int, kills: int, seed: int) -> list[Life]:
    """Several runs, each killed until it ends."""
    found = []
    for number in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            found.append(lived(Path(folder), kills, random.Random(f"{seed}-{number}")))
    return found


def main() -> None:
    asked = asked_for(__doc__, runs=15, kills=10)
    lives = killing(asked.runs, asked.kills, asked.seed)
    reported(lives, EVIDENCE, most_spent_usd=max(life.spent_usd for life in lives), limit_usd=LIMIT_USD)


if __name__ == "__main__":
    if sys.argv[1:2] == ["live"]:
        asyncio.run(live(Path(sys.argv[2])))
    else:
        main()
