"""`parcae run GOAL`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.numbers import NumberRange
from parcae.cli.output import OUTPUT_FILE


@click.command()
@click.argument("goal")
@click.option("--workspace", type=click.Path(path_type=Path), default=Path(), show_default=True, help="The folder.")
@click.option("--models", help="The ladder of models, cheapest first, separated by commas.")
@click.option("--plan", type=click.Path(path_type=Path), help="A plan in TOML: stages boss, admin, agent, reviewer.")
@click.option("--budget", type=NumberRange(min=0), help="US dollars that the run may spend ($1).")
@click.option("--max-agents", type=click.IntRange(min=1), default=100, show_default=True, help="At work at once.")
@click.option("--max-depth", type=click.IntRange(min=1), default=5, show_default=True, help="Levels of the tree.")
@click.option(
    "--max-children", type=click.IntRange(min=1), default=25, show_default=True, help="At work for one superior."
)
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=16, show_default=True, help="Turns at the same time."
)
@click.option("--deadline", type=NumberRange(min=1), help="Seconds; before they are over it winds up.")
@click.option("--check", "checks", multiple=True, help='What the result must pass: "run:COMMAND", "exists:PATH", ...')
@click.option("--judges", help="Models that judge every result beside its superior, separated by commas.")
@click.option("--approve", "approvals", multiple=True, help="A tool whose every call you must allow.")
@click.option("--apply", is_flag=True, help="Write what was made into the folder, if it is no git repository.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the whole result into this new folder.")
@click.option("--see", "granted", multiple=True, help="A pattern of secret files that may be seen all the same.")
@click.option("--ask-me", is_flag=True, help="Agents may ask you; answer with `parcae runs tell`.")
@click.option("--web", is_flag=True, default=None, help="Agents may read pages of the public web.")
@click.option("--no-commands", is_flag=True, help="Agents may not run commands.")
@click.option("--no-sandbox", is_flag=True, default=None, help="Run commands without walls: you trust the agents.")
@click.option("--no-reviews", is_flag=True, help="Every result counts as it comes: to measure what reviews are worth.")
@click.option("--no-monitors", is_flag=True, help="Nothing is noticed or cured: to measure what monitors are worth.")
@click.option("--compare-single", is_flag=True, help="Also let one agent try alone, with the same budget again.")
@click.option("--learn", is_flag=True, help="Keep what reviews and checks said, for `parcae train --agent turn`.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chance depends on.")
@click.option("--dry-run", is_flag=True, help="Print the plan and its worst case; run nothing.")
@click.option("--html", type=OUTPUT_FILE, help="Write a self-contained page of the run.")
@click.option("--home", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.run-report/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def run(**flags: Any) -> int:  # click passes what the options say
    """Reach GOAL: an organisation hires itself, works in the folder's git repository, and reviews what it makes.

    \b
    For example, without any key:
      parcae run "Survey this code base" --workspace src --models builtin:large --budget 20
    """
    settled = known.settle(flags, env=os.environ, project=flags["workspace"])
    from parcae.cli.run_work import dry_run, start

    return dry_run(flags, settled) if flags["dry_run"] else start(flags, settled)
