"""The contract of every Journal, as tests to inherit: subclass JournalContract and say how one is opened.

Nothing here assumes one process or SQLite. `keeps = False` for a journal that is gone when it is closed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart

from parcae.core.errors import StoreFailed
from parcae.core.events import (
    AccountOpened,
    AttemptEnded,
    AttemptEquipped,
    AttemptStarted,
    CallStarted,
    Crowned,
    Decided,
    Forecasted,
    Incident,
    OutboxQueued,
    OutboxReleased,
    OutcomeGiven,
    Reserved,
    RunEnded,
    RunStarted,
    Settled,
    StepCompleted,
    StepObserved,
    StepReplied,
)
from parcae.core.protocols import Event, Journal, Recorded
from parcae.core.task import Candidate, Task
from parcae.core.trajectory import Ending, Observation
from parcae.core.usage import Amount, Limits, Usage
from parcae.models.scripted import LONG_AGO

NASTY = "\N{SNOWMAN} \x00 \r\n \u2028 \"quoted\" \\ 'single' {json: true} \U0001f9f5"
REPLY = ModelResponse(
    parts=[
        ThinkingPart(content=NASTY, signature="signed"),
        TextPart(content=NASTY),
        ToolCallPart(tool_name="read", args={"path": NASTY, "deep": [1, None, {"a": 0.5}]}, tool_call_id="c-1"),
        ToolCallPart(tool_name="read", args="{not json", tool_call_id="c-2"),
    ],
    model_name="some-model",
    timestamp=LONG_AGO,
)


def one_of_each(scope: str = "run") -> list[Event]:
    """An event of every kind that belongs to runs, with text that is hard to keep."""
    task = Task(id="t", kind="k", question=NASTY, details={"a": NASTY}, covering={NASTY: 3}, comparable=False)
    seen = Observation(call_id="c-1", tool="read", content=NASTY, is_error=True)
    ending = Ending(reason="answered", answer=("f", NASTY), detail=NASTY)
    worst = Amount(usd=0.1 + 0.2, tokens=7, calls=1, seconds=1e-9)
    return [
        RunStarted(scope=scope, command="locate", task=task, seed=1 << 62, options={"repo": NASTY}),
        AccountOpened(scope=scope, limits=Limits(usd=0.3, tokens=None)),
        AttemptStarted(scope=scope, model="m", rung=1, after_steps=2, forked_from="other/attempt-1"),
        AttemptEquipped(scope=scope, tools=("read", NASTY), prompt="v1"),
        Reserved(scope=scope, reservation="run#1", worst=worst, model="m", block=True),
        StepReplied(
            scope=scope, step=0, model="m", reply=REPLY, asked=NASTY, usage=Usage(prompt_tokens=3), cost_usd=None
        ),
        Settled(scope=scope, reservation="run#1", actual=worst, known=False, block="b", closes=True, incident=NASTY),
        StepObserved(scope=scope, step=0, observation=seen),
        CallStarted(scope=scope, step=0, call_id="c-2"),
        OutboxQueued(scope=scope, step=0, call_id="c-2", tool="send", arguments='{"a": 1}'),
        OutboxReleased(scope=scope, step=0, call_id="c-2", result=NASTY),
        StepCompleted(scope=scope, step=0, model="m", commit="abc", ending=ending, note=NASTY),
        Forecasted(scope=scope, p_fail=1 / 3, trust=0.0, reasons=(NASTY,), looked_at=(1, 2)),
        Decided(scope=scope, action="swap", rung=1, attempts=(0,), why=NASTY, looked_at=(1,), keep_open=True),
        Crowned(scope=scope, attempt=1, answer=(NASTY,)),
        Decided(scope=scope, action="fork", rung=1, attempts=(1, 2), looked_at=(1, 4), origins=(1,)),
        AttemptEnded(scope=scope, ending=Ending(reason="cancelled")),
        Incident(scope=scope, what=NASTY, cure=NASTY),
        OutcomeGiven(scope=scope, success=False, source="test"),
        RunEnded(scope=scope, status="done", candidates=(Candidate(name="f", score=2 / 3),), detail=NASTY),
    ]


def noted(scope: str, number: int) -> OutcomeGiven:
    """A small event that says which it is."""
    return OutcomeGiven(scope=scope, success=True, source=str(number))


def sources(found: Sequence[Recorded[OutcomeGiven]]) -> list[str]:
    """Which events were read."""
    return [entry.event.source for entry in found]


class JournalContract(ABC):
    """Inherit, and give `opened`."""

    keeps = True

    @abstractmethod
    def opened(self, folder: Path) -> AbstractAsyncContextManager[Journal]:
        """The journal that lies in `folder`, as a new process would open it; made if there is none."""

    async def test_every_kind_of_event_comes_back_equal_and_in_order(self, tmp_path: Path) -> None:
        """Whatever its text holds."""
        events = one_of_each()
        kinds = [type(event) for event in events]
        async with self.opened(tmp_path) as journal:
            await journal.append(events[:5])
            await journal.append(events[5:])
            found = await journal.read("run", kinds)
        assert [entry.event for entry in found] == events
        places = [entry.seq for entry in found]
        assert places == sorted(set(places))

    async def test_what_was_appended_outlives_its_process(self, tmp_path: Path) -> None:
        """Another one reads the same, at the same places."""
        if not self.keeps:
            return
        async with self.opened(tmp_path) as journal:
            await journal.append([noted("run", number) for number in range(3)])
            before = await journal.read("run", [OutcomeGiven])
        async with self.opened(tmp_path) as journal:
            assert await journal.read("run", [OutcomeGiven]) == before

    async def test_a_scope_holds_what_is_below_it_and_not_its_namesakes(self, tmp_path: Path) -> None:
        """Also in order over all of them, and "" is above every run."""
        scopes = ["run", "run/attempt-1", "run/attempt-10", "run/attempt-1/x", "run-2", "run0", "ru"]
        async with self.opened(tmp_path) as journal:
            for number, scope in enumerate(scopes):
                await journal.append([noted(scope, number)])

            async def found(scope: str, *, below: bool = True) -> list[str]:
                return sources(await journal.read(scope, [OutcomeGiven], below=below))

            assert await found("run") == ["0", "1", "2", "3"]
            assert await found("run/attempt-1") == ["1", "3"]
            assert await found("run", below=False) == ["0"]
            assert await found("") == [str(number) for number in range(len(scopes))]
            assert await found("nobody") == []

    async def test_only_the_kinds_that_were_asked_for_are_read(self, tmp_path: Path) -> None:
        """None, some, all."""
        async with self.opened(tmp_path) as journal:
            await journal.append(one_of_each())
            assert await journal.read("run", []) == [] or await journal.read("run", []) == ()
            kinds: Sequence[type[Event]] = (CallStarted, RunEnded)
            found = await journal.read("run", kinds)
        assert [entry.event.kind for entry in found] == [CallStarted.kind, RunEnded.kind]

    async def test_reading_goes_on_after_a_place(self, tmp_path: Path) -> None:
        """Whoever follows the tail sees everything once."""
        async with self.opened(tmp_path) as journal:
            await journal.append([noted("run", number) for number in range(4)])
            first = await journal.read("run", [OutcomeGiven])
            await journal.append([noted("run", 4)])
            assert sources(await journal.read("run", [OutcomeGiven], after=first[1].seq)) == ["2", "3", "4"]
            assert sources(await journal.read("run", [OutcomeGiven], after=first[-1].seq)) == ["4"]

    async def test_nothing_appended_is_nothing_written(self, tmp_path: Path) -> None:
        """And no error."""
        async with self.opened(tmp_path) as journal:
            await journal.append([])
            assert list(await journal.read("", [OutcomeGiven])) == []

    async def test_appends_side_by_side_stay_whole_and_in_the_order_of_their_calls(self, tmp_path: Path) -> None:
        """Each append is one piece, and a scope's own appends keep their order."""

        async def writes(journal: Journal, scope: str) -> None:
            for number in range(10):
                await journal.append([noted(scope, 2 * number), noted(scope, 2 * number + 1)])

        async with self.opened(tmp_path) as journal:
            await asyncio.gather(*(writes(journal, f"run/{number}") for number in range(20)))
            found = await journal.read("run", [OutcomeGiven])
            for number in range(20):
                own = await journal.read(f"run/{number}", [OutcomeGiven])
                assert sources(own) == [str(one) for one in range(20)]
        scopes = [entry.event.scope for entry in found]
        assert all(first == second for first, second in zip(scopes[::2], scopes[1::2], strict=True))

    async def test_an_append_that_nobody_waits_for_any_more_is_whole_or_absent(self, tmp_path: Path) -> None:
        """Cancelling a wait leaves the journal usable."""
        async with self.opened(tmp_path) as journal:
            waiting = asyncio.ensure_future(journal.append([noted("run", 1), noted("run", 2)]))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await journal.append([noted("run", 3)])
            found = sources(await journal.read("run", [OutcomeGiven]))
        assert found in (["3"], ["1", "2", "3"])

    async def test_several_processes_write_different_runs_to_one_journal(self, tmp_path: Path) -> None:
        """Both see the same order, and no place is taken twice."""
        if not self.keeps:
            return
        async with self.opened(tmp_path) as one, self.opened(tmp_path) as other:
            for number in range(5):
                await one.append([_task(f"run-1/{number}")])
                await other.append([_task(f"run-2/{number}")])
            found = await one.read("", [CallStarted])
            assert found == await other.read("", [CallStarted])
        assert len({entry.seq for entry in found}) == 10

    async def test_two_processes_on_one_run_are_refused(self, tmp_path: Path) -> None:
        """The second one writes nothing, and may have the run when the first has closed; verdicts are welcome."""
        if not self.keeps:
            return
        async with self.opened(tmp_path) as second:
            async with self.opened(tmp_path) as first:
                await first.append([_task("run")])
                with pytest.raises(StoreFailed, match="run"):
                    await second.append([_task("run/attempt-1")])
                await second.append([noted("run", 0)])
                kinds: Sequence[type[Event]] = (CallStarted, OutcomeGiven)
                assert len(await first.read("run", kinds)) == 2
            await second.append([_task("run/attempt-1")])


def _task(scope: str) -> CallStarted:
    return CallStarted(scope=scope, step=0, call_id="c")
