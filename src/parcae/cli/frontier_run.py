"""What `parcae frontier` does: options to a frontier, a frontier to a table, a document, a page or a plan."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from parcae.cli.frontier_document import document
from parcae.cli.session import text_of
from parcae.cli.settings import Setting
from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, StagePlan, render
from parcae.core.usage import Price
from parcae.hotswap.frontier import BUDGETS, Asked, Frontier, frontier
from parcae.hotswap.recorded import USUAL_PRICES, Prices
from parcae.models.names import parse_name
from parcae.prediction.belief import BELIEF, save_belief
from parcae.prediction.lines import left_out
from parcae.prediction.recordings import read_recordings
from parcae.store.home import DOCUMENTS, home
from parcae.store.whole import write_whole

SHOWN = ("fixed", "adaptive", "adaptive_consistency", "esc", "cascade", "paper_sequential", "oracle", "ours")


def frontier_run(recordings: Path, flags: Mapping[str, Any], settings: Mapping[str, Setting]) -> int:
    """Compute the frontier, keep it for the dashboard and show it; returns the exit code."""
    sources = tuple(dict.fromkeys(name.strip() for name in flags["sources"].split(",") if name.strip()))
    if not sources:
        raise CallerMistake("no source was named", "give --sources, for example --sources llama3,mistral-nemo")
    asked = Asked(
        target=flags["target"],
        sources=sources,
        prices=_prices(flags["prices"], flags["count"]),
        draws=flags["draws"],
        most=flags["most"],
        folds=flags["folds"],
        resamples=flags["resamples"],
        seed=flags["seed"],
    )
    say = _silent if flags["quiet"] or flags["as_json"] else _on_stderr
    say(f"reading {recordings}")
    broken: list[str] | None = [] if flags["skip_broken"] else None
    read = read_recordings(recordings, models=[asked.target, *sources], broken=broken)
    for note in left_out(broken or []):
        _on_stderr(f"note: {note}")
    found = frontier(read, asked, say=say)
    if flags["export"] is not None:
        for note in export(found, flags["export"], flags["at"], live_names(flags["named"], asked)):
            _on_stderr(f"note: {note}")
    if flags["html"] is not None:
        write_page(found, flags["html"])
    say(f"kept for the dashboard as {keep(found, home(text_of(settings, 'home') or None) / DOCUMENTS).stem}")
    click.echo(json.dumps(document(found)) if flags["as_json"] else table(found))
    return 0


def _silent(line: str) -> None:
    pass


def _on_stderr(line: str) -> None:
    click.echo(line, err=True)


def _prices(given: Sequence[str], count: str) -> Prices:
    """The usual prices, replaced by those that were given."""
    prices = dict(USUAL_PRICES)
    for text in given:
        model, _, amounts = text.rpartition("=")
        prompt, _, completion = amounts.partition("/")
        try:
            prices[model] = Price(prompt_usd=_dollars(prompt), completion_usd=_dollars(completion or prompt))
        except ValueError:
            model = ""
        if not model:
            raise CallerMistake(
                f"--price {text!r} cannot be read", "write MODEL=PROMPT/COMPLETION, as in gpt-4o=2.5/10"
            )
    return Prices(of=prices, rule=count)


def _dollars(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


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
    for name in SHOWN:
        lines.append(f"{name}")
        for point in found.curves.get(name, ()):
            lines.append(
                f"  {point.relative_cost:.3f}  {point.relative_performance:.3f}  "
                f"[{point.low:.3f}, {point.high:.3f}]  {point.policy}"
            )
    lines += [f"{name}: refused: {reason}" for name, reason in found.refused.items()]
    lines += ["", "ours beside the others, over the same resampled tasks"]
    lines += [
        f"  at {pair.relative_cost:.2f}: {pair.ours:.3f}, {pair.rival} {pair.theirs:.3f}, difference "
        f"{pair.difference:+.3f} [{pair.low:+.3f}, {pair.high:+.3f}]"
        for pair in found.paired
    ]
    lines += [
        f"  at {at:.2f}: {share:.0%} of the way from adaptive to hindsight" for at, share in found.gap_closed.items()
    ]
    return "\n".join(lines)


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


def export(found: Frontier, folder: Path, at: float, names: Mapping[str, str]) -> list[str]:
    """Write the policy that all tasks choose for the relative cost `at`, as `plan.toml` with its belief beside it.

    `names` says how Parcae opens each recorded model. Returns what keeps the plan from running live.

    Raises:
        CallerMistake: no policy was chosen for so small a cost.
    """
    fitting = [row for row, budget in enumerate(BUDGETS) if budget <= at + 1e-9]
    if not fitting:
        raise CallerMistake(f"no policy was chosen for a relative cost of {at:g}", f"use {BUDGETS[0]:g} or more")
    chosen = found.final.chosen[fitting[-1]]
    folder.mkdir(parents=True, exist_ok=True)
    belief = found.final.beliefs[chosen.ladder.opening]
    save_belief(replace(belief, models=tuple(names[model] for model in belief.models)), folder / f"plan{BELIEF}")
    ladder = (*(model for model, _ in chosen.ladder.opening.first), found.asked.target)
    stage = StagePlan(
        ladder=tuple(names[model] for model in ladder),
        attempts=chosen.climb.rungs[0].attempts,
        policy="climb",
        forecaster=f"plan{BELIEF}",  # beside the plan, wherever both are moved to
        climb=chosen.climb.rungs,
        price=chosen.climb.price,
    )
    (folder / "plan.toml").write_text(render(Plan(default=stage)), encoding="utf-8")
    return [_unopened(model) for model in ladder if not _opens(names[model])]


def _unopened(model: str) -> str:
    return f"{model} is no name that Parcae opens: to run the plan live, export it with --as {model}=PROVIDER:MODEL"


def _opens(name: str) -> bool:
    try:
        parse_name(name)
    except CallerMistake:
        return False
    return True
