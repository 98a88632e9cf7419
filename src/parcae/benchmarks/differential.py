"""What a use of a library gives on many cases, whole or broken: the comparison that finds out whether a fault shows."""

from __future__ import annotations

import ast
import inspect
import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parcae.benchmarks import differential_driver
from parcae.benchmarks.stdlib_copy import PACKAGE, copied, redirected
from parcae.benchmarks.subjects.subject import Subject
from parcae.core.errors import SandboxFailed
from parcae.tools.project_python import choose_python
from parcae.tools.sandbox import Bind, Sandbox, SandboxLimits

CASE_SECONDS = 1.0
PATIENCE_SECONDS = 120.0  # for what must work, also on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A subject against the copied library: its test source, and its cases as Python literals."""

    subject: str
    source: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What one case gave: `status` is "ok", "raised", "too slow" or "not comparable"; `lines` ran, by file."""

    status: str
    value: str
    lines: Mapping[str, frozenset[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What all cases gave, and the files of the library that were loaded, relative to its root."""

    cases: tuple[CaseResult, ...]
    files: tuple[str, ...]


def make_use(subject: Subject, rng: random.Random, count: int) -> Use:
    """`subject` with `count` distinct cases."""
    cases = dict.fromkeys(repr(subject.case(rng)) for _ in range(4 * count))
    return Use(subject=subject.name, source=_test_source(subject), cases=tuple(cases)[:count])


def _test_source(subject: Subject) -> str:
    """The function of the subject with the imports that it names, led to the copied library."""
    module = inspect.getmodule(subject.outcome)
    assert module is not None
    function, tree = inspect.getsource(subject.outcome), ast.parse(inspect.getsource(module))
    names = {node.id for node in ast.walk(ast.parse(function)) if isinstance(node, ast.Name)}
    imports = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any((alias.asname or alias.name).partition(".")[0] in names for alias in node.names)
    ]
    text = "\n".join(["from __future__ import annotations", "", *imports, "", "", function])
    return redirected(text, copied())


async def run_use(
    use: Use, root: Path, sandbox: Sandbox, *, trace: bool = False, wall_seconds: float = 20.0
) -> Results | None:
    """Run every case of `use` against the library in `root`; None if Python did not reach the end in time.

    Raises:
        SandboxFailed: the sandbox broke.
    """
    request = {
        "root": str(root),
        "package": PACKAGE,
        "source": use.source,
        "function": use.subject,
        "cases": use.cases,
        "trace": trace,
        "seconds": CASE_SECONDS * (1 if wall_seconds < PATIENCE_SECONDS else 20),
    }
    file = root / "request.json"
    file.write_text(json.dumps(request), encoding="utf-8")
    python = choose_python(root, Path(sys.executable), {})
    driver = Path(differential_driver.__file__)
    finished = await sandbox.run(
        [str(python.executable), "-I", str(driver), str(file)],
        cwd=root,
        binds=[Bind(path=root), Bind(path=driver), *(Bind(path=folder) for folder in python.folders)],
        env={"PYTHONHASHSEED": "0", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"},
        limits=SandboxLimits(wall_seconds=wall_seconds, output_bytes=64 << 20),
    )
    return _read(finished.stdout)


def _read(text: str) -> Results | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    by_case = document["lines"] or [{}] * len(document["results"])
    cases = tuple(
        CaseResult(
            status=one["status"],
            value=one["value"],
            lines={file: frozenset(found) for file, found in lines.items()},
        )
        for one, lines in zip(document["results"], by_case, strict=True)
    )
    return Results(cases=cases, files=tuple(document["files"]))


async def whole(use: Use, root: Path, sandbox: Sandbox) -> tuple[Use, Results]:
    """The cases that give the same comparable value twice, with these values and the lines that each executes.

    Raises:
        SandboxFailed: the library cannot be run at all.
    """
    traced = await run_use(use, root, sandbox, trace=True, wall_seconds=PATIENCE_SECONDS)
    plain = await run_use(use, root, sandbox, wall_seconds=PATIENCE_SECONDS)
    if traced is None or plain is None:
        raise SandboxFailed(f"the use {use.subject!r} of the copied library cannot be run", "see `parcae doctor`")
    keep = [
        place
        for place, (one, two) in enumerate(zip(traced.cases, plain.cases, strict=True))
        if one.status == two.status == "ok" and one.value == two.value
    ]
    cases = tuple(traced.cases[place] for place in keep)
    kept = Use(subject=use.subject, source=use.source, cases=tuple(use.cases[place] for place in keep))
    return kept, Results(cases=cases, files=traced.files)


def differing(whole_results: Sequence[CaseResult], broken: Sequence[CaseResult]) -> tuple[int, ...]:
    """The places of the cases that a fault changes."""
    pairs = enumerate(zip(whole_results, broken, strict=True))
    return tuple(place for place, (one, two) in pairs if (two.status, two.value) != ("ok", one.value))
