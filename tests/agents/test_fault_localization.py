"""AutoFL for Python: the four tools, what a model may get wrong in them, and how its answer is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from parcae.agents.covered_index import CoveredIndex
from parcae.agents.fault_localization import FINAL_QUESTION, MAX_STEPS, locate_task, locator
from parcae.agents.loop import HARNESS, Agent
from parcae.core.protocols import Model, Tool, ToolRefused, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Step
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.models.builtin import builtin
from parcae.models.scripted import ScriptedModel, call, say
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.testing.tools import Arguments, ToolContract
from parcae.testing.workers import WorkerContract
from parcae.tools.covered import Covered, Failure, Function


def function(name: str, arguments: str = "", **facts: object) -> Function:
    module = facts.pop("module", name.rpartition(".")[0])
    assert isinstance(module, str)
    settings: dict[str, object] = {
        "name": name,
        "package": module.rpartition(".")[0],
        "module": module,
        "file": module.replace(".", "/") + ".py",
        "line": 7,
        "first_line": 7,
        "end_line": 9,
        "source": f"def {name.rpartition('.')[2]}({arguments}):\n    return 1\n    return 2",
        "signature": f"{name}({arguments})",
        "covered_lines": (8,),
        "failing_tests": 1,
    }
    return Function(**(settings | facts))  # type: ignore[arg-type]  # the fields of Function


def failure(name: str) -> Failure:
    return Failure(
        test=f"tests/test_shop.py::{name}",
        source=f"def {name}():\n    assert total([1]) == 2",
        message="assert 1 == 2",
        traceback=f"tests/test_shop.py:4: in {name}\n    assert total([1]) == 2\nE   assert 1 == 2",
        file="tests/test_shop.py",
        line=3,
    )


COVERED = Covered(
    repo=Path("shop"),
    failures=(failure("test_total"), failure("test_tax")),
    functions=(
        function("shop.basket.total", "items"),
        function("shop.basket.total.one", "item", module="shop.basket"),
        function("shop.tax.Rate.apply", "self, amount", module="shop.tax"),
        function("shop.tax.Rate.level", "self", module="shop.tax"),
        function("shop.tax.Rate.level.setter", "self, level", module="shop.tax"),
        function("shop.stock.Shelf.apply", "self, change", module="shop.stock"),
        function("settings.load", "path"),
        function("shop.stock.register", "kind", only_at_import=True, failing_tests=0),
    ),
)
INDEX = CoveredIndex(COVERED)


class TestLocator(WorkerContract):
    """The agent keeps the contract of Workers on both builtin models."""

    def worker(self) -> Worker:
        return Agent(locator(COVERED))

    def task(self) -> Task:
        return locate_task(COVERED)

    def model(self) -> Model:
        return builtin("builtin:small")

    def other_model(self) -> Model:
        return builtin("builtin:large")


class TestPackages(ToolContract):
    """Each of the four tools keeps the contract of Tools."""

    name = "get_covered_packages"
    arguments: ClassVar[Arguments] = {}
    bad = ({"package_name": "shop"},)

    def tool(self) -> Tool:
        return next(tool for tool in locator(COVERED).tools if tool.spec.name == self.name)

    def good(self) -> Arguments:
        return self.arguments


class TestClasses(TestPackages):
    name = "get_failing_tests_covered_classes"
    arguments: ClassVar[Arguments] = {"package_name": "shop"}
    bad = ({}, {"package_name": 3}, {"package_name": "nowhere"})


class TestMethods(TestPackages):
    name = "get_failing_tests_covered_methods_for_class"
    arguments: ClassVar[Arguments] = {"class_name": "shop.tax.Rate"}
    bad = ({}, {"class_name": None}, {"class_name": "shop.nothing.Like"})


class TestSnippet(TestPackages):
    name = "get_code_snippet"
    arguments: ClassVar[Arguments] = {"signature": "shop.basket.total(items)"}
    bad = ({}, {"signature": []}, {"signature": "shop.nothing.like(it)"})


def a_scope(name: str = "attempt-0") -> Scope:
    journal = MemoryJournal()
    account = open_account("run", Limits(), journal)
    return Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1).child(name)


def test_the_task_names_all_that_the_failing_tests_executed() -> None:
    covering = locate_task(COVERED).covering
    assert set(covering) == {function.name for function in COVERED.functions}
    assert covering["shop.basket.total"] > 0 and covering["shop.stock.register"] == 0


async def run(model: Model, scope: Scope | None = None) -> list[Step]:
    agent = Agent(locator(COVERED))
    return [step async for step in agent.attempt(locate_task(COVERED), model=model, scope=scope or a_scope())]


# ---- the walk


async def test_the_harness_asks_for_the_packages_and_one_question_ends_it() -> None:
    model = ScriptedModel("m", [say("It is total."), say("shop.basket.total(items)")])
    steps = await run(model)
    assert steps[0].model == HARNESS
    assert steps[0].observations[0].content == "shop\n."
    assert steps[-1].asked == FINAL_QUESTION
    assert steps[-1].ending is not None
    assert steps[-1].ending.answer == ("shop.basket.total",)


async def test_ten_turns_the_last_without_tools_then_the_question() -> None:
    offered: list[int] = []
    model = ScriptedModel("m", [call("get_covered_packages") for _ in range(30)])
    original = model.reply

    async def counting(request, on_text=None):  # type: ignore[no-untyped-def]  # the arguments of Model.reply
        offered.append(len(request.tools))
        return await original(request, on_text)

    model.reply = counting  # type: ignore[method-assign]  # to see what is offered
    steps = await run(model)
    assert offered == [4] * (MAX_STEPS - 1) + [0, 0]
    assert steps[-1].ending is not None
    assert steps[-1].ending.reason == "no_answer"


async def test_attempts_take_turns_through_the_failing_tests() -> None:
    shown = [
        (await run(ScriptedModel("m", [say("."), say(".")]), a_scope(f"attempt-{number}")))[0].asked or ""
        for number in range(3)
    ]
    assert ["test_total" in text.split("with:")[1] for text in shown] == [True, False, True]
    assert "1 more test fails" in shown[0]


async def test_a_long_traceback_keeps_its_end() -> None:
    long = replace(COVERED.failures[0], traceback="x\n" * 9000 + "E   the error")
    role = locator(replace(COVERED, failures=(long,)))
    text = role.opening(locate_task(COVERED), a_scope())
    assert len(text) < 13_000
    assert "E   the error" in text
    assert "[cut:" in text


@pytest.mark.parametrize("size", ["builtin:small", "builtin:large"])
async def test_the_builtin_models_walk_to_an_answer(size: str) -> None:
    for number in range(10):
        steps = await run(builtin(size), a_scope(f"attempt-{number}"))
        assert steps[-1].ending is not None
        assert steps[-1].ending.reason == "answered"
        assert all(COVERED.function(name) for name in steps[-1].ending.answer)


# ---- the tools


def test_packages_lead_to_classes_and_modules_and_these_to_signatures() -> None:
    assert INDEX.packages() == "shop\n."
    assert INDEX.classes("shop") == "shop.basket\nshop.tax.Rate\nshop.stock.Shelf\nshop.stock"
    assert INDEX.classes(".") == "settings"
    assert INDEX.methods("shop.basket").splitlines() == ["shop.basket.total(items)", "shop.basket.total.one(item)"]
    assert INDEX.methods("shop.tax.Rate").splitlines()[-1] == "shop.tax.Rate.level.setter(self, level)"
    assert "[executed while importing only]" in INDEX.methods("shop.stock")


def test_a_snippet_has_its_place_and_marks_what_ran() -> None:
    assert INDEX.snippet("shop.basket.total(items)").splitlines() == [
        "shop/basket.py:7",
        "    7   def total(items):",
        "    8 *     return 1",
        "    9       return 2",
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("shop.basket.total", "shop.basket.total"),
        ("total(items)", "shop.basket.total"),
        ("basket.total(x, y)", "shop.basket.total"),
        ("src.shop.basket.total(items)", "shop.basket.total"),
        ("wrong.module.Rate.apply(self, amount)", "shop.tax.Rate.apply"),
        ("apply(self, change)", "shop.stock.Shelf.apply"),
        ("`shop.tax.Rate.level.setter(self, level)`", "shop.tax.Rate.level.setter"),
        ("def total(items):", "shop.basket.total"),
    ],
)
def test_what_can_be_meant_in_one_way_only_is_taken_so(said: str, meant: str) -> None:
    assert [one.name for one in INDEX.meant_by(said)] == [meant]


def test_what_can_be_meant_in_several_ways_is_asked_back() -> None:
    with pytest.raises(ToolRefused, match=r"several(?s:.*)Rate\.apply(?s:.*)Shelf\.apply"):
        INDEX.snippet("apply")


def test_a_class_is_no_signature_and_a_signature_no_class() -> None:
    with pytest.raises(ToolRefused, match=r"class or module(?s:.*)Rate\.apply"):
        INDEX.snippet("shop.tax.Rate")
    with pytest.raises(ToolRefused, match="is a package"):
        INDEX.methods("shop")
    assert "is no package" in INDEX.classes("shop.tax.Rate")
    assert INDEX.methods("Rate").startswith("shop.tax.Rate:")


@pytest.mark.parametrize(
    ("tool", "argument", "hint"),
    [
        (INDEX.classes, "shpo", "known are shop"),
        (INDEX.methods, "shop.tax.Rates", r"shop\.tax\.Rate"),
        (INDEX.snippet, "shop.basket.totl(items)", r"shop\.basket\.total\(items\)"),
        (INDEX.snippet, "", "list its class"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(tool, argument: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ToolRefused, match=hint):
        tool(argument)


# ---- the answer


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("shop.basket.total(items)\nshop.tax.Rate.apply(self, amount)", ("shop.basket.total", "shop.tax.Rate.apply")),
        ("1. `shop.tax.Rate.apply(self, amount)`\n2) shop.basket.total", ("shop.tax.Rate.apply", "shop.basket.total")),
        ("- **shop.basket.total(items)**", ("shop.basket.total",)),
        ("The culprit is shop.basket.total(items), I think.", ("shop.basket.total",)),
        ("```\nshop.basket.total(items)\n```", ("shop.basket.total",)),
        ("total\ntotal", ("shop.basket.total",)),
        ("apply", ()),
        ("nothing.of.ours(x)", ()),
        ("", ()),
    ],
)
def test_an_answer_is_read_to_the_names_of_functions(text: str, names: tuple[str, ...]) -> None:
    assert INDEX.names_in(text) == names
