"""The agent that repairs what makes a test fail: look, change a copy, run the test, think again.

It works in its attempt's own branch and may change anything there but tests. Its answer is the diff of that branch,
whatever it says. Source: PAPERS section 1 (AutoCodeRover and RepairAgent as the agents of Atropos).
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from collections.abc import Callable

from typing_extensions import TypedDict

from parcae.agents.covered_index import CoveredIndex, listed
from parcae.agents.fault_localization import opening
from parcae.agents.files import by, search_files, workspace_of
from parcae.agents.patch import patch_of, size_of
from parcae.agents.role import Role
from parcae.agents.test_bed import EVERYTHING, TestBed
from parcae.core.protocols import Tool, ToolRefused, Workspace
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.workspace import Conflict, Write
from parcae.tools.covered import Covered
from parcae.tools.function import CallKey, cut, function_tool
from parcae.tools.functions_in_source import chooses_tests, is_test_file, lines_with_ends, source_lines
from parcae.tools.plain_pytest import PlainRun

MAX_STEPS = 20
MAX_TOKENS = 4_096  # a reply may hold many fixes
MOST_CHANGED_LINES = 200
MOST_CHANGED_CHARS = 20_000
MOST_TRIED = 24
OUTPUT_CHARS = 4_000
SYSTEM = """You repair the code that makes a test fail.

You see one failing test with its error. Find the function that is wrong, change as little as you can with write_fix, \
and run the failing test. If it still fails, discard the fix and try another. When it passes, run the suite: nothing \
that passed before may fail. Tests must not be changed. You have {turns} turns. When you are done, answer in plain \
text what was wrong; the state of your files is what counts."""


def repair_task(covered: Covered) -> Task:
    """The task of making the failing tests of `covered` pass."""
    return Task(
        id=f"{covered.repo.name}:{covered.test}",
        kind="repair",
        question=f"Make {covered.test} pass.",
        details={"repo": covered.repo.name, "test": covered.test, "functions": str(len(covered.functions))},
        comparable=False,
    )


def repairer(covered: Covered, base: Workspace, bed: TestBed) -> Role:
    """The agent for `covered`. `base` is the branch with the project as it was; `bed` runs tests."""
    index = CoveredIndex(covered)
    reading = (
        function_tool(_listing(covered), effect="read"),
        function_tool(_method(index), effect="read"),
        function_tool(read_range, effect="read"),
        function_tool(search_files, name="search_code", effect="read"),
        function_tool(state_hypothesis, effect="read"),
        function_tool(discard_hypothesis, effect="read"),
    )
    return Role(
        name="repair",
        system=SYSTEM.format(turns=MAX_STEPS),
        opening=lambda task, scope: opening(covered, task, scope),
        tools=(*reading, *_changing(base), *_running(bed)),
        max_steps=MAX_STEPS,
        first_call=lambda task, scope: ("list_covered_functions", {}),
        max_tokens=MAX_TOKENS,
        made=lambda scope: _made(base, scope),
    )


def _made(base: Workspace, scope: Scope) -> tuple[str, ...]:
    patch = patch_of(base, workspace_of(scope))
    return (patch,) if patch else ()


# ---- reading


def _listing(covered: Covered) -> Callable[[], str]:
    def list_covered_functions() -> str:
        """List the signatures of the functions that the failing test executed, one a line.

        Where other tests of the same file pass, it is said how many of them execute the function too.
        """
        functions = [function for function in covered.functions if not function.only_at_import]
        return "\n".join(listed(function, covered.passing) for function in functions)

    return list_covered_functions


def _method(index: CoveredIndex) -> Callable[[str], str]:
    def read_method(signature: str) -> str:
        """Show the code of a function as the project has it. `*` marks the lines that the failing test executed.

        Args:
            signature: a signature as list_covered_functions gives it.
        """
        return index.snippet(signature)

    return read_method


def read_range(scope: Scope, path: str, first_line: int = 1, last_line: int = 200) -> str:
    """Show lines of a file as it is now.

    Args:
        path: relative to the top of the project.
        first_line: counted from 1.
        last_line: the last line to show.
    """
    lines = source_lines(_text(workspace_of(scope), path))
    shown = lines[max(0, first_line - 1) : last_line]
    return "\n".join(f"{number:>5} {line}" for number, line in enumerate(shown, start=max(1, first_line)))


def state_hypothesis(text: str) -> str:
    """Write down what you believe is wrong, before you change anything.

    Args:
        text: one or two sentences.
    """
    return "noted"


def discard_hypothesis(text: str) -> str:
    """Write down which belief turned out wrong.

    Args:
        text: one or two sentences.
    """
    return "noted"


# ---- changing


class Fix(TypedDict):
    """A fragment that begins in `line` (0: wherever it stands once) and what to put in its place."""

    line: int
    old: str
    new: str


def replaced(whole: str, fix: Fix, path: str) -> str:
    """The text of the file `path` with `fix` in it.

    Raises:
        ToolRefused: the fragment does not stand there, or more than once and no line tells which.
    """
    old, line = fix["old"], fix["line"]
    if len(fix["new"]) > MOST_CHANGED_CHARS:
        raise ToolRefused(f"the fix has {len(fix['new'])} characters; {MOST_CHANGED_CHARS} are allowed: change less")
    if not line and old and whole.count(old) == 1:
        return whole.replace(old, fix["new"])
    if not line or not old:
        raise ToolRefused(f"the fragment stands {whole.count(old) if old else 0} times in {path}; say in which line")
    start = sum(len(one) for one in lines_with_ends(whole)[: line - 1])
    place = whole.find(old, start)
    if place < 0 or "\n" in whole[start:place]:
        raise ToolRefused(f"line {line} of {path} does not begin {source_lines(old)[0]!r}; read it again")
    return whole[:place] + fix["new"] + whole[place + len(old) :]


def _text(workspace: Workspace, path: str) -> str:
    content = workspace.read(path)
    try:
        if b"\0" not in content:
            return content.decode()
    except UnicodeDecodeError:
        pass
    raise ToolRefused(f"{path} is binary or not in UTF-8, so it cannot be shown or changed here; repair another file")


def _repairable(path: str) -> str:
    if is_test_file(path):
        raise ToolRefused(f"{path} is a test; repair the code that it tests")
    if chooses_tests(path):
        raise ToolRefused(f"{path} says which tests are run; repair the code that they test")
    return path


def _changing(base: Workspace) -> tuple[Tool, ...]:
    async def write_fix(scope: Scope, key: CallKey, path: str, old: str, new: str, line: int = 0) -> str:
        """Replace a fragment of a file.

        Args:
            path: the file, relative to the top of the project; no test.
            old: the exact fragment, with as many lines around it as make it unique.
            new: what to put in its place.
            line: the line in which the fragment begins, if it stands there several times.
        """
        workspace = workspace_of(scope)
        before = workspace.look(_repairable(path))
        whole = replaced(_text(workspace, path), Fix(line=line, old=old, new=new), path)
        change = Write(path=path, content=whole.encode(), based_on=before.version)
        outcome = await workspace.change(change, by(scope, key))
        if isinstance(outcome, Conflict):
            raise ToolRefused(f"{path} changed meanwhile; read it again")
        patch = patch_of(base, workspace)
        changed = size_of(patch)
        if changed > MOST_CHANGED_LINES or len(patch) > 2 * MOST_CHANGED_CHARS:
            back = Write(path=path, content=before.content, based_on=outcome.version)
            await workspace.change(back, by(scope, f"{key}/back"))
            allowed = f"{MOST_CHANGED_LINES} lines in a diff of {2 * MOST_CHANGED_CHARS} characters are allowed"
            raise ToolRefused(f"that changes {changed} lines, {len(patch)} characters; {allowed}: change less")
        return f"{path} is changed"

    async def discard_fix(scope: Scope, key: CallKey) -> str:
        """Take back every change of yours: all files are again as the project has them."""
        workspace = workspace_of(scope)
        was = {path: base.look(path) for path in base.paths()}
        changed = [path for path, file in was.items() if workspace.look(path).version != file.version]
        for path in changed:
            now = workspace.look(path).version
            back = Write(path=path, content=was[path].content, based_on=now)
            await workspace.change(back, by(scope, f"{key}/{path}"))
        return f"taken back: {', '.join(changed) or 'nothing was changed'}"

    return (function_tool(write_fix, effect="workspace"), function_tool(discard_fix, effect="workspace"))


# ---- running


def _running(bed: TestBed) -> tuple[Tool, ...]:
    async def run_failing_test(scope: Scope) -> str:
        """Run the failing test on your files."""
        run = await bed.run(workspace_of(scope))
        return "it passes" if run.passed and not run.failed else f"it fails\n{_output(run)}"

    async def try_fixes(scope: Scope, path: str, fixes: list[Fix]) -> str:
        """Run the failing test with one fix of a file after the other, until it passes; your files stay as they are.

        Args:
            path: the file, relative to the top of the project; no test.
            fixes: up to 24, each with the line in which the fragment begins, the exact fragment `old`, and `new`. The
                answer counts them from 1.
        """
        whole = _text(workspace_of(scope), _repairable(path))
        versions, wrong = dict[int, str](), []
        for place, fix in enumerate(fixes[:MOST_TRIED], start=1):
            try:
                versions[place] = replaced(whole, fix, path)
            except ToolRefused as refusal:
                wrong.append(f"{place} was not tried: {refusal}")
        first = await bed.first_good(workspace_of(scope), path, list(versions.values()))
        if first is None:
            return "\n".join([f"it fails with all {len(versions)}", *wrong])
        after = "; those after it were not tried" if first + 1 < len(versions) else ""
        return "\n".join([f"it passes with {list(versions)[first]}{after}", *wrong])

    async def run_suite(scope: Scope) -> str:
        """Run all tests on your files."""
        run = await bed.run(workspace_of(scope), EVERYTHING)
        if run.passed and not run.failed and run.limit is None:
            return f"all {len(run.passed)} tests pass"
        return f"{len(run.failed)} tests fail: {', '.join(sorted(run.failed)[:20])}\n{_output(run)}"

    return tuple(function_tool(tool, effect="read") for tool in (run_failing_test, try_fixes, run_suite))


def _output(run: PlainRun) -> str:
    if run.limit is not None:
        return f"killed: it reached its limit of {run.limit}"
    return cut(run.output, OUTPUT_CHARS)
