"""What `parcae bugs build` does: choose where bugs come from, build them, and say what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from statistics import median

import click

from parcae.benchmarks.bug import Bug
from parcae.cli.progress import counting
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.tools.sandbox import find_sandbox


def build_bugs(out: Path, flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Build bugs into the new folder `out`; returns the exit code."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CallerMistake(f"{out} is there already", "name a folder that is new or empty")
    count = flags["count"]
    assert isinstance(count, int)
    quiet = bool(flags["quiet"]) or bool(flags["as_json"])
    built = asyncio.run(_build(_source(out, flags, settings), count, quiet=quiet))
    facts = {
        "functions": median(bug.covered_functions for bug in built),
        "modules": median(bug.covered_modules for bug in built),
        "direct": sum(bug.direct for bug in built) / len(built),
    }
    if flags["as_json"]:
        rows = [{"name": bug.name, "culprit": bug.culprit, "test": bug.test} for bug in built]
        click.echo(json.dumps({"schema": "parcae.bugs/1", "folder": str(out), "median": facts, "bugs": rows}))
        return 0
    click.echo(
        f"{len(built)} bugs in {out}; the median test executes {facts['functions']:g} functions in "
        f"{facts['modules']:g} modules; {facts['direct']:.0%} of the tests call the culprit themselves"
    )
    click.echo(f"next: parcae bench locate {out}")
    return 0


def _source(out: Path, flags: Mapping[str, object], settings: Mapping[str, Setting]) -> AsyncIterator[Bug]:
    from parcae.benchmarks.library_bugs import library_bugs
    from parcae.benchmarks.project_bugs import project_bugs

    count, seed, project, python = flags["count"], flags["seed"], flags["project"], settings["python"].value
    assert isinstance(count, int) and isinstance(seed, int)
    sandbox = find_sandbox(bool(settings["no_sandbox"].value))
    if isinstance(project, Path):
        chosen = Path(str(python)) if python else None
        return project_bugs(project, count, seed, out, sandbox=sandbox, python=chosen)
    return library_bugs(count, seed, out, sandbox=sandbox)


async def _build(bugs: AsyncIterator[Bug], count: int, *, quiet: bool) -> list[Bug]:
    built = []
    with counting("bugs", count, quiet=quiet) as one_more:
        async for bug in bugs:
            built.append(bug)
            one_more(bug.culprit)
    return built
