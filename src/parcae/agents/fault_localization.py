"""The agent that looks for the function behind a failing test: AutoFL for Python.

It is shown one failing test, walks from packages to classes to functions to code, and is asked once for all culprits.
What it may look at is what the failing tests executed (`Covered`); nothing is run here. Source: PAPERS section 1.
"""

from __future__ import annotations

import re

from parcae.agents.covered_index import CoveredIndex
from parcae.agents.role import Role
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.tools.covered import Covered, Failure
from parcae.tools.function import function_tool

MAX_STEPS = 10
MOST_TEST_CHARS = 6_000
MOST_TRACEBACK_CHARS = 6_000
SYSTEM = """You find the function that makes a test fail.

You see one failing test with its error. The functions below are what the failing tests executed: the culprit is among \
them. Go from packages to classes and modules to functions, and read the code of those you suspect. Lines that the \
failing tests executed are marked with `*`. You have {turns} turns; the last one is without tools. As soon as you know \
enough, answer in plain text why the test fails; you are then asked for the culprits."""
FINAL_QUESTION = (
    "Which functions must be changed to make the test pass? Write the full signature of each, exactly as the tools "
    "gave it, one a line, the most likely first, and nothing else. Name as few as you can."
)


def locate_task(covered: Covered) -> Task:
    """The task of finding what makes the failing tests of `covered` fail."""
    return Task(
        id=f"{covered.repo.name}:{covered.test}",
        kind="locate",
        question=f"Which function makes {covered.test} fail?",
        details={"repo": covered.repo.name, "test": covered.test, "functions": str(len(covered.functions))},
        covering={function.name: function.failing_tests for function in covered.functions},
    )


def locator(covered: Covered) -> Role:
    """The agent for `covered`: four tools, the first call made for it, ten turns, one final question."""
    index = CoveredIndex(covered)

    def get_covered_packages() -> str:
        """List the packages with functions that the failing tests executed, one a line."""
        return index.packages()

    def get_failing_tests_covered_classes(package_name: str) -> str:
        """List the classes, and the modules with functions of their own, that the failing tests executed in a package.

        Args:
            package_name: a package as get_covered_packages gives it; "." stands for modules outside any package.
        """
        return index.classes(package_name)

    def get_failing_tests_covered_methods_for_class(class_name: str) -> str:
        """List the signatures of the functions of a class or module that the failing tests executed.

        Where other tests of the same file pass, it is said how many of them execute the function too.

        Args:
            class_name: a class or module as get_failing_tests_covered_classes gives it.
        """
        return index.methods(class_name)

    def get_code_snippet(signature: str) -> str:
        """Show the code of a function. `*` marks the lines that the failing tests executed.

        Args:
            signature: a signature as get_failing_tests_covered_methods_for_class gives it.
        """
        return index.snippet(signature)

    tools = (
        get_covered_packages,
        get_failing_tests_covered_classes,
        get_failing_tests_covered_methods_for_class,
        get_code_snippet,
    )
    return Role(
        name="locate",
        system=SYSTEM.format(turns=MAX_STEPS),
        opening=lambda task, scope: opening(covered, task, scope),
        tools=tuple(function_tool(tool, effect="read") for tool in tools),
        max_steps=MAX_STEPS,
        first_call=lambda task, scope: ("get_covered_packages", {}),
        final_question=FINAL_QUESTION,
        read_answer=index.names_in,
    )


def opening(covered: Covered, task: Task, scope: Scope) -> str:
    """The question with one failing test: attempts take turns through them."""
    failure = covered.failures[_attempt_number(scope) % len(covered.failures)]
    others = len(covered.failures) - 1
    also = f"\n\n{others} more {'test fails' if others == 1 else 'tests fail'} beside it." if others else ""
    return f"{task.question}\n\n{_shown(failure)}{also}"


def _shown(failure: Failure) -> str:
    source = _numbered(failure)
    return (
        f"The failing test {failure.test} ({failure.file}:{failure.line}):\n```python\n{source}\n```\n\n"
        f"It fails with:\n```\n{_ends_of(failure.traceback or failure.message, MOST_TRACEBACK_CHARS)}\n```"
    )


def _numbered(failure: Failure) -> str:
    lines = failure.source.rstrip().splitlines()
    numbered = "\n".join(f"{number:>4}  {line}" for number, line in enumerate(lines, start=failure.line))
    return _ends_of(numbered, MOST_TEST_CHARS)


def _ends_of(text: str, most: int) -> str:
    """`text`, or its beginning and end with a note of what is missing: errors stand at the end."""
    text = text.strip("\n")
    if len(text) <= most:
        return text
    head, tail = text[: most // 3], text[-(most - most // 3) :]
    return f"{head}\n[cut: {len(text) - most} characters]\n{tail}"


def _attempt_number(scope: Scope) -> int:
    """The number at the end of "run/attempt-3"; 0 for a scope without one."""
    found = re.search(r"(\d+)$", scope.id.rsplit("/", 1)[-1])
    return int(found[1]) if found else 0
