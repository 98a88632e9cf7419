"""`parcae models list`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from parcae.cli.session import text_of
from parcae.cli.settings import settle


@click.group()
def models() -> None:
    """Models that can be named, and what is known of them."""


@models.command("list")
@click.argument("pattern", default="")
@click.option("--catalog", type=click.Path(path_type=Path), help="A TOML file of prices and sizes of your own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.models/1).")
def list_(pattern: str, catalog: Path | None, as_json: bool) -> int:
    """List models whose name holds PATTERN: dollars per million tokens, and how old the prices are.

    "nominal" prices are nobody's: builtin models are free and no language models. Any other name of a provider can be
    used too; without a known price it is refused under a dollar budget.
    """
    from parcae.cli.models_show import as_document, as_table
    from parcae.models.catalog import load_catalog, prices_dated

    file = text_of(settle({"catalog": catalog and str(catalog)}, env=os.environ, project=Path()), "catalog")
    known = load_catalog(Path(file) if file else None)
    cards = [known.card(name) for name in known.names() if pattern.lower() in name.lower()]
    click.echo(json.dumps(as_document(cards, prices_dated())) if as_json else as_table(cards, prices_dated()))
    return 0
