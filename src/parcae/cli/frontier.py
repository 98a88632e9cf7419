"""`parcae frontier RECORDINGS`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from parcae.cli import settings as known
from parcae.cli.output import OUTPUT_FILE


@click.command()
@click.argument("recordings", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The strong model that everything is relative to.")
@click.option("--sources", required=True, help="The cheap models, separated by commas.")
@click.option("--price", "prices", multiple=True, help="MODEL=PROMPT/COMPLETION, US dollars per million tokens.")
@click.option("--count", type=click.Choice(["characters", "tokens"]), default="characters", show_default=True,
              help="Tokens: characters / 4, or counted where they are known.")  # fmt: skip
@click.option("--draws", type=click.IntRange(min=1), default=40, show_default=True, help="Orders of drawing a task.")
@click.option("--most", type=click.IntRange(min=4), default=10, show_default=True, help="Attempts of the target.")
@click.option("--folds", type=click.IntRange(min=3), default=5, show_default=True, help="Folds, by crc32 of the task.")
@click.option("--resamples", type=click.IntRange(min=100), default=1000, show_default=True, help="For the intervals.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="What chance depends on.")
@click.option("--processes", type=click.IntRange(min=1), help="How many cores walk policies (all).")
@click.option("--html", type=OUTPUT_FILE, help="Write a page with the plot and every table.")
@click.option("--export", type=click.Path(path_type=Path), help="Write the chosen policy to this folder, as a plan.")
@click.option("--at", type=click.FloatRange(min=0),
              help="The relative cost that --export is chosen for (2 attempts'); compared there, too.")  # fmt: skip
@click.option("--plan", "plans", multiple=True, type=click.Path(path_type=Path),
              help="Walk this plan too, as the curve `plan NAME`.")  # fmt: skip
@click.option("--as", "named", multiple=True,
              help="How --export names a model, for live runs: MODEL=NAME, as in gpt-4o=openai:gpt-4o.")  # fmt: skip
@click.option("--skip-broken", is_flag=True, help="Leave broken lines out instead of stopping there.")
@click.option("--home", help="Where runs are kept: the dashboard shows this frontier there, under Frontiers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (parcae.frontier/1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def frontier(recordings: Path, **flags: Any) -> int:  # click passes what the options say
    """Replay what a user could do with the recorded attempts in RECORDINGS, and plot performance over cost.

    Always shown: fewer samples of each model, adaptive stopping, ESC, adaptive consistency, cascades, swaps, the
    paper's hotswaps, the best choice in hindsight, and ours, chosen on other tasks than those that it is shown on.
    A plan of your own is walked where recordings show what it does, and else refused with the reason.

    \b
    For example:
      parcae frontier runs.jsonl.gz --target gpt-4o --sources llama3,mistral-nemo --html frontier.html
    """
    settled = known.settle({"home": flags["home"]}, env=os.environ, project=Path())
    from parcae.cli.frontier_run import frontier_run

    return frontier_run(recordings, flags, settled)
