"""How the builtin models repair: small by names with three tries, large by the lines that were executed, on and on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolCallPart, ToolReturnPart, UserPromptPart
from tests.models.failing import OPENING

from parcae.core.protocols import Request, ToolSpec
from parcae.models.builtin import builtin

NAMES = (
    "list_covered_functions",
    "read_method",
    "try_fixes",
    "write_fix",
    "discard_fix",
    "run_failing_test",
    "run_suite",
)
TOOLS = tuple(ToolSpec(name=name, description=name, effect="read") for name in NAMES)
FUNCTIONS = {
    "shop.basket.price_of_basket(items, rate)": """shop/basket.py:2
    2   def price_of_basket(items, rate):
    3 *     if rate > 100:
    4           raise ValueError(rate - 1)
    5 *     return total(items, 0, rate) + 1""",
    "shop.basket.total(items, start, rate)": """shop/basket.py:8
    8   def total(items, start, rate):
    9 *     for item in items:
   10 *         if item < 0 and start == 7:
   11               start += 5
   12 *         start += item * rate // 100
   13 *     return start""",
} | {
    f"shop.other.step_{number}(value)": f"shop/other.py:{number * 4}\n"
    f"{number * 4:>5}   def step_{number}(value):\n{number * 4 + 1:>5} *     return value + {number} < 2 * value"
    for number in range(1, 31)
}

Fix = tuple[int, str]  # the line, and what is put there


@dataclass
class Project:
    """Answers the tools as the agent's own would: the test passes with `passes`, the suite fails with `red`."""

    passes: frozenset[str] = frozenset()
    red: frozenset[str] = frozenset()
    read: list[str] = field(default_factory=list)
    asked: list[Fix] = field(default_factory=list)
    ran: list[Fix] = field(default_factory=list)
    now: str = ""

    def answer(self, tool: str, arguments: Mapping[str, Any]) -> str:
        if tool == "list_covered_functions":
            return "\n".join(FUNCTIONS)
        if tool == "read_method":
            self.read.append(arguments["signature"])
            return FUNCTIONS[arguments["signature"]]
        if tool == "write_fix":
            self.now = arguments["new"]
            return f"{arguments['path']} is changed"
        if tool == "discard_fix":
            self.now = ""
            return "taken back"
        if tool == "run_failing_test":
            return "it passes" if self.now in self.passes else "it fails"
        if tool == "run_suite":
            return "1 tests fail: t" if self.now in self.red else "all 3 tests pass"
        return self.tried(arguments["fixes"])

    def tried(self, fixes: list[Mapping[str, Any]]) -> str:
        assert not self.now  # a fix that is in the files would change what a try means
        self.asked += [(fix["line"], fix["new"]) for fix in fixes]
        for place, fix in enumerate(fixes, start=1):
            self.ran.append((fix["line"], fix["new"]))
            if fix["new"] in self.passes:
                return f"it passes with {place}" + ("; those after it were not tried" if place < len(fixes) else "")
        return f"it fails with all {len(fixes)}"


async def repaired(name: str, project: Project, seed: int = 1) -> str:
    """What the model says in the end."""
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(content=OPENING)])]
    for _ in range(40):
        reply = await builtin(name).reply(Request(messages=messages, tools=TOOLS, seed=seed, temperature=0.8))
        calls = [part for part in reply.message.parts if isinstance(part, ToolCallPart)]
        if not calls:
            return reply.message.text or ""
        answers = [
            ToolReturnPart(
                tool_name=one.tool_name,
                content=project.answer(one.tool_name, one.args_as_dict()),
                tool_call_id=one.tool_call_id,
            )
            for one in calls
        ]
        messages += [reply.message, ModelRequest(parts=answers)]
    raise AssertionError("no end after 40 turns")


@pytest.mark.parametrize("seed", range(5))
async def test_small_reads_two_functions_tries_three_changes_and_gives_up(seed: int) -> None:
    project = Project()
    assert await repaired("builtin:small", project, seed) == "I found no change that helps."
    assert (len(project.read), len(project.asked)) == (2, 3)


async def test_small_goes_by_names() -> None:
    read = [
        project.read for seed in range(10) for project in [Project()] if await repaired("builtin:small", project, seed)
    ]
    named = [signature for signatures in read for signature in signatures if "basket.price_of_basket" in signature]
    assert len(named) >= 7  # of ten attempts; by chance it would be one


async def test_only_large_heeds_which_lines_the_test_executed() -> None:
    lines: dict[str, set[int]] = {}
    for name in ("builtin:small", "builtin:large"):
        projects = [Project() for _ in range(20)]
        for seed, project in enumerate(projects):
            await repaired(name, project, seed)
        lines[name] = {line for project in projects for line, _ in project.asked if line in (4, 11)}
    assert lines["builtin:small"]
    assert not lines["builtin:large"]


async def test_large_reads_and_tries_many_times_as_much_and_nothing_twice() -> None:
    project = Project()
    assert await repaired("builtin:large", project) == "I found no change that helps."
    assert len(project.read) == 18
    assert 60 <= len(project.asked) <= 96
    assert len(set(project.asked)) == len(project.asked)


async def test_a_fix_that_breaks_the_suite_is_taken_back_and_what_was_not_tried_is_tried() -> None:
    first = Project()
    await repaired("builtin:large", first)
    early, *_, late = [new for _, new in first.asked[:24] if "value" not in new]  # those of one file, in one call
    project = Project(passes=frozenset({early, late}), red=frozenset({early}))
    assert await repaired("builtin:large", project) == "The failing test passes."
    assert project.now == late
    assert len(set(project.ran)) == len(project.ran)
    assert len(set(project.asked)) < len(project.asked)  # what stood behind the first that passed was asked for again


async def test_where_nothing_else_helps_the_fix_that_breaks_the_suite_stays_and_is_called_so() -> None:
    first = Project()
    await repaired("builtin:small", first)
    only = first.asked[-1][1]
    project = Project(passes=frozenset({only}), red=frozenset({only}))
    assert await repaired("builtin:small", project) == "The failing test passes, others fail."
    assert project.now == only
