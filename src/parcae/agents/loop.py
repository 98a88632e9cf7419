"""The agent loop: ask, settle and journal the reply, run its tool calls, journal what they gave back; until it ends.

This is the only place where an attempt makes progress, whether it is new, swapped, resumed or forked. Knows nothing of
votes, policies or what the task is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from parcae.agents.calls import TURN_OVER, run_calls
from parcae.agents.conversation import CUT
from parcae.agents.role import Role
from parcae.core.errors import BudgetExceeded
from parcae.core.events import AttemptEnded, AttemptEquipped, CallStarted, StepCompleted, StepObserved, StepReplied
from parcae.core.protocols import Event, Model, Request, Tool
from parcae.core.scope import LiveEvent, Scope, derive_seed, unseen
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Observation, Step
from parcae.core.usage import Amount
from parcae.models.bounds import prompt_bound
from parcae.models.budgeted import Asked, ask, worst_case

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart

HARNESS = "harness"
EMPTY_REPLY = "Your reply was empty. Call a tool, or answer in text."


class Agent:
    """A single agent as a Worker: `role` says what it is told, what it may call and when it ends."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def attempt(
        self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope
    ) -> AsyncIterator[Step]:
        """Yield the steps that follow `so_far`, each complete and durable; the last carries the Ending.

        Raises:
            ProviderFailed: the model could not be reached, after all retries.
            CallerMistake: the model cannot be used here (no price under a dollar limit, no key).
        """
        run = _Run(self.role, task, model, scope, so_far)
        try:
            if so_far and so_far[-1].missing():
                yield await run.complete_open_step()
            while run.ending is None:
                yield await run.next_step()
        except (GeneratorExit, asyncio.CancelledError):
            if run.ending is None:
                cancelled = AttemptEnded(scope=scope.id, ending=Ending(reason="cancelled"))
                await asyncio.shield(scope.journal.append([cancelled]))
            raise
        finally:
            scope.account.release()


class _Run:
    """One attempt under way: the steps that are complete, and the conversation they make."""

    def __init__(self, role: Role, task: Task, model: Model, scope: Scope, so_far: Sequence[Step]) -> None:
        self.role, self.task, self.model, self.scope = role, task, model, scope
        self.tools: dict[str, Tool] = {tool.spec.name: tool for tool in role.tools}
        self.specs = tuple(tool.spec for tool in role.tools)
        self.steps: list[Step] = list(so_far)
        open_step = bool(so_far) and bool(so_far[-1].missing())
        complete = self.steps[:-1] if open_step else self.steps
        self.talk = role.converse(role.system, self._room())
        for step in complete:
            self.talk.add(step)
        self.turns = sum(step.reply is not None and step.model != HARNESS for step in complete)
        self.ending = self.steps[-1].ending if self.steps else None

    def _room(self) -> int | None:
        """The most tokens that messages may have, so that prompt and reply fit the model's window."""
        window = self.model.card.window_tokens
        if window is None:
            return None
        return window - self.role.max_tokens - prompt_bound(Request(messages=(), tools=self.specs))

    # ---- what comes next

    async def next_step(self) -> Step:
        if not self.steps and self.role.first_call is not None:
            return await self._forced_call()
        if self._finished():
            return await self._final()
        index, last_turn = len(self.steps), self.turns + 1 >= self.role.max_steps
        asked = self._asks(index)
        request = self._request(self.talk.asking(asked), tools=not last_turn)
        self._show("asking")
        try:
            answered = await ask(self.model, request, self.scope, keep=self._kept_back(request))
        except BudgetExceeded as full:
            return await self._final(full)
        return await self._take(index, asked, answered, offered={} if last_turn else self.tools)

    def _finished(self) -> bool:
        """Whether only the final question is left."""
        if self.role.final_question is None or not self.steps:
            return False
        if self.turns >= self.role.max_steps:
            return True
        last = self.steps[-1]
        return last.model != HARNESS and last.reply is not None and not last.reply.tool_calls and bool(last.reply.text)

    def _asks(self, index: int) -> str | None:
        if index == 0:
            return self.role.opening(self.task, self.scope)
        last = self.steps[-1]
        return EMPTY_REPLY if last.reply is None or not last.reply.parts or not last.observations else None

    def _request(self, messages: Sequence[ModelMessage], *, tools: bool) -> Request:
        return Request(
            messages=messages,
            tools=self.specs if tools else (),
            max_tokens=self.role.max_tokens,
            temperature=self.role.temperature,
            seed=derive_seed(self.scope.seed, len(self.steps), self.model.card.name),
        )

    # ---- money for the last word

    def _kept_back(self, request: Request) -> Amount:
        """What the final question may cost after this turn, with the newest observations left out (contract 9)."""
        if self.role.final_question is None or not self.scope.account.limited:
            return Amount()
        room = len(CUT) + len(self.role.final_question) + self.role.max_tokens
        final = replace(request, tools=(), max_tokens=self.role.max_tokens + room)
        return worst_case(self.model, final)

    async def _final(self, full: BudgetExceeded | None = None) -> Step:
        """Ask for the answer; when money is short, briefly; when that does not fit either, end without."""
        question, index = self.role.final_question, len(self.steps)
        forms = (self.talk.asking, self.talk.asking_briefly) if full is None else (self.talk.asking_briefly,)
        if question is not None and self.steps:
            for form in forms:
                try:
                    answered = await ask(self.model, self._request(form(question), tools=False), self.scope)
                except BudgetExceeded as refused:
                    full = refused
                    continue
                return await self._take(index, question, answered, offered={}, full=full, final=True)
        assert full is not None
        ending = Ending(reason="limit", answer=self._made(), detail=str(full))
        step = Step(model=self.model.card.name, ending=ending)
        return await self._close(step, ())

    # ---- taking a reply

    def _replied(self, index: int, step: Step) -> tuple[Event, ...]:
        assert step.reply is not None
        replied = StepReplied(
            scope=self.scope.id,
            step=index,
            model=step.model,
            reply=step.reply,
            asked=step.asked,
            usage=step.usage,
            cost_usd=step.cost_usd,
        )
        if index:
            return (replied,)
        equipped = AttemptEquipped(scope=self.scope.id, tools=tuple(sorted(self.tools)), prompt=self.role.version)
        return (equipped, replied)

    async def _forced_call(self) -> Step:
        from pydantic_ai.messages import ModelResponse, ToolCallPart

        assert self.role.first_call is not None
        tool, arguments = self.role.first_call(self.task, self.scope)
        call = ToolCallPart(tool_name=tool, args=dict(arguments), tool_call_id="first-call")
        now = datetime.fromtimestamp(self.scope.clock.now(), UTC)
        reply = ModelResponse(parts=[call], model_name=HARNESS, timestamp=now)
        step = Step(model=HARNESS, asked=self.role.opening(self.task, self.scope), reply=reply)
        await self.scope.journal.append(self._replied(0, step))
        return await self._observe(step, reply.tool_calls, self.tools)

    async def _take(
        self,
        index: int,
        asked: str | None,
        answered: Asked,
        *,
        offered: dict[str, Tool],
        full: BudgetExceeded | None = None,
        final: bool = False,
    ) -> Step:
        reply = _with_distinct_ids(answered.reply.message, index)
        step = Step(
            model=self.model.card.name,
            asked=asked,
            reply=reply,
            usage=answered.reply.usage,
            cost_usd=answered.cost_usd,
        )
        self.turns += 1
        replied = (*self._replied(index, step), *answered.settlement)
        calls = reply.tool_calls
        if final or not calls:
            ending = self._ending(reply, full, final)
            refused = tuple(_refused(call) for call in calls)
            seen = (StepObserved(scope=self.scope.id, step=index, observation=one) for one in refused)
            return await self._close(replace(step, ending=ending, observations=refused), (*replied, *seen))
        await self.scope.journal.append(replied)
        return await self._observe(step, calls, offered)

    def _ending(self, reply: ModelResponse, full: BudgetExceeded | None, final: bool) -> Ending | None:
        text = reply.text or ""
        if not final and (self.role.final_question is not None or (not text and self.turns < self.role.max_steps)):
            return None
        answer = self._made() if self.role.made is not None else self.role.read_answer(text)
        if full is not None:
            return Ending(reason="limit", answer=answer, detail=str(full))
        return Ending(reason="answered" if answer else "no_answer", answer=answer)

    # ---- tool calls

    async def complete_open_step(self) -> Step:
        """Finish the tool calls that an earlier process left open; the reply is not asked for again (contract 2)."""
        step = self.steps.pop()
        assert step.reply is not None
        if self.scope.workspace is not None:  # what was observed is committed; what a cut call left waiting is not
            self.scope.workspace.go_back(self.scope.workspace.head)
        started = await self.scope.journal.read(self.scope.id, [CallStarted], below=False)
        interrupted = frozenset(one.event.call_id for one in started if one.event.step == len(self.steps))
        missing = set(step.missing())
        calls = [call for call in step.reply.tool_calls if call.tool_call_id in missing]
        last_turn = step.model != HARNESS and self.turns + 1 >= self.role.max_steps
        self.turns += step.model != HARNESS
        return await self._observe(step, calls, {} if last_turn else self.tools, interrupted)

    async def _observe(
        self,
        step: Step,
        calls: Sequence[ToolCallPart],
        offered: dict[str, Tool],
        interrupted: frozenset[str] = frozenset(),
    ) -> Step:
        index, left = len(self.steps), len(calls)
        assert step.reply is not None
        self._show(" + ".join(call.tool_name for call in calls))
        seen: list[Observation] = list(step.observations)
        async for observation in run_calls(calls, offered, self.scope, index, interrupted=interrupted):
            seen.append(observation)
            left -= 1
            self._commit(index)
            event = StepObserved(scope=self.scope.id, step=index, observation=observation)
            if left:
                await self.scope.journal.append([event])
        order = {call.tool_call_id: place for place, call in enumerate(step.reply.tool_calls)}
        seen.sort(key=lambda one: order[one.call_id])
        ended = self._closed(seen) or self._end_without_final(step)
        step = replace(step, observations=tuple(seen), commit=self._commit(index), ending=ended)
        return await self._close(step, (event,))

    def _closed(self, seen: Sequence[Observation]) -> Ending | None:
        """The role's closing tools end the attempt: what the first of them gave back is the answer."""
        if not self.role.closing:
            return None
        done = [one.content for one in seen if one.tool in self.role.closing and not one.is_error]
        return Ending(reason="answered", answer=(done[0],)) if done else None

    def _end_without_final(self, step: Step) -> Ending | None:
        """A last turn that called tools although none were offered ends an agent that has no final question."""
        out_of_turns = step.model != HARNESS and self.turns >= self.role.max_steps
        if self.role.final_question is not None or not out_of_turns:
            return None
        made, detail = self._made(), f"no answer within {self.role.max_steps} turns"
        return Ending(reason="answered" if made else "no_answer", answer=made, detail=detail)

    def _made(self) -> tuple[str, ...]:
        """What the attempt made, where that is its answer."""
        return () if self.role.made is None else self.role.made(self.scope)

    def _commit(self, index: int) -> str | None:
        if self.scope.workspace is None:
            return None
        return self.scope.workspace.commit(f"{self.role.name}: step {index}", author=self.scope.id)

    async def _close(self, step: Step, events: Sequence[Event]) -> Step:
        done = StepCompleted(
            scope=self.scope.id, step=len(self.steps), model=step.model, commit=step.commit, ending=step.ending
        )
        await self.scope.journal.append([*events, done])
        self.steps.append(step)
        self.talk.add(step)
        self.ending = step.ending
        self._show("done" if step.ending is None else step.ending.reason)
        return step

    def _show(self, what: str) -> None:
        if self.scope.show is unseen:
            return
        spent = self.scope.account.spent.usd
        event = LiveEvent(
            scope=self.scope.id, what=what, step=len(self.steps), model=self.model.card.name, cost_usd=spent
        )
        self.scope.show(event)


def _refused(call: ToolCallPart) -> Observation:
    """The final question offers no tools, yet no call may stay unanswered."""
    return Observation(call_id=call.tool_call_id, tool=call.tool_name, content=TURN_OVER, is_error=True)


def _with_distinct_ids(reply: ModelResponse, index: int) -> ModelResponse:
    """Some providers repeat call ids or leave them empty; an observation must belong to one call."""
    ids = [call.tool_call_id for call in reply.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return reply
    parts = [
        replace(part, tool_call_id=f"call-{index}-{place}") if part.part_kind == "tool-call" else part
        for place, part in enumerate(reply.parts)
    ]
    return replace(reply, parts=parts)
