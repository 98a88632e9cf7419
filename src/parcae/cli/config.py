"""`parcae config show` and `parcae trust`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from parcae.cli import settings
from parcae.core.errors import CallerMistake


@click.group()
def config() -> None:
    """Settings: flags, then PARCAE_* variables, then the project's parcae.toml, then yours."""


@config.command()
@click.option("--project", type=click.Path(path_type=Path), default=Path(), help="Folder of the project.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(project: Path, as_json: bool) -> None:
    """Show every setting, its value, and where the value came from."""
    settled = settings.settle({}, env=os.environ, project=project)
    if as_json:
        click.echo(json.dumps({"schema": "parcae.config/1", "settings": [asdict(one) for one in settled.values()]}))
        return
    for one in settled.values():
        note = f"   ({one.ignored})" if one.ignored else ""
        click.echo(f"{one.name:<12} {one.value!s:<28} {one.origin}{note}")


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
def trust(project: Path) -> None:
    """Let PROJECT's parcae.toml, as it stands now, set what only you may grant."""
    file = project / settings.FILE
    if not file.is_file():
        raise CallerMistake(f"there is no {file}", "name the folder that holds the parcae.toml")
    settings.trust(file)
    click.echo(f"{file} is trusted until it changes")
