"""What `parcae repair` does: options to a job, its patches to a terminal, a document, a page or the user's files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from parcae.cli.live import watching
from parcae.cli.locate_run import (
    EXIT_OF,
    dry_run,
    forecaster_for,
    notes_of,
    options_of,
    reliability_of,
    sandbox_for,
    write_page,
)
from parcae.cli.session import in_world, new_run, text_of
from parcae.cli.settings import Setting
from parcae.cli.show import show_report
from parcae.cli.terminal import tell
from parcae.jobs import repair as job
from parcae.jobs.document import document
from parcae.jobs.repair import Handed
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.store.home import home


def repair_run(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Run the job, show what came of it and hand the patch over; returns the exit code."""
    if flags["dry_run"]:
        return dry_run(flags, settings, "repair")
    options = options_of(flags, settings, "repair")
    forecaster, which = forecaster_for(options.stage, settings, "repair")
    sandbox, said = sandbox_for(options.repo, settings)
    options = replace(
        options,
        no_sandbox=not sandbox.contained,
        copies=home(text_of(settings, "home") or None) / "copies",
    )
    run = new_run("repair")

    async def begin_and_go_on(world: World) -> Report:
        bed = await job.begin(
            options, world, run=run, sandbox=sandbox, notes=[*notes_of(options, settings), *said, *which]
        )
        return await job.go_on(run, world, sandbox=sandbox, forecaster=forecaster, bed=bed)

    with watching(options.budget_usd, quiet=bool(flags["quiet"]) or bool(flags["as_json"])) as board:
        report = in_world(settings, board, begin_and_go_on)
    handed = job.hand_over(report, options, apply=bool(flags["apply"]))
    html = flags["html"]
    if isinstance(html, Path):
        write_page(report, html, reliability_of(forecaster))
    if flags["as_json"]:
        click.echo(json.dumps({**document(report), "merge": handed.command, "written": list(handed.written)}))
    else:
        _show(report, handed)
    return EXIT_OF[report.status]


def _show(report: Report, handed: Handed) -> None:
    show_report(report)
    best = report.patches[0] if report.patches else None
    if best is None or not best.plausible:
        click.echo("No patch makes the test pass without breaking others.")
        return
    tell(f"\n{best.diff}")
    click.echo(f"made by {best.votes} of {len(report.attempts)} attempts; the test passes and nothing else fails")
    if handed.command is not None:
        tell(f"take it: {handed.command}")
    if handed.written:
        tell(f"written: {', '.join(handed.written)}")
