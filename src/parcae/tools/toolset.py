"""The tools of a pydantic-ai toolset, as Tools. Their effect is what the caller says: a toolset grants itself nothing.

Knows nothing of pydantic-ai's agents: a call has no dependencies, and its context tells of no conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_ai.usage import RunUsage
from pydantic_core import to_json

from parcae.core.protocols import Effect, JsonValue, Tool, ToolRefused, ToolSpec
from parcae.core.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromToolset:
    spec: ToolSpec
    toolset: AbstractToolset[None]
    tool: ToolsetTool[None]
    context: RunContext[None]

    async def call(self, arguments: Mapping[str, JsonValue], scope: Scope, *, key: str) -> str:
        name = self.spec.name
        context = replace(self.context, tool_name=name, tool_call_id=key)
        try:
            values = self.tool.args_validator.validate_python(dict(arguments), context=context.validation_context)
            result = await self.toolset.call_tool(name, values, context, self.tool)
        except ValidationError as wrong:
            said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors(include_url=False)]
            raise ToolRefused(f"{name} was not called: {'; '.join(said)}") from None
        except ModelRetry as refusal:
            raise ToolRefused(str(refusal)) from None
        return result if isinstance(result, str) else to_json(result).decode()


async def toolset_tools(toolset: AbstractToolset[None], *, effect: Effect) -> tuple[Tool, ...]:
    """The tools of `toolset`, all with `effect`; a toolset that must be entered is entered by the caller.

    A tool that raises ModelRetry, or is called with wrong arguments, tells the model so, and the attempt goes on.
    """
    context = RunContext[None](deps=None, model=TestModel(), usage=RunUsage())
    return tuple(
        _FromToolset(
            spec=ToolSpec(
                name=name,
                description=tool.tool_def.description or "",
                parameters=tool.tool_def.parameters_json_schema,
                effect=effect,
            ),
            toolset=toolset,
            tool=tool,
            context=context,
        )
        for name, tool in (await toolset.get_tools(context)).items()
    )
