"""`parcae runs files` and `parcae runs blame`: what a run made, and who wrote which line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from parcae.cli.run_work import outfit_to_look
from parcae.cli.session import cards_only, looking
from parcae.cli.settings import settle
from parcae.core.errors import CallerMistake
from parcae.core.protocols import ToolRefused
from parcae.jobs.world import World
from parcae.organization.job import read_options, reopen
from parcae.organization.report import author_of
from parcae.workspace import Branch, blame, changed_files
from parcae.workspace.history import Line


def show_files(run: str, home: str | None, *, as_json: bool) -> int:
    """Print every file with its author."""
    found = changed_files(_branch(run, home))
    rows = [
        {"path": path, "author": author_of(one.author), "step": one.step, "what": one.what}
        for path, one in found.items()
    ]
    if as_json:
        click.echo(json.dumps({"schema": "parcae.run-files/1", "run": run, "files": rows}))
        return 0
    for row in rows:
        click.echo(f"{row['path']}  {row['author']} step {row['step']}")
    return 0


def show_blame(run: str, path: str, home: str | None, *, as_json: bool) -> int:
    """Print every line with its author."""
    try:
        lines = blame(_branch(run, home), path)
    except ToolRefused as refused:
        raise CallerMistake(str(refused), f"see `parcae runs files {run}`") from None
    if as_json:
        rows = [{"line": one.number, "author": _who(one), "step": one.step, "text": one.text} for one in lines]
        click.echo(json.dumps({"schema": "parcae.run-blame/1", "run": run, "path": path, "lines": rows}))
        return 0
    for one in lines:
        click.echo(f"{_who(one) or 'before the run'}  {one.number:>4}  {one.text}")
    return 0


def _who(line: Line) -> str | None:
    return None if line.author is None else author_of(line.author)


def _branch(run: str, home: str | None) -> Branch:
    settings = settle({"home": home}, env=os.environ, project=Path())

    async def find(world: World) -> Branch:
        options, _ = await read_options(run, world)
        return reopen(run, options, outfit_to_look(settings)).main

    return looking(settings, cards_only(settings), find)
