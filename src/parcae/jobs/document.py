"""A report as the JSON document that `--json` prints. `docs/schemas` holds the JSON Schema of each."""

from __future__ import annotations

from parcae.core.protocols import JsonValue
from parcae.jobs.report import Attempt, Baseline, ModelCost, Patch, Report, Suspect, Swap


def document(report: Report) -> dict[str, JsonValue]:
    """The report as plain JSON values, under `schema: "parcae.<kind>/1"`."""
    return {
        "schema": f"parcae.{report.kind}/1",
        "run": report.run,
        "status": report.status,
        "title": report.title,
        "suspects": [_suspect(suspect) for suspect in report.suspects],
        "confidence": report.confidence,
        "cost_usd": report.cost_usd,
        "by_model": {name: _model(cost) for name, cost in report.by_model.items()},
        "swaps": [_swap(swap) for swap in report.swaps],
        "forecasts": [
            {
                "looked_at": list(one.looked_at),
                "p_fail": one.p_fail,
                "p_fail_after": one.p_fail_after,
                "trust": one.trust,
                "reasons": list(one.reasons),
            }
            for one in report.forecasts
        ],
        "baseline": _baseline(report.baseline),
        "attempts": [_attempt(attempt) for attempt in report.attempts],
        "notes": list(report.notes),
        **({"patches": [_patch(patch) for patch in report.patches]} if report.kind == "repair" else {}),
    }


def _suspect(suspect: Suspect) -> dict[str, JsonValue]:
    return {"name": suspect.name, "file": suspect.file, "line": suspect.line, "score": suspect.score}


def _patch(patch: Patch) -> dict[str, JsonValue]:
    return {
        "diff": patch.diff,
        "files": list(patch.files),
        "plausible": patch.plausible,
        "passes": patch.passes,
        "broken": list(patch.broken),
        "votes": patch.votes,
        "size": patch.size,
    }


def _model(cost: ModelCost) -> dict[str, JsonValue]:
    return {
        "calls": cost.calls,
        "prompt_tokens": cost.usage.prompt_tokens,
        "cached_tokens": cost.usage.cached_tokens,
        "completion_tokens": cost.usage.completion_tokens,
        "cost_usd": cost.cost_usd,
        "nominal": cost.nominal,
    }


def _swap(swap: Swap) -> dict[str, JsonValue]:
    return {
        "action": swap.action,
        "to_model": swap.to_model,
        "attempts": list(swap.attempts),
        "looked_at": list(swap.looked_at),
        "p_fail": swap.p_fail,
        "why": swap.why,
    }


def _baseline(baseline: Baseline) -> dict[str, JsonValue]:
    answer = None if baseline.answer is None else [_suspect(suspect) for suspect in baseline.answer]
    return {
        "model": baseline.model,
        "cost_usd": baseline.cost_usd,
        "estimated": baseline.estimated,
        "answer": answer,
    }


def _attempt(attempt: Attempt) -> dict[str, JsonValue]:
    ending = attempt.trajectory.ending
    models = list(dict.fromkeys(step.model for step in attempt.trajectory.steps))
    return {
        "name": attempt.name,
        "steps": len(attempt.trajectory.steps),
        "models": list(models),
        "ending": None if ending is None else ending.reason,
        "answer": [] if ending is None else list(ending.answer),
    }
