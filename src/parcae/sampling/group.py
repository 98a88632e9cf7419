"""A group of attempts at one task as a Worker: watched, decided about, voted (contract 6).

It yields one outer Step per decision; the members' steps lie in the journal under its scope. A group may itself be
the member of a group. Knows nothing of how policies decide or forecasters forecast.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from parcae.core.errors import CallerMistake
from parcae.core.events import Crowned, Decided, Forecasted, StepCompleted
from parcae.core.protocols import (
    Decision,
    Event,
    Forecast,
    Forecaster,
    Model,
    Policy,
    Ranking,
    Standing,
    ToolRefused,
    Worker,
)
from parcae.core.scope import LiveEvent, Scope
from parcae.core.task import Answer, Task
from parcae.core.trajectory import Ending, Step, Trajectory
from parcae.sampling.attempts import Attempt, advance, change_rung, close, end, fork_into
from parcae.sampling.restore import Restored, forks_of, looks_after, member_scope, restore
from parcae.sampling.standing import standing_at, standing_now
from parcae.sampling.vote import vote

GROUP = "group"
Rank = Callable[[Sequence[Trajectory]], Answer]
Check = Callable[[Trajectory, Scope], Awaitable[float]]
Release = Callable[[Scope], Awaitable[object]]


def by_vote(trajectories: Sequence[Trajectory]) -> Answer:
    """The vote over the answers of the attempts that count: those that a policy stopped do not."""
    endings = [one.ending for one in trajectories if one.ending is not None]
    return vote([ending.answer for ending in endings if ending.reason not in ("stopped", "cancelled")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`attempts` attempts of `worker` over a `ladder` of models, cheapest first, under `policy`.

    `rank` makes one answer of many. `check` scores a finished attempt from 0 to 1; it ranks outcomes that no vote can
    compare. `release` does what the winner's outbox holds; with it, whatever acts outside waits. `swap_attempts`: how
    many go on after a swap; None: all. `most`: how many attempts the policy begins at most, on all rungs and with
    forks; None: `attempts`. `enough`: the score of `check` that nothing can better: attempts are checked as
    they end, what the check says is the forecast, and the first that reaches it is the answer. `shared`: a lone
    attempt works in the group's own files instead of in a branch.
    """

    worker: Worker
    ladder: tuple[Model, ...]
    attempts: int
    policy: Policy
    forecaster: Forecaster
    rank: Rank = by_vote
    check: Check | None = None
    release: Release | None = None
    swap_attempts: int | None = None
    most: int | None = None
    enough: float | None = None
    shared: bool = False

    @property
    def several(self) -> bool:
        """Whether more than one attempt may be begun, now or on a later rung."""
        return max(self.attempts, self.most or 1) > 1

    @property
    def apart(self) -> bool:
        """Whether what members do outside waits in their outboxes."""
        return self.several or self.release is not None

    async def attempt(
        self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope
    ) -> AsyncIterator[Step]:
        """Yield a Step for each decision; the last carries what the attempts agreed on.

        Raises:
            CallerMistake: outcomes cannot be compared, there is no check, and more than one attempt is planned; or the
                policy wants a second attempt where one was planned.
        """
        if self.several and not task.comparable and self.check is None:
            raise CallerMistake(
                f"outcomes of {task.kind!r} tasks cannot be compared by a vote and there is no check",
                "plan one attempt, or give a check that runs",
            )
        watched = await _watch(self, task, model, so_far, scope)
        try:
            if watched.crowned is not None:
                yield await watched.go_on_crowning(watched.crowned)
            while watched.ending is None:
                yield await watched.next_decision()
        finally:
            await close(watched.attempts)


async def _watch(group: Group, task: Task, model: Model, so_far: Sequence[Step], scope: Scope) -> _Watched:
    """The group as its journal tells it; a fresh one if the journal tells nothing."""
    names = [rung.card.name for rung in group.ladder]
    start_rung = names.index(model.card.name) if model.card.name in names else 0
    models = tuple(model if rung == start_rung else one for rung, one in enumerate(group.ladder))
    restored = await restore(
        scope, task, planned=group.attempts, start_rung=start_rung, apart=group.apart, shared=group.shared
    )
    if so_far and restored.last is None:
        raise CallerMistake(
            f"the group of attempts in {scope.id} cannot go on from a fork: what its own attempts did lies elsewhere",
            'fork attempts of a single agent; for groups of groups write then = "resume"',
        )
    watched = _Watched(group, task, scope, models, restored, start_rung)
    watched.ending = so_far[-1].ending if so_far else None
    if restored.last is not None and watched.ending is None:
        await watched.apply(restored.last)
        watched.decided, watched.crowned = restored.last, restored.crowned
    return watched


class _Watched:
    """A group under way. `looked_at`: how many steps each attempt had made at the last decision."""

    def __init__(
        self,
        group: Group,
        task: Task,
        scope: Scope,
        models: tuple[Model, ...],
        restored: Restored,
        start_rung: int,
    ) -> None:
        self.group, self.task, self.scope, self.models, self.start_rung = group, task, scope, models, start_rung
        self.attempts, self.looked_at, self.decisions = restored.attempts, restored.looked_at, restored.decisions
        self.ending: Ending | None = None
        self.decided: Decided | None = None
        self.crowned: Crowned | None = None  # by the process before this one, which did not come to the end of it
        self.scores: dict[int, float] = {}
        self.watch = group.forecaster.watch(task, group.attempts)
        for number, attempt in enumerate(self.attempts):
            for step in attempt.trajectory.steps:
                if not step.missing():
                    self.watch.add(number, step)

    async def next_decision(self) -> Step:
        """Let the attempts run to where the policy wants to look, look, decide, and do what was decided."""
        before = standing_at(self._standing(Forecast(p_fail=0.5, trust=0.0)), self.attempts, self.looked_at)
        await advance(
            self.attempts,
            self.group.policy.pauses(before),
            task=self.task,
            worker=self.group.worker,
            models=self.models,
            on_step=self._on_step,
        )
        forecast = await self._checked() or self.watch.forecast()
        standing = self._standing(forecast)
        decision = self.group.policy.decide(standing)
        if self._good():
            decision = Decision(action="finish", why=forecast.reasons[0])
        if decision.action == "carry_on" and all(standing.ended):
            decision = replace(decision, action="finish", why=decision.why or "every attempt has ended")
        decided = self._decided(decision, standing)
        looked = Forecasted(
            scope=self.scope.id,
            p_fail=forecast.p_fail,
            trust=forecast.trust,
            reasons=forecast.reasons,
            looked_at=standing.steps,
            p_fail_after=forecast.p_fail_after,
        )
        return await self._act(decided, looked)

    async def _checked(self) -> Forecast | None:
        """What is known of the answer because its check was run; None: nothing yet."""
        check, enough = self.group.check, self.group.enough
        if check is None or enough is None or self.task.comparable:
            return None
        for number, attempt in enumerate(self.attempts):
            if number not in self.scores and attempt.ended and _answer(attempt):
                self.scores[number] = await check(attempt.trajectory, attempt.scope)
        if good := self._good():
            return Forecast(p_fail=0.0, reasons=(f"attempt {min(good) + 1} passes its checks",))
        if any(attempt.started and not attempt.ended for attempt in self.attempts):
            return None
        ended = sum(attempt.ended for attempt in self.attempts)
        return Forecast(p_fail=1.0, reasons=(f"{ended} attempts ended and none passes its checks",)) if ended else None

    def _good(self) -> list[int]:
        """The attempts that nothing can better."""
        enough = self.group.enough
        return [] if enough is None else [number for number, score in self.scores.items() if score >= enough]

    def _standing(self, forecast: Forecast) -> Standing:
        return standing_now(
            self.attempts,
            forecast=forecast,
            spent_usd=self.scope.account.spent.usd,
            ladder=tuple(model.card.name for model in self.models),
            planned=self.group.attempts,
        )

    def _on_step(self, number: int, step: Step) -> None:
        self.watch.add(number, step)
        self.scope.show(LiveEvent(scope=self.scope.id, what="spent", cost_usd=self.scope.account.spent.usd))

    # ---- decisions

    def _decided(self, decision: Decision, standing: Standing) -> Decided:
        meant = self._meant(decision, standing)
        origins = meant * (decision.forks - 1) if decision.action == "fork" else ()
        new = range(len(standing.steps), len(standing.steps) + len(origins))
        self._refuse_second((*meant, *new))
        return Decided(
            scope=self.scope.id,
            action=decision.action,
            rung=decision.rung,
            attempts=(*meant, *new),
            why=decision.why,
            looked_at=standing.steps,
            keep_open=decision.keep_open,
            origins=origins,
        )

    def _refuse_second(self, attempts: Sequence[int]) -> None:
        """What a lone attempt did outside is done: nobody may do it again (contract 5)."""
        if not self.group.several and max(attempts, default=0) > 0:
            raise CallerMistake("the policy begins a second attempt where one was planned", "plan two attempts or more")

    def _meant(self, decision: Decision, standing: Standing) -> tuple[int, ...]:
        """The numbers of the attempts that go on (swap, fork) or begin (start) on another rung."""
        most = decision.attempts if decision.attempts is not None else self.group.swap_attempts
        open_ones = [number for number, ended in enumerate(standing.ended) if not ended]
        if decision.chosen is not None:
            open_ones = [number for number in decision.chosen if number in open_ones]
        if decision.action in ("swap", "fork"):
            return tuple(open_ones if most is None else open_ones[:most])
        if decision.action == "start":
            unstarted = [number for number in open_ones if not standing.steps[number]]
            count = len(unstarted) if most is None else most
            new = range(len(standing.steps), len(standing.steps) + max(0, count - len(unstarted)))
            return (*unstarted[:count], *new)
        return ()

    async def _act(self, decided: Decided, looked: Forecasted) -> Step:
        events: tuple[Event, ...] = (looked, decided)
        if decided.action != "finish":
            step = await self._stepped(decided, events)
            await self.apply(decided)
        else:
            await self.apply(decided)
            step = await self._finish(decided, events)
        self.scope.show(LiveEvent(scope=self.scope.id, what=decided.action, text=decided.why))
        return step

    async def _stepped(self, decided: Decided, events: Sequence[Event], ending: Ending | None = None) -> Step:
        """The outer step of a decision, written with `events`."""
        note = f"{decided.action}: {decided.why}" if decided.why else decided.action
        done = StepCompleted(scope=self.scope.id, step=self.decisions, model=GROUP, ending=ending, note=note)
        await self.scope.journal.append((*events, done))
        self.decisions, self.ending = self.decisions + 1, ending
        return Step(model=GROUP, asked=note, ending=ending)

    async def apply(self, decided: Decided) -> None:
        """Do what was decided; doing it again after a crash changes nothing that was done."""
        while len(self.attempts) <= max(decided.attempts, default=-1):
            self.attempts.append(_new_attempt(self.group, self.scope, self.task, len(self.attempts)))
        self.looked_at = looks_after(decided, len(self.attempts))
        for number, origin in forks_of(decided):
            self._fork(number, origin, decided.looked_at[origin])
        meant = set(decided.attempts)
        for number, attempt in enumerate(self.attempts):
            if attempt.ended:
                continue
            if number in meant:
                await change_rung(attempt, max(decided.rung, self.start_rung))
            elif decided.action != "carry_on" and not decided.keep_open:
                await end(attempt, Ending(reason="stopped", detail=decided.why))

    def _fork(self, number: int, origin: int, steps: int) -> None:
        """Attempt `number` begins with what `origin` had done; one that was restored has begun already."""
        if self.attempts[number].started:
            return
        fork_into(self.attempts[number], self.attempts[origin], steps)
        for step in self.attempts[number].trajectory.steps:
            self.watch.add(number, step)

    # ---- the answer

    async def _finish(self, decided: Decided, events: Sequence[Event]) -> Step:
        """Choose the winner, write down who it is, give the group its files, and do what its outbox holds."""
        if self.task.comparable:
            answer = self._agreed()
            names = tuple(candidate.name for candidate in answer.candidates)
            winner = next((n for n, one in enumerate(self.attempts) if names and names[0] in _answer(one)), None)
        else:
            winner = await self._best_by_check()
            names = _answer(self.attempts[winner]) if winner is not None else ()
        if winner is None:
            ending = Ending(reason="answered", answer=names) if names else self._unanswered()
            return await self._stepped(decided, events, ending)
        crowned = Crowned(scope=self.scope.id, attempt=winner, answer=names)
        await self.scope.journal.append((*events, crowned))
        return await self._stepped(decided, (), await self._crown(crowned))

    async def go_on_crowning(self, crowned: Crowned) -> Step:
        """Finish what the process before this one had decided: whoever it chose is the winner."""
        assert self.decided is not None
        self.decisions -= 1  # the last one has no step yet
        return await self._stepped(self.decided, (), await self._crown(crowned))

    def _unanswered(self) -> Ending:
        """No attempt answered: because of a limit, because all failed, or for no reason of its own."""
        endings = [one.trajectory.ending for one in self.attempts if one.trajectory.ending is not None]
        for reason in ("limit", "failed"):
            found = [ending for ending in endings if ending.reason == reason]
            if found and (reason == "limit" or len(found) == len(endings)):
                return Ending(reason=found[0].reason, detail=found[0].detail)
        return Ending(reason="no_answer", detail=endings[0].detail if endings else "")

    def _agreed(self) -> Answer:
        """What the attempts agree on: by the policy's own weights if it has such, ties as the group's vote has them."""
        voted = self.group.rank([attempt.trajectory for attempt in self.attempts])
        if not isinstance(self.group.policy, Ranking):
            return voted
        answer = self.group.policy.answer(self._standing(self.watch.forecast()))
        place = {candidate.name: number for number, candidate in enumerate(voted.candidates)}
        ranked = sorted(answer.candidates, key=lambda one: (-round(one.score, 9), place.get(one.name, len(place))))
        return replace(answer, candidates=tuple(ranked))

    async def _best_by_check(self) -> int | None:
        finished = [number for number, one in enumerate(self.attempts) if _answer(one)]
        if self.group.check is not None:
            for number in finished:
                if number not in self.scores:
                    one = self.attempts[number]
                    self.scores[number] = await self.group.check(one.trajectory, one.scope)
        return max(finished, key=lambda number: self.scores.get(number, 0.0), default=None)

    async def _crown(self, crowned: Crowned) -> Ending:
        winner = self.attempts[crowned.attempt]
        try:
            if self.scope.workspace is not None and winner.scope.workspace is not None and not self.group.shared:
                await self.scope.workspace.merge(winner.scope.workspace.head, author=winner.scope.id)
            if self.group.release is not None and winner.scope.contested:
                await self.group.release(replace(winner.scope, contested=self.scope.contested))
        except ToolRefused as clash:  # others changed the same lines meanwhile
            return Ending(reason="failed", detail=str(clash))
        if not crowned.answer:
            return self._unanswered()
        return Ending(reason="answered", answer=crowned.answer)


def _answer(attempt: Attempt) -> tuple[str, ...]:
    return attempt.trajectory.ending.answer if attempt.trajectory.ending is not None else ()


def _new_attempt(group: Group, scope: Scope, task: Task, number: int) -> Attempt:
    own = member_scope(scope, number, apart=group.apart, shared=group.shared)
    return Attempt(scope=own, trajectory=Trajectory(task_id=task.id))
