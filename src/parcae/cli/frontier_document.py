"""A frontier as the JSON document that `--json` prints (parcae.frontier/1)."""

from __future__ import annotations

from parcae.core.plan import render
from parcae.core.protocols import JsonValue
from parcae.hotswap.frontier import Frontier
from parcae.hotswap.readings import Paired, Point


def document(found: Frontier) -> dict[str, JsonValue]:
    """The whole of `found`."""
    asked = found.asked
    curves: dict[str, JsonValue] = {name: [_point(point) for point in points] for name, points in found.curves.items()}
    curves.update({name: {"refused": reason} for name, reason in found.refused.items()})
    return {
        "schema": "parcae.frontier/1",
        "target": asked.target,
        "sources": list(asked.sources),
        "tasks": found.tasks,
        "target_success": found.target_success,
        "target_usd": found.target_usd,
        "draws": asked.draws,
        "seed": asked.seed,
        "folds": asked.folds,
        "resamples": asked.resamples,
        "tokens_by": asked.prices.rule,
        "prices": {
            model: {
                "prompt_usd": asked.prices.of[model].prompt_usd,
                "completion_usd": asked.prices.of[model].completion_usd,
                "nominal": asked.prices.of[model].nominal,
            }
            for model in asked.models
        },
        "curves": curves,
        "useless": dict(found.useless),
        "paired": [_paired(pair) for pair in found.paired],
        "gap_closed": [{"relative_cost": at, "share": share} for at, share in found.gap_closed.items()],
    }


def _paired(pair: Paired) -> dict[str, JsonValue]:
    difference = pair.difference
    return {
        "relative_cost": pair.relative_cost,
        "rival": pair.rival,
        "ours": pair.ours,
        "theirs": pair.theirs,
        "difference": None if difference is None else difference.mean,
        "low": None if difference is None else difference.low,
        "high": None if difference is None else difference.high,
    }


def _point(point: Point) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {
        "relative_cost": point.relative_cost,
        "relative_performance": point.relative_performance,
        "low": point.low,
        "high": point.high,
        "policy": point.policy,
    }
    if point.by_fold:
        shown["by_fold"] = {str(fold): policy for fold, policy in point.by_fold.items()}
    if point.plan is not None:
        shown["plan"] = render(point.plan)
    return shown
