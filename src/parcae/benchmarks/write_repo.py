"""A bug in a copied library as a small repository: the modules that its use loads, and its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parcae.benchmarks.bug import HELD_BACK, REPO, Bug, write_bug
from parcae.benchmarks.differential import Use
from parcae.benchmarks.mutate import Mutation
from parcae.benchmarks.stdlib_copy import PACKAGE

_SETTINGS = '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A fault that a use shows. `failing`, `passing`, `held_back` are places of cases; `expected` is by place.

    `files` are those that the use loads, `file` the broken one, relative to the library; `culprit` is the qualified
    name in its module. `functions` and `modules` count what the failing case executes.
    """

    use: Use
    expected: tuple[str, ...]
    failing: int
    passing: tuple[int, ...]
    held_back: tuple[int, ...]
    files: tuple[str, ...]
    file: str
    fault: Mutation
    culprit: str
    functions: int
    modules: int
    direct: bool
    crash: bool


def write_repository(shown: Shown, folder: Path, root: Path) -> Bug:
    """Write the repository of a bug, its hidden tests and what is known of it into `folder`; returns the latter."""
    repo = folder / REPO
    for file in dict.fromkeys((f"{PACKAGE}/__init__.py", *shown.files)):
        target = repo / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((root / file).read_text(encoding="utf-8"), encoding="utf-8")
    broken = repo / PACKAGE / shown.file
    source = broken.read_text(encoding="utf-8")
    broken.write_text(shown.fault.apply(source), encoding="utf-8")
    (repo / "pyproject.toml").write_text(_SETTINGS, encoding="utf-8")
    (repo / "tests").mkdir()
    tests = f"tests/test_{shown.use.subject}.py"
    (repo / tests).write_text(_tests(shown, sorted((shown.failing, *shown.passing))), encoding="utf-8")
    (folder / HELD_BACK).mkdir()
    hidden = f"{HELD_BACK}/test_{shown.use.subject}.py"
    (folder / hidden).write_text(_tests(shown, [shown.failing, *shown.passing, *shown.held_back]), encoding="utf-8")
    bug = Bug(
        name=folder.name,
        culprit=f"{_module(shown.file)}.{shown.culprit}",
        file=f"{PACKAGE}/{shown.file}",
        line=shown.fault.line,
        test=f"{tests}::{_name(shown.failing)}",
        operator=shown.fault.operator,
        before=source[shown.fault.start : shown.fault.end],
        after=shown.fault.text,
        covered_functions=shown.functions,
        covered_modules=shown.modules,
        direct=shown.direct,
        source=f"standard library: {shown.use.subject}",
        held_back=hidden,
    )
    write_bug(bug, folder)
    return bug


def _module(file: str) -> str:
    parts = Path(PACKAGE, file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _name(place: int) -> str:
    return f"test_case_{place + 1:02}"


def _tests(shown: Shown, places: Sequence[int]) -> str:
    use = shown.use
    tests = [
        f"def {_name(place)}():\n    assert {use.subject}({use.cases[place]}) == {shown.expected[place]}\n"
        for place in places
    ]
    return "\n\n".join([use.source, *tests])
