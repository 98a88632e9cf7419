"""What `parcae locate` does: options to a job, a job to a terminal, a document or a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from parcae.cli.bundled import is_bundled
from parcae.cli.ladder import budget_of, refuse_unfit, stage_from
from parcae.cli.live import watching
from parcae.cli.session import cards_only, in_world, new_run, opener, text_of
from parcae.cli.settings import Setting
from parcae.cli.show import show_report
from parcae.core.errors import SandboxFailed
from parcae.hotswap.supervisor import checked_policy
from parcae.jobs import locate as job
from parcae.jobs.document import document
from parcae.jobs.options import JobOptions
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.store.whole import write_whole
from parcae.tools.sandbox import Sandbox, find_sandbox

if TYPE_CHECKING:
    from parcae.core.plan import StagePlan
    from parcae.core.protocols import Forecaster

EXIT_OF = {"done": 0, "no_answer": 1, "limit": 3, "failed": 4, "cancelled": 130}
UNSANDBOXED = "the bundled example runs without a sandbox here; install the package bubblewrap to contain projects"


def locate_run(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Run the job and show what came of it; returns the exit code."""
    options = options_of(flags, settings, "locate")
    notes = notes_of(options, settings)
    sandbox, said = sandbox_for(options.repo, settings)
    forecaster, which = forecaster_for(options.stage, settings, "locate")
    run = new_run("locate")

    async def begin_and_go_on(world: World) -> Report:
        await job.begin(options, world, run=run, sandbox=sandbox, notes=[*notes, *said, *which])
        return await job.go_on(run, world, forecaster)

    with watching(options.budget_usd, quiet=bool(flags["quiet"]) or bool(flags["as_json"])) as board:
        report = in_world(settings, board, begin_and_go_on)
    return present(report, as_json=bool(flags["as_json"]), html=flags["html"], reliability=reliability_of(forecaster))


def forecaster_for(stage: StagePlan, settings: Mapping[str, Setting], agent: str) -> tuple[Forecaster, list[str]]:
    """The forecaster that the plan names, else the one of this home trained on `agent`; and what to say of it."""
    from parcae.prediction.shelf import NOTHING_TRAINED, forecaster_named
    from parcae.store.home import find

    refuse_unfit(stage, settings)
    home = find(text_of(settings, "home") or None)
    following = cards_only(settings)(stage.ladder[1]).card.name if len(stage.ladder) > 1 else None
    forecaster, said = forecaster_named(stage.forecaster, home=home, agent=agent, successor=following)
    return forecaster, [] if said == NOTHING_TRAINED else [said]


def reliability_of(forecaster: Forecaster) -> tuple[tuple[float, ...], ...]:
    """How far a trained forecaster's word was true of tasks that it had not seen; nothing for the rule."""
    from parcae.prediction.fitted import Fitted
    from parcae.prediction.gain import SwapForecaster

    first = forecaster.now if isinstance(forecaster, SwapForecaster) else forecaster
    return first.card.reliability if isinstance(first, Fitted) else ()


def present(report: Report, *, as_json: bool, html: object, reliability: tuple[tuple[float, ...], ...] = ()) -> int:
    """Print the report, write its page if asked, and return its exit code."""
    if isinstance(html, Path):
        write_page(report, html, reliability)
    if as_json:
        click.echo(json.dumps(document(report)))
    else:
        show_report(report)
        if isinstance(html, Path):
            click.echo(f"page {html}")
    return EXIT_OF[report.status]


def write_page(report: Report, file: Path, reliability: tuple[tuple[float, ...], ...] = ()) -> None:
    """Write the self-contained page of `report`, whole or not at all."""
    from parcae.web.flow import drawing
    from parcae.web.report_page import report_page

    write_whole(file, report_page(report, *drawing(report), reliability))


def dry_run(flags: Mapping[str, object], settings: Mapping[str, Setting], stage: str) -> int:
    """Print the plan of `stage` and the most that it can spend; nothing is run. What a run refuses is refused."""
    options = options_of(flags, settings, stage)
    forecaster_for(options.stage, settings, stage)
    limits, most = options.limits, options.stage.most_attempts
    cards = [opener(settings)(name).card for name in options.stage.ladder]
    plan = {
        "schema": "parcae.dry-run/1",
        "ladder": list(options.stage.ladder),
        "samples": most,
        "swap": options.stage.policy,
        "worst_case_usd": limits.usd,
        "nominal": [card.name for card in cards if card.price is not None and card.price.nominal],
    }
    if flags["as_json"]:
        click.echo(json.dumps(plan))
        return 0
    attempts = f"{'at most ' if options.stage.climb else ''}{most} attempt{'' if most == 1 else 's'}"
    click.echo(f"{attempts} on {' then '.join(options.stage.ladder)}, swap {options.stage.policy}")
    if limits.usd is None:
        click.echo("worst case unlimited: neither --budget nor the plan limits the dollars")
    else:
        click.echo(f"worst case ${dollars(limits.usd)}: no call is sent whose worst case does not fit that budget")
    return 0


def dollars(usd: float) -> str:
    """US dollars with two digits after the point, or as many as it takes to show any."""
    return f"{usd:.2f}" if not usd or usd >= 0.01 else f"{usd:.2g}"


def options_of(flags: Mapping[str, object], settings: Mapping[str, Setting], name: str) -> JobOptions:
    """The options of a job over attempts, from flags and settings; of a plan, its stage `name`."""
    plan, swap_attempts, python = flags["plan"], flags["swap_attempts"], text_of(settings, "python")
    stage = stage_from(
        settings,
        name,
        plan=plan if isinstance(plan, Path) else None,
        swap_attempts=swap_attempts if isinstance(swap_attempts, int) else None,
    )
    checked_policy(stage)
    repo, seed, timeout = flags["repo"], flags["seed"], flags["timeout"]
    assert isinstance(repo, Path) and isinstance(seed, int) and isinstance(timeout, float)
    return JobOptions(
        repo=repo,
        test=str(flags["test"]),
        stage=stage,
        budget_usd=budget_of(stage.limits, settings),
        seed=seed,
        python=Path(python) if python else None,
        compare_strong=bool(flags.get("compare_strong")),
        timeout_seconds=timeout,
    )


def notes_of(options: JobOptions, settings: Mapping[str, Setting]) -> list[str]:
    """What should be said of the settings."""
    unsaid = settings["budget"].origin == "default" and options.stage.limits.usd is None
    return [f"no --budget was given: this run stops at ${options.budget_usd:.2f}"] if unsaid else []


def sandbox_for(repo: Path, settings: Mapping[str, Setting]) -> tuple[Sandbox, list[str]]:
    """The sandbox; none for who asked for none, and for our own example where there is none."""
    try:
        return find_sandbox(bool(settings["no_sandbox"].value)), []
    except SandboxFailed:
        if is_bundled(repo):
            return find_sandbox(True), [UNSANDBOXED]
        raise
