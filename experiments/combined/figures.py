"""Checked tasks per dollar of every arm, paired by goal, with intervals. Knows nothing of how goals were met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from experiments.combined.meeting import Met

from parcae.benchmarks.accuracy import Interval, interval, interval_of

Results = Sequence[Mapping[str, Met]]  # one a goal: what it came to, by arm
WHOLE = "all"


def table(results: Results, *, seed: int = 0) -> dict[str, object]:
    """The figures as plain JSON values; intervals resample goals, all arms together."""
    kinds = sorted({next(iter(one.values())).kind for one in results})
    parts = {"all goals": results, **{kind: [one for one in results if _kind(one) == kind] for kind in kinds}}
    return {
        "schema": "parcae.combined/1",
        "goals": {name: len(own) for name, own in parts.items()},
        "rows": {name: {arm: _row(own, arm, seed) for arm in own[0]} for name, own in parts.items()},
        "share of all": {
            name: {arm: asdict(_share(own, arm, seed)) for arm in own[0] if arm != WHOLE} for name, own in parts.items()
        },
    }


def _kind(met: Mapping[str, Met]) -> str:
    return next(iter(met.values())).kind


def _row(results: Results, arm: str, seed: int) -> dict[str, object]:
    own = [one[arm] for one in results]
    checked, cost = [float(one.checked) for one in own], [one.cost_usd for one in own]
    rate = interval_of({"checked": checked, "cost": cost}, lambda means: means["checked"] / means["cost"], seed=seed)
    return {
        "checked": asdict(interval(checked, seed=seed)),
        "cost_usd": sum(cost) / len(cost),
        "checked_per_usd": asdict(rate),
        "agents": sum(one.agents for one in own) / len(own),
        "swaps": sum(one.swaps for one in own) / len(own),
        "sent_back": sum(one.sent_back for one in own) / len(own),
    }


def _share(results: Results, arm: str, seed: int) -> Interval:
    """How many checked tasks a dollar buys with `arm`, as a share of what it buys with everything together."""
    columns = {
        f"{what} {name}": [float(getattr(one[name], what)) for one in results]
        for name in (WHOLE, arm)
        for what in ("checked", "cost_usd")
    }

    def share(means: Mapping[str, float]) -> float:
        whole = means[f"checked {WHOLE}"] / means[f"cost_usd {WHOLE}"]
        return means[f"checked {arm}"] / means[f"cost_usd {arm}"] / whole if whole else math.nan

    return interval_of(columns, share, seed=seed)


def lines(figures: Mapping[str, object]) -> list[str]:
    """The table for a terminal and for the log, in Markdown."""
    found = []
    rows, shares, counts = figures["rows"], figures["share of all"], figures["goals"]
    for part in rows:  # type: ignore[attr-defined]  # the mappings that `table` made
        found += [
            f"{part}: {counts[part]}",  # type: ignore[index]
            "| arm | checked | $ a goal | checked per $ | as a share of all's | agents | swaps | sent back |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for arm, row in rows[part].items():  # type: ignore[index]
            share = shares[part].get(arm)  # type: ignore[index]
            found.append(
                f"| {arm} | {_said(row['checked'])} | {row['cost_usd']:.4f} | {_said(row['checked_per_usd'], 1)} | "
                f"{_said(share) if share else ''} | {row['agents']:.1f} | {row['swaps']:.2f} | {row['sent_back']:.2f} |"
            )
    return found


def _said(one: Mapping[str, float], digits: int = 2) -> str:
    return f"{one['mean']:.{digits}f} [{one['low']:.{digits}f}, {one['high']:.{digits}f}]"
