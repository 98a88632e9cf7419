"""The table of `parcae bench locate`: accuracy, cost, swaps and conversions, beside what asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from parcae.benchmarks.accuracy import Interval, interval, interval_of
from parcae.benchmarks.locate_bugs import RANKS, BugResult, fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to answer: acc@k by k with intervals; `cost_usd` a bug, None if it asks nobody or has no price."""

    name: str
    accuracy: Mapping[int, Interval]
    cost_usd: float | None = None
    swapped: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`rows` for each way; `differences` in acc@1, paired by bug; `swap` is None without a policy that swaps."""

    bugs: int
    rows: tuple[Row, ...]
    differences: Mapping[str, Interval]
    fewer: Mapping[str, tuple[float, float]]
    swap: Mapping[str, Interval] | None

    def document(self) -> dict[str, object]:
        """The table as plain JSON values."""
        return {"schema": "parcae.bench.locate/1", **asdict(self)}


def table(results: Sequence[BugResult], cheap: str, strong: str, policy: str | None, *, seed: int = 1) -> Table:
    """The figures of `results`; all are means over bugs, intervals resample bugs."""
    rows = [_baseline("a random covered function", results, lambda one: one.random, seed)]
    rows.append(_baseline("Ochiai", results, lambda one: one.ochiai, seed))
    arms = list(results[0].arms)
    rows += [_arm(arm, results, seed) for arm in arms]
    first = {row: _first(results, row) for row in arms}
    ochiai, chance = [one.ochiai[1] for one in results], [one.random[1] for one in results]
    pairs = {
        f"{cheap} - random": _minus(first[cheap], chance),
        f"{strong} - Ochiai": _minus(first[strong], ochiai),
        f"{strong} R=1 - {cheap} R=1": _minus(_single(results, strong), _single(results, cheap)),
    }
    return Table(
        bugs=len(results),
        rows=tuple(rows),
        differences={name: interval(values, seed=seed) for name, values in pairs.items()},
        fewer=_fewer(results, strong),
        swap=None if policy is None else _swap(results, cheap, strong, policy, seed),
    )


def _baseline(
    name: str, results: Sequence[BugResult], hits: Callable[[BugResult], Mapping[int, float]], seed: int
) -> Row:
    return Row(name=name, accuracy={k: interval([hits(one)[k] for one in results], seed=seed) for k in RANKS})


def _arm(arm: str, results: Sequence[BugResult], seed: int) -> Row:
    own = [one.arms[arm] for one in results]
    costs = [one.cost_usd for one in own]
    return Row(
        name=arm,
        accuracy={k: interval([one.hits[k] for one in own], seed=seed) for k in RANKS},
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None) / len(costs),
        swapped=sum(one.swapped for one in own) / len(own),
    )


def _first(results: Sequence[BugResult], arm: str) -> list[float]:
    return [one.arms[arm].hits[1] for one in results]


def _single(results: Sequence[BugResult], arm: str) -> list[float]:
    return [fewer(one.arms[arm], 1, one.culprit)[0] for one in results]


def _minus(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [one - two for one, two in zip(left, right, strict=True)]


def _fewer(results: Sequence[BugResult], arm: str) -> dict[str, tuple[float, float]]:
    """acc@1 and dollars a bug with 1..R attempts of `arm`."""
    most = min(len(one.arms[arm].attempts) for one in results)
    found = {}
    for attempts in range(1, most + 1):
        pairs = [fewer(one.arms[arm], attempts, one.culprit) for one in results]
        found[str(attempts)] = (sum(hit for hit, _ in pairs) / len(pairs), sum(cost for _, cost in pairs) / len(pairs))
    return found


def _swap(results: Sequence[BugResult], cheap: str, strong: str, policy: str, seed: int) -> dict[str, Interval]:
    """Where the swapping arm lies against the two lines that a user could have had instead, at its own cost.

    "over the line": acc@1 above the straight line from `cheap` to `strong` in (dollars, acc@1). "over fewer": above
    `strong` with fewer attempts, by straight lines between whole numbers of attempts. "conversion": of the bugs that
    were swapped and that `cheap` alone misses, the share that the swap solves.
    """
    columns = {
        "cheap": _first(results, cheap),
        "strong": _first(results, strong),
        "swap": _first(results, policy),
        "cheap_usd": _costs(results, cheap),
        "strong_usd": _costs(results, strong),
        "swap_usd": _costs(results, policy),
    }
    most = min(len(one.arms[strong].attempts) for one in results)
    for attempts in range(1, most + 1):
        pairs = [fewer(one.arms[strong], attempts, one.culprit) for one in results]
        columns[f"hit{attempts}"], columns[f"usd{attempts}"] = [one for one, _ in pairs], [one for _, one in pairs]
    lost = [one for one in results if one.arms[policy].swapped and not one.arms[cheap].hits[1]]
    found = {
        "over the line": interval_of(columns, _over_line, seed=seed),
        "over fewer": interval_of(columns, lambda means: _over_fewer(means, most), seed=seed),
    }
    if lost:
        found["conversion"] = interval([one.arms[policy].hits[1] for one in lost], seed=seed)
    return found


def _costs(results: Sequence[BugResult], arm: str) -> list[float]:
    return [one.arms[arm].cost_usd or 0.0 for one in results]


def _over_line(means: Mapping[str, float]) -> float:
    span = means["strong_usd"] - means["cheap_usd"]
    share = (means["swap_usd"] - means["cheap_usd"]) / span if span else 0.0
    return means["swap"] - (means["cheap"] + share * (means["strong"] - means["cheap"]))


def _over_fewer(means: Mapping[str, float], most: int) -> float:
    points = [(0.0, 0.0)] + [(means[f"usd{attempts}"], means[f"hit{attempts}"]) for attempts in range(1, most + 1)]
    dollars = means["swap_usd"]
    for (left, low), (right, high) in pairwise(points):
        if dollars <= right:
            return means["swap"] - (low + (high - low) * (dollars - left) / (right - left if right > left else 1.0))
    return means["swap"] - points[-1][1]
