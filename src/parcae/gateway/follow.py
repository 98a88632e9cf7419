"""From a request to its run: place it, complete the step before, forecast, decide. Forwards nothing.

What a step cost and said is known from its reply; what its tools gave back stands in the next request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from parcae.core.events import AttemptEquipped, AttemptStarted, Decided, Forecasted, RunStarted, StepObserved
from parcae.core.protocols import Decision, Event
from parcae.core.task import Task
from parcae.gateway.config import Key, VirtualModel
from parcae.gateway.dialect import Asked, Dialect, names_of
from parcae.gateway.events import GatewayStopped
from parcae.gateway.http import Http
from parcae.gateway.identity import Placed
from parcae.gateway.lines import completed, replied
from parcae.gateway.readings import Reading
from parcae.gateway.refusal import bad
from parcae.gateway.runs import Run
from parcae.gateway.state import Gateway
from parcae.gateway.steps import Told, history, last_reply, observations, question, results
from parcae.gateway.verdict import Looks

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class Followed(NamedTuple):
    """A request with its run and its place in it."""

    key: Key | None
    run: Run
    placed: Placed


def goes_on(gateway: Gateway, key: Key | None, dialect: Dialect, reading: Reading, http: Http) -> Followed | None:
    """As `follow`, from the new messages alone; None where the whole history has to be read for it.

    Raises:
        Refusal: 400 for names that cannot be, 403 for models that the key may not use.
    """
    asked = reading.asked
    if asked.before is None or _hint(http, asked, "run") is not None:
        return None
    identities = gateway.runs.identities(key)
    placed = identities.extending(asked.before, asked.messages, reading.chain, task=_hint(http, asked, "task"))
    run = None if placed is None else gateway.runs.get(key, placed)
    if placed is None or run is None or run.revived_at is not None:
        return None
    virtual = gateway.virtual(asked.model, key)
    turns_private = not run.private and _is_private(gateway, key, virtual, asked, http)
    if virtual.name != run.virtual.name or turns_private or not all(target.takes(dialect) for target in run.ladder):
        return None
    identities.take(placed, reading.chain[-1])
    _caught_up(gateway, run, placed, dialect, asked)
    return _followed(gateway, key, run, placed)


def follow(gateway: Gateway, key: Key | None, dialect: Dialect, reading: Reading, http: Http) -> Followed:
    """Whose request this is; its run is brought up to date and looked at.

    Raises:
        Refusal: 400 for names that cannot be, 403 and 404 for models that the key may not use or nobody has.
    """
    asked = reading.asked
    virtual = gateway.virtual(asked.model, key)
    hinted = {name: _hint(http, asked, name) for name in ("task", "run")}
    private = _is_private(gateway, key, virtual, asked, http)
    again = http.header(b"x-stainless-retry-count") not in ("", "0")
    placed = gateway.runs.identities(key).place(
        asked.messages, reading.chain, run=hinted["run"], task=hinted["task"], again=again
    )
    run = gateway.runs.get(key, placed)
    if run is None:
        prompt = _hint(http, asked, "prompt") or ""
        run = _opened(gateway, key, virtual, placed, private, dialect, asked, prompt)
    else:
        _kept_up(gateway, key, run, placed, dialect, asked)
        _moved(gateway, key, run, virtual, private, dialect, asked)
    return _followed(gateway, key, run, placed)


def _followed(gateway: Gateway, key: Key | None, run: Run, placed: Placed) -> Followed:
    run.sure = run.sure and placed.sure
    gateway.runs.touch(key, run, gateway.clock.now())
    if run.looks is not None and run.looks.due(run.attempt):
        _look(gateway, run, placed.step)
    return Followed(key=key, run=run, placed=placed)


def _hint(http: Http, asked: Asked, name: str) -> str | None:
    value = http.header(b"x-parcae-" + name.encode()) or asked.said.get(name)
    if not value:
        return None
    if not _NAME.fullmatch(value):
        raise bad(f"x-parcae-{name} may hold up to 100 letters, digits and . _ : -", "wrong_value")
    return value


def _is_private(gateway: Gateway, key: Key | None, virtual: VirtualModel, asked: Asked, http: Http) -> bool:
    said = (http.header(b"x-parcae-private") or asked.said.get("private", "")).lower()
    return virtual.private or (key is not None and key.private) or said in ("1", "true", "yes")


def _opened(
    gateway: Gateway,
    key: Key | None,
    virtual: VirtualModel,
    placed: Placed,
    private: bool,
    dialect: Dialect,
    asked: Asked,
    prompt: str,
) -> Run:
    ladder = gateway.ladder(virtual, private=private)
    owner = "open" if key is None else key.name
    scope = f"gateway/runs/{owner}/{placed.task}"
    run = Run(
        name=placed.run,
        task=placed.task,
        scope=f"{scope}/{placed.run}",
        virtual=virtual,
        ladder=ladder,
        private=private,
        sure=placed.sure,
    )
    task = _task(run, dialect, asked)
    events: list[Event] = []
    if gateway.first_of(scope):
        events.append(RunStarted(scope=scope, command="serve", task=task, seed=0, options={"model": virtual.name}))
    events.append(AttemptStarted(scope=run.scope, model=run.target.name))
    events.append(AttemptEquipped(scope=run.scope, tools=names_of(asked.offers), prompt=prompt))
    gateway.recorder.put(events)
    gateway.metrics.runs += 1
    run.looks, run.attempt = _looks(gateway, owner, run, task)
    for told in _told(dialect, asked) if placed.step else ():
        _add(gateway, run, told, is_new=True)
    return run


def _told(dialect: Dialect, asked: Asked) -> list[Told]:
    """The steps that a request's history tells of."""
    return [
        Told(said, found, model="unknown", asked=before if number else None)
        for number, (said, found, before) in enumerate(history(dialect, asked))
    ]


def _taken_up(gateway: Gateway, key: Key | None, run: Run, placed: Placed, dialect: Dialect, asked: Asked) -> None:
    """A run of the process before this one goes on: the journal knows all of its steps but for the newest results."""
    assert run.revived_at is not None
    is_new, run.revived_at = placed.step > run.revived_at, None
    steps = _told(dialect, asked)
    seen = steps[:-1] if is_new else steps
    owner = "open" if key is None else key.name
    run.looks, run.attempt = _looks(gateway, owner, run, _task(run, dialect, asked), seen)
    if is_new and steps:
        _add(gateway, run, steps[-1], is_new=False)


def _looks(gateway: Gateway, owner: str, run: Run, task: Task, seen: Sequence[Told] = ()) -> tuple[Looks | None, int]:
    stage = run.virtual.stage
    if stage.policy == "none" and stage.forecaster is None:
        return None, 0
    group = gateway.runs.groups.get((owner, run.task)) if stage.attempts > 1 else None
    if group is None or len(group.steps) >= stage.attempts:
        group = Looks(
            watch=gateway.forecaster(stage.forecaster).watch(task, stage.attempts),
            policy=gateway.policy(stage.policy),
            ladder=tuple(target.name for target in run.ladder),
            planned=stage.attempts,
        )
        if stage.attempts > 1:
            gateway.runs.groups[owner, run.task] = group
    return group, group.join(run.rung, seen)


def _kept_up(gateway: Gateway, key: Key | None, run: Run, placed: Placed, dialect: Dialect, asked: Asked) -> None:
    if run.revived_at is not None:
        _taken_up(gateway, key, run, placed, dialect, asked)
    else:
        _caught_up(gateway, run, placed, dialect, asked)


def _moved(
    gateway: Gateway, key: Key | None, run: Run, virtual: VirtualModel, private: bool, dialect: Dialect, asked: Asked
) -> None:
    """The client may ask for another model on the way, or for privacy from now on."""
    if virtual.name == run.virtual.name and (run.private or not private):
        return
    if virtual.name != run.virtual.name:
        run.rung = 0
    run.private = run.private or private
    run.virtual, run.ladder = virtual, gateway.ladder(virtual, private=run.private)
    run.rung = min(run.rung, len(run.ladder) - 1)
    owner = "open" if key is None else key.name
    run.looks, run.attempt = _looks(gateway, owner, run, _task(run, dialect, asked), _told(dialect, asked))


def _task(run: Run, dialect: Dialect, asked: Asked) -> Task:
    """What the run is about, for forecasters and for people."""
    return Task(id=run.task, kind="gateway", question=question(dialect, asked), comparable=False)


def _caught_up(gateway: Gateway, run: Run, placed: Placed, dialect: Dialect, asked: Asked) -> None:
    """The step before is complete: its tools' results stand in this request."""
    pending = run.pending
    if pending is None or placed.step <= pending.step:
        return
    run.pending = None
    end = last_reply(asked)
    found = tuple(results(dialect, asked, end + 1, len(asked.turns)))
    if run.looks is not None or gateway.keeps_steps:
        said, is_new = pending.said, False
        if end >= 0 and asked.messages[end].call_ids != tuple(call.id for call in said.calls):
            said, is_new = dialect.said(asked.turns[end]), True  # it was answered twice: this one was taken up
        _add(gateway, run, Told(said, found, model=pending.model, cost_usd=pending.cost_usd), is_new=is_new)


def _add(gateway: Gateway, run: Run, told: Told, *, is_new: bool) -> None:
    """One more complete step; `is_new`: its reply is not in the journal yet."""
    if run.looks is not None:
        run.looks.add(run.attempt, told)
    if gateway.keeps_steps:
        number, events = run.completed, list[Event]()
        if is_new:
            events.append(replied(run.scope, number, told.model, told.said, asked=told.asked, at=gateway.clock.now()))
        events += [StepObserved(scope=run.scope, step=number, observation=one) for one in observations(told)]
        gateway.recorder.put([*events, completed(run.scope, number, told.model)])
    run.completed += 1


def _look(gateway: Gateway, run: Run, step: int) -> None:
    assert run.looks is not None
    decision = run.looks.look(run.attempt, run.cost_usd)
    forecast = run.looks.forecast
    assert forecast is not None
    run.forecast = forecast
    gateway.metrics.looked(forecast.p_fail)
    did = _act(gateway, run, decision, step)
    gateway.recorder.put(
        [
            Forecasted(
                scope=run.scope,
                p_fail=forecast.p_fail,
                trust=forecast.trust,
                reasons=forecast.reasons,
                looked_at=(step,),
            ),
            Decided(scope=run.scope, action=did, rung=run.rung, attempts=(run.attempt,), why=decision.why),
        ]
    )


def _act(gateway: Gateway, run: Run, decision: Decision, step: int) -> str:
    """Carry the decision out as far as the mode allows; what was done, for the journal."""
    wanted = {"swap": "swap", "stop": "stop", "finish": "stop"}.get(decision.action)
    if wanted is None:
        return "carry_on"
    mode = run.virtual.mode
    if mode == "observe" or not run.sure or (mode == "swap" and wanted == "stop"):
        run.would_stop = True
        gateway.metrics.would_act += 1
        return f"observe_{wanted}"
    if mode == "stop":
        run.stopped = decision.why or "the forecast says that this run will fail"
        gateway.metrics.stops += 1
        gateway.recorder.put([GatewayStopped(scope=run.scope, step=step, why=run.stopped)])
        return "stop"
    if decision.rung > run.rung:
        run.rung = min(decision.rung, len(run.ladder) - 1)
        gateway.metrics.swaps += 1
        gateway.recorder.put(
            [AttemptStarted(scope=run.scope, model=run.target.name, rung=run.rung, after_steps=run.completed)]
        )
    return "swap"
