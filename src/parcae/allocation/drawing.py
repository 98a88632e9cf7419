"""How a stage draws one sample: a prompt, a Worker by name, or a Python function. A kind is one function.

Workers plug in by name: `locate` is our fault localiser on the item's `repo` and `test`; others are added to `WORKERS`.
"""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from parcae.agents.fault_localization import locate_task, locator
from parcae.agents.loop import Agent
from parcae.allocation.pipeline import Item, Stage
from parcae.allocation.samples import Drawn
from parcae.allocation.scoring import find_function
from parcae.core.errors import CallerMistake, LimitReached, ProviderFailed
from parcae.core.protocols import Model, Request
from parcae.core.scope import Scope
from parcae.models.budgeted import ask
from parcae.store.replay import rebuild
from parcae.tools.covered import Covered
from parcae.tools.python_project import cover
from parcae.tools.sandbox import Sandbox

Outputs = Mapping[str, str]


@dataclass(kw_only=True)
class Tools:
    """What stages need from outside. `sandbox` is asked for only by stages that run tests."""

    find_sandbox: Callable[[], Sandbox]
    covered: dict[tuple[str, str], Covered] = field(default_factory=dict)

    async def cover(self, item: Item) -> Covered:
        """What the item's failing test executes; run once an item."""
        try:
            place = item.fields["repo"], item.fields["test"]
        except KeyError as missing:
            raise CallerMistake(
                f"item {item.id!r} has no {missing}", "a `locate` stage needs `repo` and `test` in every item"
            ) from None
        if place not in self.covered:
            self.covered[place] = await cover(Path(place[0]), place[1], sandbox=self.find_sandbox())
        return self.covered[place]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One sample to draw: of `stage` on `item` by `model` in `scope`, after the `outputs` of upstream stages."""

    stage: Stage
    item: Item
    model: Model
    outputs: Outputs
    scope: Scope
    tools: Tools


async def draw_sample(draw: Draw) -> Drawn:
    """Draw it, whatever its kind.

    Raises:
        CallerMistake: the kind has no Worker in this version.
    """
    if draw.stage.kind == "prompt":
        return await ask_text(draw, rendered(draw.stage, draw.item, draw.outputs))
    if draw.stage.kind == "python":
        return await _from_function(draw)
    if draw.stage.kind not in WORKERS:
        raise CallerMistake(
            f"stage {draw.stage.name!r}: no Worker is called {draw.stage.kind!r}", f"known are {', '.join(WORKERS)}"
        )
    return await WORKERS[draw.stage.kind](draw)


async def ask_text(draw: Draw, text: str) -> Drawn:
    """One call with `text`; the settlement is appended with the sample."""
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    request = Request(
        messages=[ModelRequest(parts=[UserPromptPart(content=text)])],
        max_tokens=draw.stage.max_tokens,
        temperature=draw.stage.temperature,
        seed=draw.scope.seed % 2**31,
    )
    begun = draw.scope.clock.now()
    asked = await ask(draw.model, request, draw.scope)
    return Drawn(
        output=asked.reply.message.text or "",
        calls=(asked.reply.usage,),
        seconds=max(draw.scope.clock.now() - begun, 0.0),
        events=asked.settlement,
    )


def rendered(stage: Stage, item: Item, outputs: Outputs) -> str:
    """The prompt with the item's fields and upstream outputs in their places.

    Raises:
        CallerMistake: a place has no field and no stage.
    """
    known = {**item.fields, **outputs}
    for _, name, _, _ in string.Formatter().parse(stage.prompt):
        if name is not None and name not in known:
            raise CallerMistake(
                f"the prompt of stage {stage.name!r} has a place {{{name}}} that item {item.id!r} does not fill",
                f"known are {', '.join(sorted(known))}; write {{{{ and }}}} for braces",
            )
    return stage.prompt.format_map(known)


async def _from_function(draw: Draw) -> Drawn:
    function = find_function(draw.stage.function, "function")
    result = function(draw.item, dict(draw.outputs), draw.model, draw.scope)
    output = await result if isinstance(result, Awaitable) else result
    if not isinstance(output, str):
        raise CallerMistake(f"{draw.stage.function} gave {type(output).__name__}", "let it give text")
    return Drawn(output=output, calls=())


async def _locate(draw: Draw) -> Drawn:
    """One attempt at finding the fault; `within` leaves only the classes or modules of what was named upstream."""
    covered = await draw.tools.cover(draw.item)
    if draw.stage.within:
        covered = narrowed(covered, draw.outputs[draw.stage.within])
    role = replace(locator(covered), temperature=draw.stage.temperature)
    if draw.stage.max_steps:
        role = replace(role, max_steps=int(draw.stage.max_steps))
    task, begun = locate_task(covered), draw.scope.clock.now()
    so_far = await rebuild(draw.scope.journal, draw.scope.id, task.id)
    if so_far.ending is None:
        async for _ in Agent(role).attempt(task, model=draw.model, so_far=so_far.steps, scope=draw.scope):
            pass
    steps = (await rebuild(draw.scope.journal, draw.scope.id, task.id)).steps
    draw.scope.account.release()
    ending = steps[-1].ending if steps else None
    if ending is not None and ending.reason == "limit":
        raise LimitReached(f"an attempt of stage {draw.stage.name!r} on item {draw.item.id!r} ran into the limit")
    if ending is not None and ending.reason == "failed":
        raise ProviderFailed(ending.detail or "the attempt failed")
    return Drawn(
        output="\n".join(ending.answer) if ending is not None else "",
        calls=tuple(step.usage for step in steps if step.usage.prompt_tokens),
        seconds=max(draw.scope.clock.now() - begun, 0.0),
    )


def narrowed(covered: Covered, named: str) -> Covered:
    """Only the functions that stand in the classes or modules of the names in `named`; all of them if none does."""
    owners = {line.strip().rpartition(".")[0] for line in named.splitlines() if line.strip()}
    inside = tuple(one for one in covered.functions if one.name.rpartition(".")[0] in owners)
    return replace(covered, functions=inside) if inside else covered


WORKERS: dict[str, Callable[[Draw], Awaitable[Drawn]]] = {"locate": _locate}
