"""What `parcae allocate` does: options to a job, a job to a terminal, a document, a page and a plan."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from parcae.allocation.history import History
from parcae.allocation.job import SAID, AllocateOptions, allocate
from parcae.allocation.pipeline import Item
from parcae.allocation.result import Result, Scored, document, plan_of, scored_of
from parcae.allocation.strategies.race import standing_promise
from parcae.allocation.toml import load_pipeline
from parcae.cli import settings as known
from parcae.cli.live import Board
from parcae.cli.session import in_world, new_run, text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.events import RunStarted
from parcae.core.plan import Plan, render
from parcae.jobs.world import World
from parcae.store.home import DOCUMENTS, home
from parcae.store.whole import write_whole
from parcae.tools.sandbox import Sandbox, find_sandbox

KEPT = (
    "models",
    "item_budget",
    "max_calls",
    "epsilon",
    "delta",
    "strategy",
    "agent",
    "limit",
    "held_out",
    "pilot",
    "seed",
    "no_sandbox",
)
FROM_RUNS = "from_runs"  # what an allocation of roles kept of its command line
EXIT_OF = {"done": 0, "limit": 3, "cancelled": 130}


def allocate_run(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Run the search and show what came of it; returns the exit code."""
    options = _options(flags, settings)
    run = str(flags["run"] or new_run("allocate"))
    quiet = bool(flags["quiet"]) or bool(flags["as_json"])

    def sandbox() -> Sandbox:
        return find_sandbox(bool(settings["no_sandbox"].value))

    async def search(world: World) -> Result:
        return await allocate(
            options,
            world,
            run=run,
            find_sandbox=sandbox,
            copies=home(text_of(settings, "home") or None) / "copies",
            resume=flags["run"] is not None,
            watch=_nothing if quiet else _progress,
        )

    if not quiet:
        click.echo(f"run {run}; if it is interrupted: parcae allocate {flags['pipeline']} --resume {run}", err=True)
    result = in_world(settings, Board(budget_usd=options.search_usd), search)
    result = replace(result, notes=(*_budget_note(settings), *result.notes))
    plan = None if result.best is None else plan_of(options.pipeline, result.best)
    return present(result, plan, flags, settings)


def one_pipeline(named: Sequence[str]) -> Path:
    """The pipeline that was named.

    Raises:
        CallerMistake: none was, or several.
    """
    if len(named) != 1:
        raise CallerMistake(
            f"{len(named)} pipelines were named", "name one TOML file, or take past runs with --from-runs"
        )
    return Path(named[0])


def present(result: Result, plan: Plan | None, flags: Mapping[str, object], settings: Mapping[str, Setting]) -> int:
    """Keep the result for the dashboard, write what was asked for, and print it; returns the exit code."""
    kept = home(text_of(settings, "home") or None) / DOCUMENTS / f"{result.run}.json"
    write_whole(kept, json.dumps(document(result)))
    html, export = flags["html"], flags["export"]
    if isinstance(html, Path):
        from parcae.web.allocation_page import allocation_page

        write_whole(html, allocation_page(result))
    if isinstance(export, Path) and plan is not None:
        write_whole(export, render(plan))
    if flags["as_json"]:
        click.echo(json.dumps(document(result)))
    else:
        _show(result)
        for file in (html, export):
            if isinstance(file, Path) and (file == html or plan is not None):
                click.echo(f"wrote {file}")
    return EXIT_OF[result.status] if result.best is not None or result.status != "done" else 1


def _show(result: Result) -> None:
    for note in result.notes:
        click.echo(f"note: {note}")
    for stage, model, why in result.dropped:
        click.echo(f"dropped: {model} in stage {stage}: {why}")
    if result.best is None:
        click.echo("Nothing was scored.")
    else:
        click.echo(f"best       {_line(result.best)}")
        for stage, score in result.stage_scores:
            click.echo(f"           stage {stage} scores {score:.3f} by its own metric")
    if result.held_out is not None:
        own = result.held_out
        click.echo(f"held out   {own.score:.3f} [{own.low:.3f}, {own.high:.3f}] on {own.items} items never searched on")
    if result.runner_up is not None:
        low, high = result.difference
        differ = "they differ" if result.differ else "they do not surely differ"
        click.echo(f"runner-up  {_line(result.runner_up)}; {differ} ({low:+.3f} to {high:+.3f})")
    if result.guarantee is not None:
        click.echo(f"promise    {result.guarantee}, among {result.compared} of {result.feasible} configurations")
    for one in result.frontier:
        click.echo(f"frontier   {_line(one)}")
    for insight in (*result.insights, *result.contributions):
        click.echo(insight)
    nominal = " (nominal)" if result.nominal else ""
    click.echo(
        f"the search drew {result.calls} new samples for ${result.spent_usd:.4f}{nominal}, status {result.status}"
    )
    click.echo(f"run {result.run}")


def _line(one: Scored) -> str:
    stages = ", ".join(f"{stage}: {model} x{samples}" for stage, model, samples in one.stages)
    cost = "unknown cost" if one.cost is None else f"${one.cost:.5f} an item"
    return f"{one.score:.3f} [{one.low:.3f}, {one.high:.3f}] {cost}  {stages}"


def _progress(history: History) -> None:
    """The best so far with its interval, on stderr, once a round."""
    best = scored_of(history, history.best())
    said = standing_promise(history)
    state = "settled" if said.reached else f"about {said.more_items} more items would settle it"
    click.echo(
        f"round {len(history.rounds)}: {history.calls} samples, ${history.spent:.4f}; best {_line(best)}; {state}",
        err=True,
    )


def _nothing(history: History) -> None:
    """Show nothing."""


def _options(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> AllocateOptions:
    file, seed, most, limit = flags["pipeline"], flags["seed"], flags["max_calls"], flags["limit"]
    epsilon, delta, item_usd = flags["epsilon"], flags["delta"], flags["item_budget"]
    held_out = flags["held_out"]
    assert isinstance(file, Path) and isinstance(seed, int) and isinstance(held_out, int)
    assert isinstance(epsilon, float) and isinstance(delta, float)
    models = [one.strip() for one in str(flags["models"] or "").split(",") if one.strip()]
    pipeline = load_pipeline(file, models=models, make_items=lambda told: _made(told, seed, settings))
    if isinstance(limit, int):
        pipeline = replace(pipeline, items=pipeline.items[:limit])
    budget = settings["budget"].value
    return AllocateOptions(
        pipeline=pipeline,
        search_usd=budget if isinstance(budget, float) and math.isfinite(budget) else None,
        item_usd=item_usd if isinstance(item_usd, float) else math.inf,
        epsilon=epsilon,
        delta=delta,
        strategy=str(flags["strategy"]),
        agent=str(flags["agent"] or ""),
        held_out=held_out,
        said=json.dumps(_said(flags, settings)),
        max_calls=most if isinstance(most, int) else math.inf,
        pilot=bool(flags["pilot"]),
        seed=seed,
    )


def _said(flags: Mapping[str, object], settings: Mapping[str, Setting]) -> dict[str, object]:
    """The command line, so that `runs resume` need not be told it again; outputs and the run's name are left out."""
    kept = {key: flags[key] for key in KEPT}
    budget = settings["budget"]
    file = flags["pipeline"]
    assert isinstance(file, Path)
    return {**kept, "pipeline": str(file.absolute()), "budget": budget.value if budget.origin != "default" else None}


def go_on(run: str, home: str | None, *, as_json: bool, html: Path | None, quiet: bool) -> int:
    """Go on with the search `run` as it was begun.

    Raises:
        CallerMistake: its journal does not say how it was begun, or its pipeline has changed.
    """
    settled = known.settle({"home": home}, env=os.environ, project=Path())
    started = in_world(
        settled, Board(budget_usd=None), lambda world: world.journal.read(run, [RunStarted], below=False)
    )
    said = started[0].event.options.get(SAID)
    if said is None:
        raise CallerMistake(
            f"run {run!r} does not say how it was begun", f"go on with `parcae allocate PIPELINE --resume {run}`"
        )
    if FROM_RUNS in json.loads(said):
        raise CallerMistake(
            f"run {run!r} replayed past runs and is done", "do it again with `parcae allocate --from-runs RUN...`"
        )
    flags = {**json.loads(said), "run": run, "home": home, "as_json": as_json, "html": html, "quiet": quiet}
    flags = {**flags, "export": None, "pipeline": Path(flags["pipeline"])}
    return allocate_run(flags, known.settle(flags, env=os.environ, project=Path()))


def _made(told: str, seed: int, settings: Mapping[str, Setting]) -> Sequence[Item]:
    """Items "bugs:N": N bugs with a known culprit, built once in the home and used again."""
    scheme, _, count = told.partition(":")
    if scheme != "bugs" or not count.isdigit() or int(count) < 2:
        raise CallerMistake(f"the items {told!r} are not understood", 'name a JSONL file, or write "bugs:20"')
    from parcae.benchmarks.bug import REPO, find_bugs, read_bug
    from parcae.benchmarks.library_bugs import library_bugs

    folder = home(text_of(settings, "home") or None) / "bugs" / f"library-{seed}-{count}"
    done = folder / "complete"

    async def build() -> None:
        async for _ in library_bugs(int(count), seed, folder, sandbox=find_sandbox(bool(settings["no_sandbox"].value))):
            pass

    if not done.exists():
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        asyncio.run(build())
        done.touch()
    items = []
    for place in find_bugs(folder):
        bug = read_bug(place)
        items.append(Item(id=bug.name, fields={"repo": str(place / REPO), "test": bug.test}, gold=(bug.culprit,)))
    return items


def _budget_note(settings: Mapping[str, Setting]) -> tuple[str, ...]:
    budget = settings["budget"]
    return (f"no --budget was given: the search stops at ${budget.value:.2f}",) if budget.origin == "default" else ()
