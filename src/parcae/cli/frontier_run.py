"""What `parcae frontier` does: options to a frontier, a frontier to a table, a document, a page or a plan."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import click

from parcae.cli.frontier_document import document
from parcae.cli.ladder import read_plan
from parcae.cli.session import text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, StagePlan, render
from parcae.core.usage import Price
from parcae.hotswap.frontier import Asked, Frontier, frontier
from parcae.hotswap.planned import recorded_ladder
from parcae.hotswap.readings import Paired
from parcae.hotswap.recorded import USUAL_PRICES, Prices
from parcae.hotswap.supervisor import checked_policy
from parcae.models.names import parse_name
from parcae.prediction.belief import BELIEF_ENDING, save_belief
from parcae.prediction.lines import left_out
from parcae.prediction.recordings import bugs_file_of, read_recordings
from parcae.store.home import DOCUMENTS, find, home
from parcae.store.whole import check_place, write_whole

PLAN = "plan.toml"
LEAST_USD, MOST_USD = 1e-6, 1e6  # of a price per million tokens
NOT_REACHED = "not reached"
LAST = ("oracle", "ours")  # where a reader of a terminal looks first


def _cores() -> int:
    """How many cores we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def frontier_run(recordings: Path, flags: Mapping[str, Any], settings: Mapping[str, Setting]) -> int:
    """Compute the frontier, keep it for the dashboard and show it; returns the exit code."""
    sources = tuple(dict.fromkeys(name.strip() for name in flags["sources"].split(",") if name.strip()))
    if not sources:
        raise CallerMistake("no source was named", "give --sources, for example --sources llama3,mistral-nemo")
    asked = Asked(
        target=flags["target"],
        sources=sources,
        prices=_prices(flags["prices"], flags["count"], (flags["target"], *sources)),
        draws=flags["draws"],
        most=flags["most"],
        folds=flags["folds"],
        resamples=flags["resamples"],
        seed=flags["seed"],
        at=flags["at"],
        plans=_plans(flags["plans"], (flags["target"], *sources)),
        processes=flags["processes"] or _cores(),
    )
    named, names = text_of(settings, "home") or None, live_names(flags["named"], asked)
    check_place(find(named) / DOCUMENTS / "frontier.json")
    if asked.at is not None and not isfinite(asked.at):
        raise CallerMistake(f"--at {asked.at:g} is no cost", "give a relative cost, such as 0.2")
    _check_places(asked, (recordings, *flags["plans"]), html=flags["html"], folder=flags["export"])
    say = _silent if flags["quiet"] or flags["as_json"] else _on_stderr
    say(f"reading {recordings}")
    broken: list[str] | None = [] if flags["skip_broken"] else None
    read = read_recordings(recordings, models=[asked.target, *sources], broken=broken)
    for note in left_out(broken or []):
        _on_stderr(f"note: {note}")
    found = frontier(read, asked, say=say)
    if flags["export"] is not None:
        for note in export(found, flags["export"], names):
            _on_stderr(f"note: {note}")
    if flags["html"] is not None:
        write_page(found, flags["html"])
    say(f"kept for the dashboard as {keep(found, home(named) / DOCUMENTS).stem}")
    click.echo(json.dumps(document(found)) if flags["as_json"] else table(found))
    return 0


def _silent(line: str) -> None:
    pass


def _on_stderr(line: str) -> None:
    click.echo(line, err=True)


def _prices(given: Sequence[str], count: str, models: Sequence[str]) -> Prices:
    """The usual prices, replaced by those that were given.

    Raises:
        CallerMistake: one cannot be read, is of no model that was asked for, or is given twice.
    """
    prices, named = dict(USUAL_PRICES), set[str]()
    for text in given:
        model, _, amounts = text.rpartition("=")
        prompt, _, completion = amounts.partition("/")
        try:
            prices[model] = Price(prompt_usd=_dollars(prompt), completion_usd=_dollars(completion or prompt))
        except ValueError:
            model = ""
        if not model:
            raise CallerMistake(
                f"--price {text!r} cannot be read",
                f"write MODEL=PROMPT/COMPLETION, as in gpt-4o=2.5/10; a price is 0 or {LEAST_USD:f} to {MOST_USD:.0f}",
            )
        if model not in models:
            raise CallerMistake(
                f"--price {text!r} is for {model!r}, which is neither --target ({models[0]}) nor one of --sources "
                f"({', '.join(models[1:])})",
                "name the model as they do",
            )
        if model in named:
            raise CallerMistake(f"--price gives {model!r} two prices", "give one")
        named.add(model)
    return Prices(of=prices, rule=count)


def _dollars(text: str) -> float:
    """US dollars per million tokens; outside these bounds sums of calls would not be finite, or all the same."""
    value = float(text)
    if value != 0 and not LEAST_USD <= value <= MOST_USD:
        raise ValueError(text)
    return value


def _plans(files: Sequence[Path], models: Sequence[str]) -> tuple[tuple[str, StagePlan], ...]:
    """The stage "locate" of each plan (or its default), called as its file is, and checked before anything is computed.

    Raises:
        CallerMistake: a plan cannot be read, two have one name, or a ladder names a model that is not asked for.
    """
    plans: dict[str, StagePlan] = {}
    for file in files:
        if file.stem in plans:
            raise CallerMistake(f"two plans are called {file.stem!r}", "rename one of the files")
        plan = read_plan(file)
        stage = plan.stage("locate")
        recorded_ladder(stage, models)
        checked_policy(stage)
        plans[file.stem] = replace(stage, limits=stage.limits.tightest(plan.limits))
    return tuple(plans.items())


def _check_places(asked: Asked, read: Sequence[Path], *, html: Path | None, folder: Path | None) -> None:
    """Refuse, before minutes of computation, what could not be written at their end.

    Raises:
        CallerMistake: a file would be lost, or no policy is chosen for so small a cost.
        StoreFailed: a folder cannot be written to.
    """
    if html is not None:
        check_place(html, inputs=(*read, bugs_file_of(read[0])))
    if folder is None:
        return
    if asked.exported + 1e-9 < asked.budgets[0]:
        raise CallerMistake(
            f"no policy was chosen for a relative cost of {asked.exported:g}", f"use {asked.budgets[0]:g} or more"
        )
    for file in (folder / PLAN, folder / f"plan{BELIEF_ENDING}"):
        check_place(file)
        if file.exists():
            raise CallerMistake(f"{file} is there already", "export to another folder, or remove it first")


# ---- the terminal -------------------------------------------------------------------------------------------------


def table(found: Frontier) -> str:
    """The frontier for a terminal."""
    asked = found.asked
    lines = [
        f"{found.tasks} tasks; all {asked.most} attempts of {asked.target} solve {found.target_success:.1f} of them "
        f"for ${found.target_usd:.2f}: that is 1.000 at 1.000",
        "",
        "  cost   kept   95 % interval  policy",
    ]
    for name in (*(name for name in found.curves if name not in LAST), *LAST):
        lines.append(f"{name}")
        for point in found.curves.get(name, ()):
            lines.append(
                f"  {point.relative_cost:.3f}  {point.relative_performance:.3f}  "
                f"[{point.low:.3f}, {point.high:.3f}]  {point.policy}"
            )
    lines += [f"{name}: refused: {reason}" for name, reason in found.refused.items()]
    lines += [f"{source}: {reason}" for source, reason in found.useless.items()]
    lines += ["", "ours beside the others, over the same resampled tasks"]
    lines += [_beside(pair) for pair in found.paired]
    lines += [
        f"  at {at:.3g}: {share:.0%} of the way from adaptive to hindsight" for at, share in found.gap_closed.items()
    ]
    return "\n".join(lines)


def _beside(pair: Paired) -> str:
    """One line of the comparison; a curve that does not reach so little has no figure."""
    ours, theirs = (NOT_REACHED if kept is None else f"{kept:.3f}" for kept in (pair.ours, pair.theirs))
    said = f"  at {pair.relative_cost:.3g}: {ours}, {pair.rival} {theirs}"
    if pair.difference is None:
        return said
    low, high = pair.difference.low, pair.difference.high
    return f"{said}, difference {pair.difference.mean:+.3f} [{low:+.3f}, {high:+.3f}]"


# ---- files --------------------------------------------------------------------------------------------------------


def keep(found: Frontier, folder: Path) -> Path:
    """Write the document into `folder`, where the dashboard looks; the same frontier again is the same file."""
    text = json.dumps(document(found))
    target = re.sub(r"[^A-Za-z0-9.]+", "-", found.asked.target).strip("-.")
    file = folder / f"frontier-{target}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"
    write_whole(file, text)
    return file


def write_page(found: Frontier, file: Path) -> None:
    """Write the self-contained page, whole or not at all."""
    from parcae.web.frontier_page import frontier_page

    write_whole(file, frontier_page(found))


def live_names(given: Sequence[str], asked: Asked) -> dict[str, str]:
    """How Parcae opens each recorded model, of MODEL=NAME; one that is not given keeps its name.

    Raises:
        CallerMistake: it cannot be read, or names a model that is neither target nor source.
    """
    names = {model: model for model in (*asked.sources, asked.target)}
    for text in given:
        model, _, name = text.partition("=")
        if model not in names or not name:
            raise CallerMistake(
                f"--as {text!r} names no model of this frontier",
                f"write MODEL=NAME, as in {asked.target}=openai:gpt-4o; known are {', '.join(names)}",
            )
        parse_name(name)
        names[model] = name
    if len(set(names.values())) < len(names):
        raise CallerMistake("two models of this frontier have one name", "name each differently with --as")
    return names


def export(found: Frontier, folder: Path, names: Mapping[str, str]) -> list[str]:
    """Write the policy that all tasks choose for the cost asked for, as `plan.toml` with its belief beside it.

    `names` says how Parcae opens each recorded model. Returns what keeps the plan from running live.
    """
    fitting = [row for row, budget in enumerate(found.asked.budgets) if budget <= found.asked.exported + 1e-9]
    chosen = found.final.chosen[fitting[-1]]
    belief = found.final.beliefs[chosen.ladder.opening]
    save_belief(replace(belief, models=tuple(names[model] for model in belief.models)), folder / f"plan{BELIEF_ENDING}")
    ladder = (*(model for model, _ in chosen.ladder.opening.first), found.asked.target)
    stage = StagePlan(
        ladder=tuple(names[model] for model in ladder),
        attempts=chosen.climb.rungs[0].attempts,
        policy="climb",
        forecaster=f"plan{BELIEF_ENDING}",  # beside the plan, wherever both are moved to
        climb=chosen.climb.rungs,
        price=chosen.climb.price,
    )
    write_whole(folder / PLAN, render(Plan(default=stage)))
    return [_unopened(model) for model in ladder if not _opens(names[model])]


def _unopened(model: str) -> str:
    return f"{model} is no name that Parcae opens: to run the plan live, export it with --as {model}=PROVIDER:MODEL"


def _opens(name: str) -> bool:
    try:
        parse_name(name)
    except CallerMistake:
        return False
    return True
