"""How a stage draws one sample: a prompt, a Worker by name, or a Python function. A kind is one function.

Workers plug in by name, see `workers.WORKERS`.
"""

from __future__ import annotations

import string
from collections.abc import Awaitable

from parcae.allocation.pipeline import Item, Stage
from parcae.allocation.samples import Drawn
from parcae.allocation.scoring import find_function
from parcae.allocation.workers import WORKERS, Draw, Outputs
from parcae.core.errors import CallerMistake
from parcae.core.protocols import Request
from parcae.models.budgeted import ask


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
