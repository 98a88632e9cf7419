"""A pydantic-ai toolset's tools: what the model reads, what they give back, what it is told when it got them wrong."""

from __future__ import annotations

import pytest
from pydantic_ai import FunctionToolset, ModelRetry

from parcae.core.protocols import Tool, ToolRefused
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import scope_in
from parcae.tools.toolset import toolset_tools

SHELF: FunctionToolset[None] = FunctionToolset()


@SHELF.tool_plain
def find(title: str, most: int = 2) -> list[str]:
    """Find books.

    Args:
        title: a part of the title.
        most: how many to name.
    """
    if title == "none":
        raise ModelRetry("there is no such book; try another word")
    return [f"{title} {number}" for number in range(most)]


@pytest.fixture
async def tool() -> Tool:
    return (await toolset_tools(SHELF.prefixed("shelf"), effect="read"))[0]


def test_a_model_reads_name_description_and_parameters(tool: Tool) -> None:
    assert (tool.spec.name, tool.spec.effect) == ("shelf_find", "read")
    assert "Find books." in tool.spec.description
    assert tool.spec.parameters["required"] == ["title"]


async def test_a_result_that_is_no_text_is_shown_as_json(tool: Tool) -> None:
    scope = await scope_in(MemoryJournal())
    assert await tool.call({"title": "a"}, scope, key="k") == '["a 0","a 1"]'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"title": "none"}, "try another word"), ({}, "title: "), ({"title": "a", "most": "many"}, "most: ")],
)
async def test_what_the_model_got_wrong_is_said_to_it(tool: Tool, arguments: dict[str, str], said: str) -> None:
    with pytest.raises(ToolRefused, match=said):
        await tool.call(arguments, await scope_in(MemoryJournal()), key="k")
