"""`parcae serve`: the gateway."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from parcae.core.errors import CallerMistake


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), required=True, help="The gateway's TOML file.")
@click.option("--listen", default=None, help="HOST:PORT instead of the file's.")
@click.option("--journal", type=click.Path(path_type=Path), default=None, help="Journal file instead of the file's.")
@click.option("--check", is_flag=True, help="Read the file, say what it holds, and leave.")
def serve(file: Path, listen: str | None, journal: Path | None, check: bool) -> None:
    """Serve OpenAI's and Anthropic's APIs; watch, swap and bill the runs behind them."""
    from parcae.gateway.config import address, load_config

    config = load_config(file, os.environ)
    if listen is not None:
        host, port = address(listen, "--listen")
        config = replace(config, host=host, port=port)
    if journal is not None:
        config = replace(config, journal=journal)
    if not config.is_guarded:
        raise CallerMistake(f"listening on {config.host} without keys is refused", "add a [keys.NAME] table")
    if check:
        click.echo(config.summary())
        return
    from parcae.cli.serve_dashboard import with_dashboard
    from parcae.gateway.server import run

    said = lambda url: click.echo(f"parcae serves {config.summary()} on {url}", err=True)  # noqa: E731  # used once
    run(config, os.environ, ready=said, beside=with_dashboard)
