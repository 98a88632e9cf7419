"""What `parcae run` does: options to a job, a job to a terminal or a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import click

from parcae.cli.ladder import budget_of
from parcae.cli.run_deliver import Wanted, hand_over, kept_at, refuse_full
from parcae.cli.run_live import watching_company
from parcae.cli.run_page import write_page
from parcae.cli.run_plan import employer, names_of, plan_from, said_of
from parcae.cli.run_show import show_company
from parcae.cli.run_tools import configured_tools
from parcae.cli.runs_work import CompanyFlags
from parcae.cli.session import in_world, new_run, opener, text_of
from parcae.cli.settings import Setting
from parcae.core.errors import SandboxFailed
from parcae.core.protocols import Journal
from parcae.jobs.world import World
from parcae.organization import job
from parcae.organization.job import Outfit, RunOptions
from parcae.organization.limits import CompanyLimits
from parcae.organization.report import RunReport, document, report_of
from parcae.organization.staff import RANKS
from parcae.store.home import home
from parcae.tools.sandbox import Sandbox, find_sandbox
from parcae.workspace import Opened

EXIT_OF = {"done": 0, "no_answer": 1, "limit": 3, "failed": 1, "cancelled": 130}
COPIES = "workspaces"


def start(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Begin a run, let it go to its end, and show what came of it; returns the exit code."""
    options = options_from(flags, settings)
    out = flags["out"]
    assert out is None or isinstance(out, Path)
    refuse_full(out)
    outfit, notes = outfit_for(settings, commands=options.commands)
    if settings["budget"].origin == "default" and options.plan.limits.usd is None:
        notes.append(f"no --budget was given: this run stops at ${options.budget_usd:.2f}")
    run = new_run("run")
    quiet = bool(flags["quiet"]) or bool(flags["as_json"])
    if not quiet:
        click.echo(f"run {run}: {_worst(options)}", err=True)

    async def begin_and_go_on(world: World) -> RunReport:
        async with configured_tools(options.workspace, notes) as tools:
            equipped = replace(outfit, tools=tools)
            opened = await job.begin(options, world, equipped, run=run)
            notes.extend(_said_of(opened.uncommitted))
            await job.go_on(run, world, equipped)
        return await reported(run, world, outfit)

    with watching_company(options.budget_usd, quiet=quiet) as board:
        report = in_world(settings, board, begin_and_go_on)
    wanted = Wanted(keep=kept_at(outfit.copies, run), apply=bool(flags["apply"]), out=out)
    opened = job.reopen(run, options, outfit)
    page = write_page(flags["html"], replace(report, notes=(*report.notes, *notes)), opened)
    code = _handed_over(report, opened, wanted, notes, as_json=bool(flags["as_json"]))
    if page is not None:
        click.echo(f"page: {page.resolve().as_uri()}", err=bool(flags["as_json"]))
    return code


def go_on(run: str, settings: Mapping[str, Setting], flags: CompanyFlags, *, as_json: bool, quiet: bool) -> int:
    """Go on with an interrupted run; returns the exit code.

    Raises:
        CallerMistake: the folder for the result is not empty.
    """
    refuse_full(flags.out)
    outfit, notes = outfit_for(settings, commands=True)

    async def resume(world: World) -> tuple[RunReport, Opened]:
        options, _ = await job.read_options(run, world)
        async with configured_tools(options.workspace, notes) as tools:
            await job.go_on(run, world, replace(outfit, tools=tools, web=flags.web))
        return await reported(run, world, outfit), job.reopen(run, options, outfit)

    with watching_company(None, quiet=quiet or as_json) as board:
        report, opened = in_world(settings, board, resume)
    wanted = Wanted(keep=kept_at(outfit.copies, run), apply=flags.apply, out=flags.out)
    return _handed_over(report, opened, wanted, notes, as_json=as_json)


async def show(run: str, journal: Journal, settings: Mapping[str, Setting], *, as_json: bool) -> int:
    """Show a run as its journal stands; asks no model."""
    from parcae.cli.session import cards_only
    from parcae.core.clock import WallClock

    world = World(journal=journal, clock=WallClock(), open_model=cards_only(settings))
    return present(await reported(run, world, _outfit(settings, None)), [], as_json=as_json)


async def reported(run: str, world: World, outfit: Outfit) -> RunReport:
    """The report of a run."""
    options, _ = await job.read_options(run, world)
    names = {name for rank in RANKS for name in job.stage_of(options.plan, rank).ladder}
    cards = {card.name: card for card in (world.open_model(name).card for name in names)}
    return await report_of(run, world.journal, cards, job.reopen(run, options, outfit))


def present(report: RunReport, notes: list[str], *, as_json: bool, where: Path | None = None) -> int:
    """Print the report and return its exit code. `where` is the folder with what was made, if it was written to one."""
    if as_json:
        click.echo(json.dumps({**document(report), "notes": list(notes), "where": str(where) if where else None}))
    else:
        show_company(report, notes, where=where)
    return EXIT_OF[report.status]


def _handed_over(report: RunReport, opened: Opened, wanted: Wanted, notes: list[str], *, as_json: bool) -> int:
    report, where, said = hand_over(report, opened, wanted)
    return present(report, [*notes, *said], as_json=as_json, where=where)


def dry_run(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Print the plan and the most that it can spend; nothing is run."""
    options = options_from(flags, settings)
    stages = {rank: job.stage_of(options.plan, rank) for rank in RANKS}
    for name in {*(name for stage in stages.values() for name in stage.ladder), *job.judges_of(options)}:
        opener(settings)(name)
    plan = {
        "schema": "parcae.dry-run/1",
        "ladders": {rank: list(stage.ladder) for rank, stage in stages.items()},
        "agents": options.limits.agents,
        "depth": options.limits.depth,
        "worst_case_usd": job.worst_case_usd(options),
    }
    if flags["as_json"]:
        click.echo(json.dumps(plan))
    else:
        for rank, stage in stages.items():
            click.echo(f"{rank}: {' then '.join(stage.ladder)}{said_of(stage)}")
        if judges := job.judges_of(options):
            click.echo(f"results are also judged by {', '.join(judges)}")
        click.echo(_worst(options))
    return 0


def options_from(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> RunOptions:
    """What the flags and settings ask for.

    Raises:
        CallerMistake: the plan cannot be read or there is no model.
    """
    limits = CompanyLimits(
        agents=_whole(flags["max_agents"]),
        depth=_whole(flags["max_depth"]),
        children=_whole(flags["max_children"]),
        concurrent=_whole(flags["concurrency"]),
        seconds=cast("float | None", flags["deadline"]),
        reviews=not flags["no_reviews"],
        monitors=not flags["no_monitors"],
    )
    plan, workspace = plan_from(flags, settings), flags["workspace"]
    assert isinstance(workspace, Path)
    return RunOptions(
        goal=str(flags["goal"]),
        workspace=workspace,
        plan=plan,
        budget_usd=budget_of(plan.limits, settings),
        limits=limits,
        checks=_texts(flags["checks"]),
        judges=names_of(flags["judges"]),
        approvals=_texts(flags["approvals"]),
        granted=_texts(flags["granted"]),
        commands=not flags["no_commands"],
        web=bool(settings["web"].value),
        human=bool(flags["ask_me"]),
        compare_single=bool(flags["compare_single"]),
        learn=bool(flags["learn"]),
        seed=_whole(flags["seed"]),
    )


def outfit_for(settings: Mapping[str, Setting], *, commands: bool) -> tuple[Outfit, list[str]]:
    """The sandbox, if there is one, and how a Worker swaps; with what should be said of it."""
    sandbox: Sandbox | None = None
    notes: list[str] = []
    if commands:
        try:
            sandbox = find_sandbox(bool(settings["no_sandbox"].value))
        except SandboxFailed as missing:
            notes.append(f"agents cannot run commands here: {missing}")
    return _outfit(settings, sandbox), notes


def outfit_to_look(settings: Mapping[str, Setting]) -> Outfit:
    """Enough to look at a run; nothing can be run with it."""
    return _outfit(settings, None)


def _outfit(settings: Mapping[str, Setting], sandbox: Sandbox | None) -> Outfit:
    folder = home(text_of(settings, "home") or None)
    return Outfit(copies=folder / COPIES, employ=employer(folder), sandbox=sandbox)


def _worst(options: RunOptions) -> str:
    worst = job.worst_case_usd(options)
    limits = options.limits
    size = f"{limits.agents} agents at work at once, {limits.depth} levels"
    return f"worst case {'unlimited' if worst is None else f'${worst:.2f}'}, {size}"


def _said_of(uncommitted: tuple[str, ...]) -> list[str]:
    if not uncommitted:
        return []
    named = ", ".join(uncommitted[:5]) + (" ..." if len(uncommitted) > 5 else "")
    return [f"your uncommitted changes stay as they are and are not seen by the agents: {named}"]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list | tuple) else ()


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
