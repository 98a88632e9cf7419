"""The contract of every Tool, as tests to inherit: subclass ToolContract and give the tool and what to call it with."""

from __future__ import annotations

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import pytest

from parcae.core.protocols import JsonValue, Tool, ToolRefused
from parcae.core.scope import Scope
from parcae.ledger.account import free_account
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock

Arguments = Mapping[str, JsonValue]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what every provider takes


def tool_scope() -> Scope:
    """A scope to call tools in."""
    return Scope(
        id="run",
        account=free_account("run"),
        journal=MemoryJournal(),
        clock=StillClock(),
        seed=1,
        grants=frozenset("*"),
    )


class ToolContract(ABC):
    """Inherit, and give `tool` and `good`; `bad` are arguments that it must refuse with a sentence."""

    bad: Sequence[Arguments] = ()

    @abstractmethod
    def tool(self) -> Tool:
        """A new tool, on a new world."""

    @abstractmethod
    def good(self) -> Arguments:
        """Arguments that it takes."""

    def scope(self) -> Scope:
        """Where it is called."""
        return tool_scope()

    def world(self, tool: Tool) -> object:
        """What the tool can change, to be compared; None if nothing of it can be seen."""
        return None

    def test_every_provider_can_offer_it(self) -> None:
        """Its name, a description, and a JSON schema of an object."""
        spec = self.tool().spec
        assert NAME.fullmatch(spec.name)
        assert spec.description.strip()
        assert spec.parameters["type"] == "object"
        properties, required = spec.parameters.get("properties", {}), spec.parameters.get("required", ())
        assert isinstance(properties, Mapping) and isinstance(required, Sequence)
        assert set(required) <= set(properties)
        assert json.loads(json.dumps(spec.parameters, default=dict))
        assert spec.max_chars > 0

    def test_its_good_arguments_fit_its_schema(self) -> None:
        """All that is required, nothing unknown."""
        parameters = self.tool().spec.parameters
        required, properties = parameters.get("required", ()), parameters.get("properties", {})
        assert isinstance(required, Sequence) and isinstance(properties, Mapping)
        assert set(required) <= set(self.good()) <= set(properties)

    async def test_it_says_what_came_of_it_within_its_bound(self) -> None:
        """A longer result is cut, with a note: the bound is what an observation may cost."""
        tool = self.tool()
        result = await tool.call(self.good(), self.scope(), key="run/0/c")
        assert isinstance(result, str)
        assert len(result) <= tool.spec.max_chars + 100

    async def test_wrong_arguments_are_refused_with_a_sentence(self) -> None:
        """For the model, which reads it and tries again; nothing else is raised and nothing is changed."""
        for arguments in (*self.bad, {**self.good(), "no_such_argument": 1}):
            tool = self.tool()
            before = self.world(tool)
            with pytest.raises(ToolRefused) as refused:
                await tool.call(arguments, self.scope(), key="run/0/c")
            assert str(refused.value).strip()
            assert self.world(tool) == before

    async def test_a_tool_that_reads_changes_nothing_and_may_be_called_side_by_side(self) -> None:
        """Such calls run in parallel, and run again after a crash."""
        tool = self.tool()
        if tool.spec.effect != "read":
            return
        before = self.world(tool)
        first, *others = await asyncio.gather(
            *(tool.call(self.good(), self.scope(), key=f"run/0/{number}") for number in range(3))
        )
        assert others == [first, first]
        assert self.world(tool) == before

    async def test_a_keyed_tool_does_a_call_once_whoever_repeats_it(self) -> None:
        """The idempotency key is the same when a call is made again after a crash."""
        tool = self.tool()
        if not tool.spec.keyed:
            return
        await tool.call(self.good(), self.scope(), key="run/0/c")
        before = self.world(tool)
        await tool.call(self.good(), self.scope(), key="run/0/c")
        assert self.world(tool) == before
