"""What is chosen on tuning bugs (look, how many go on, weights, forecaster, thresholds), and the report on others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from experiments.hotswap import live_figures as f
from experiments.hotswap.live_figures import Floats, Known
from experiments.hotswap.live_gain import AFTER, chosen_gain, gains, merged, swapped_groups
from experiments.hotswap.live_runs import ATTEMPTS, Field, run_name, swapped

from parcae.agents.fault_localization import locate_task
from parcae.benchmarks.bug import read_bug
from parcae.core.clock import WallClock
from parcae.core.protocols import Forecaster
from parcae.graphs.tally import facts_of
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.prediction.fitted import Fitted, load, save
from parcae.prediction.prefixes import FOLDS, Group, Look, fold_of
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.sources.journal import KINDS, groups_from
from parcae.prediction.train import train
from parcae.store.sqlite import SqliteJournal
from parcae.tools.sandbox import find_sandbox

Say = Callable[[str], None]
KEEPS, WEIGHTS = (1, 2, 3, 10), (1.0, 0.01)
TRAINED = ("logistic", "names", "forest")
RATES = (0.25, 0.5, 0.75)  # of the tuning bugs that a threshold flags
CONFIDENCE, RULE = "vote confidence", "rule"
LEADS = (
    (0.3, 1),
    (0.3, 2),
    (0.3, 10),
    (0.5, 3),
    (0.5, 5),
    (0.5, 10),
    (0.6, 5),
    (1.0, 5),
    (1.0, 10),
    (1.5, 10),
    (2.0, 10),
    (3.0, 10),
)
LOTS = 20


@dataclass(frozen=True, slots=True)
class Set:
    """Bugs that were met: their journal lies in `home`, their records in `home`/`name`.jsonl."""

    home: Path
    name: str
    most: int | None = None

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / f"{self.name}.jsonl").read_text().splitlines()[: self.most]]


# ---- what is known of bugs ----------------------------------------------------------------------------------------


async def known_of(
    some: Set, looks: Sequence[int], forecasters: Callable[[str], Mapping[str, Forecaster]]
) -> list[Known]:
    """Every bug of a set, with what each of its forecasters (by the bug's full name) says at `looks`."""
    found = []
    async with SqliteJournal.open(some.home / "journal.sqlite") as journal:
        field = Field(World(journal=journal, clock=WallClock(), open_model=builtin), find_sandbox(True))
        for record in some.records():
            p_fail = await field.said(record["bug"], forecasters(full_name(some, record["bug"])), looks)
            known = f.known_from(record, p_fail)
            confidence = {(CONFIDENCE, k): 1 - _confidence(known, k) for k in looks}
            found.append(replace(known, bug=full_name(some, known.bug), p_fail={**p_fail, **confidence}))
    return found


def full_name(some: Set, bug: str) -> str:
    return f"{some.home.name}/{bug}"


def _confidence(known: Known, k: int) -> float:
    """The largest vote of the attempts that have ended by step k, over all attempts."""
    votes: dict[str, float] = {}
    for one in known.arms["small"]:
        for name in one.answer if len(one.costs) <= k else ():
            votes[name] = votes.get(name, 0.0) + 1 / len(one.answer)
    return max(votes.values(), default=0.0) / len(known.arms["small"])


async def groups_of(some: Set) -> list[Group]:
    """The labelled attempts of small, as `parcae train` reads them from the journal."""
    wanted = {run_name(record["bug"], "small"): record["bug"] for record in some.records()}
    found = []
    async with SqliteJournal.open(some.home / "journal.sqlite") as journal:
        field = Field(World(journal=journal, clock=WallClock(), open_model=builtin), find_sandbox(True))
        for run, bug in wanted.items():
            events = [one.event for one in await journal.read(run, KINDS)]
            named, facts = full_name(some, bug), facts_of(locate_task(await field.executed(bug)))
            found += [replace(group, task_id=named, facts=facts) for group in groups_from(events, agent="locate")]
    return found


# ---- choosing -----------------------------------------------------------------------------------------------------


async def choose(sets: Sequence[Set], looks: Sequence[int], *, out: Path, say: Say) -> dict[str, Any]:
    """Fix every choice on tuning bugs; forecasts are judged on bugs that their training did not see."""
    groups = [group for some in sets for group in await groups_of(some)]
    fitted = _fitted_by_fold(groups, looks, say)
    everyone = {fold: {name: by_fold[fold] for name, by_fold in fitted.items()} for fold in range(FOLDS)}

    def unseen(bug: str) -> dict[str, Forecaster]:
        return {RULE: RuleForecaster(), **everyone[fold_of(bug)]}

    known = [one for some in sets for one in await known_of(some, looks, unseen)]
    say(f"{len(known)} tuning bugs")
    k, keep, weight, table = _shape(known, looks)
    failed = np.array([1 - f.fixed(one, "small", ATTEMPTS)[0] for one in known])
    names = (CONFIDENCE, RULE, *TRAINED)
    aucs = {name: f.auc(failed, np.array([one.p_fail[name, k] for one in known])) for name in names}
    best = max(names, key=lambda name: aucs[name])
    said = {name: np.array([one.p_fail[name, k] for one in known]) for name in names}
    for name in TRAINED:
        save(_train(groups, name, looks), out / f"{name}.npz")
    shape, now = {"k": k, "keep": keep, "weight": weight}, best if best in TRAINED else "forest"
    after = swapped_groups(groups, known, shape)
    known = merged(known, await _known_after(sets, after, k, say))
    for name in TRAINED:
        save(_train(after, name, [k]), out / f"{AFTER}{name}.npz")
    chosen = {
        "bugs": len(known),
        "small_failed": float(failed.mean()),
        "k": k,
        "keep": keep,
        "weight": weight,
        "forecaster": best,
        "aucs": aucs,
        "above": {name: [float(np.quantile(p, 1 - rate)) for rate in RATES] for name, p in said.items()},
        "now": now,
        **chosen_gain(known, shape, now, TRAINED, RATES),
        "table": table,
    }
    (out / "chosen.json").write_text(json.dumps(chosen, indent=1))
    return chosen


async def _known_after(sets: Sequence[Set], after: Sequence[Group], k: int, say: Say) -> list[Known]:
    """The tuning bugs with what forecasters that learned from swaps of other folds say of them."""
    fitted = _fitted_by_fold(after, [k], say)

    def unseen(bug: str) -> dict[str, Forecaster]:
        return {AFTER + name: by_fold[fold_of(bug)] for name, by_fold in fitted.items()}

    return [one for some in sets for one in await known_of(some, [k], unseen)]


def _fitted_by_fold(groups: Sequence[Group], looks: Sequence[int], say: Say) -> dict[str, list[Fitted]]:
    """For each kind, a forecaster for each fold, trained on the other folds."""
    fitted = {}
    for name in TRAINED:
        say(f"training {name}")
        fitted[name] = [
            _train([group for group in groups if fold_of(group.task_id) != fold], name, looks) for fold in range(FOLDS)
        ]
    return fitted


def _train(groups: Sequence[Group], kind: str, looks: Sequence[int]) -> Fitted:
    return train(groups, agent="locate", kind=kind, looks=[Look(at=k) for k in looks]).fitted


def _shape(known: Sequence[Known], looks: Sequence[int]) -> tuple[int, int, float, list[dict[str, Any]]]:
    """The look, how many go on and the weight of small's votes whose swap of everything is furthest above large alone.

    "Above" means beside the curve of fewer attempts of large at the same dollars.
    """
    large = [f.over(known, partial(f.fixed, arm="large", count=count)) for count in range(1, ATTEMPTS + 1)]
    curve = [np.zeros_like(large[0]), *large]
    table: list[dict[str, Any]] = []
    for k in looks:
        for keep in KEEPS:
            for weight in WEIGHTS:
                act = f.over(known, partial(f.swapped, k=k, keep=keep, weight=weight))
                fresh = f.over(known, partial(f.restarted, k=k, keep=keep, weight=weight))
                table.append(
                    {
                        "k": k,
                        "keep": keep,
                        "weight": weight,
                        "acc": float(act[:, 0].mean()),
                        "usd": float(act[:, 1].mean()),
                        "restarted_acc": float(fresh[:, 0].mean()),
                        "restarted_usd": float(fresh[:, 1].mean()),
                        "above": float(act[:, 0].mean() - f.at_cost(curve, act)[:, 0].mean()),
                    }
                )
    best = max(table, key=lambda row: row["above"])
    return best["k"], best["keep"], best["weight"], table


# ---- the same, by the product's own forecast ----------------------------------------------------------------------


async def check(some: Set, folder: Path, bugs: Path, *, last: int, say: Say) -> dict[str, Any]:
    """Run the chosen plan with the chosen forecaster on the first `last` bugs, and compare with what the arms say.

    Only a forecaster that exists as a file, or the rule, can be run; vote confidence is a figure, no forecaster.
    """
    chosen = json.loads((folder / "chosen.json").read_text())
    name = chosen["forecaster"] if chosen["forecaster"] != CONFIDENCE else max(TRAINED, key=chosen["aucs"].__getitem__)
    forecaster: Forecaster = RuleForecaster() if name == RULE else load(folder / f"{name}.npz")
    k, keep, weight, above = chosen["k"], chosen["keep"], chosen["weight"], chosen["above"][name][1]
    known = await known_of(replace(some, most=last), [k], lambda bug: {name: forecaster})
    same, flagged, differs = 0, 0, []
    async with SqliteJournal.open(some.home / "journal.sqlite") as journal:
        field = Field(World(journal=journal, clock=WallClock(), open_model=builtin), find_sandbox(False))
        for one in known:
            bug = read_bug(bugs / one.bug.rpartition("/")[2])
            covered = await field.covered(bugs / bug.name)
            stage = swapped(k, above=above, keep=keep, weight=weight)
            report = await field.met(bug, covered, f"answering@{k}-{name}", stage, forecaster)
            flag = one.p_fail[name, k] > above
            right, usd = f.swapped(one, k, keep, weight) if flag else f.fixed(one, "small", ATTEMPTS)
            tops = [suspect.name for suspect in report.suspects if suspect.score > report.suspects[0].score - 1e-9]
            agrees = bool(report.swaps) == flag and abs((report.cost_usd or 0.0) - usd) < 1e-9
            flagged += flag
            same += agrees
            if not agrees:
                differs.append([bug.name, flag, bool(report.swaps), usd, report.cost_usd, right, tops[:2]])
            say(f"{bug.name} {'same' if agrees else 'differs'}")
    return {"bugs": len(known), "flagged": int(flagged), "same": same, "differs": differs, "forecaster": name}


# ---- the report ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """All arms on the bugs of a report: (N, 2) each."""

    known: Sequence[Known]
    chosen: Mapping[str, Any]
    drawn: f.Draws
    small: Floats
    large: Floats
    act: Floats
    fresh: Floats

    @property
    def k(self) -> int:
        return int(self.chosen["k"])

    def point(self, name: str, arm: Floats) -> dict[str, Any]:
        return f.point(name, arm, self.large, self.drawn)

    def flags(self, forecaster: str, above: float) -> Floats:
        return f.by_forecast(self.known, forecaster, self.k, above)


async def report(sets: Sequence[Set], folder: Path, *, say: Say) -> tuple[dict[str, Any], list[str]]:
    """Every figure on the bugs of `sets`, with what `choose` left in `folder`."""
    chosen = json.loads((folder / "chosen.json").read_text())
    trained = {name: load(folder / f"{name}.npz") for name in TRAINED}
    after = {AFTER + name: load(folder / f"{AFTER}{name}.npz") for name in TRAINED}
    forecasters: dict[str, Forecaster] = {RULE: RuleForecaster(), **trained, **after}
    known = [one for some in sets for one in await known_of(some, [chosen["k"]], lambda bug: forecasters)]
    shape = {name: chosen[name] for name in ("k", "keep", "weight")}
    looked = Looked(
        known,
        chosen,
        f.draws(len(known)),
        f.over(known, partial(f.fixed, arm="small", count=ATTEMPTS)),
        f.over(known, partial(f.fixed, arm="large", count=ATTEMPTS)),
        f.over(known, partial(f.swapped, **shape)),
        f.over(known, partial(f.restarted, **shape)),
    )
    say(f"{len(known)} bugs")
    curves = _curves(looked)
    document = {
        "schema": "parcae.experiments.live/1",
        "bugs": len(known),
        "chosen": {name: chosen[name] for name in ("k", "keep", "weight", "forecaster", "aucs")},
        "aucs": {name: _auc(looked, name) for name in (CONFIDENCE, RULE, *TRAINED)},
        "curves": {name: [looked.point(said, arm) for said, arm in points] for name, points in curves.items()},
        "flagged": [_flagged(looked, curves, rate, place) for place, rate in enumerate(RATES)],
        "gainful": [_gainful(looked, curves, rate, place) for place, rate in enumerate(RATES)],
        "auc_after": _auc(looked, AFTER + chosen["after"], 1 - looked.act[:, 0]),
        "always": _acted(looked, np.ones(len(known)), curves),
        "by_keep": _by_keep(looked),
        "fork": _fork(looked),
    }
    return document, _lines(document)


def _auc(looked: Looked, name: str, wrong: Floats | None = None) -> dict[str, float]:
    """AUC of "small's vote will fail", or `wrong`, at the look, with its 95 % interval over bugs."""
    failed = ((1 - looked.small[:, 0] if wrong is None else wrong) > 0.5).astype(float)
    said = np.array([one.p_fail[name, looked.k] for one in looked.known])
    rng, values = np.random.default_rng(1), []
    for _ in range(1000):
        some = rng.integers(0, len(said), len(said))
        values.append(f.auc(failed[some], said[some]))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"mean": f.auc(failed, said), "low": float(low), "high": float(high)}


def _curves(looked: Looked) -> dict[str, list[tuple[str, Floats]]]:
    """Every curve as [(policy, arm)]."""
    known, k, act, small = looked.known, looked.k, looked.act, looked.small
    counts = range(1, ATTEMPTS + 1)
    share = np.ones(len(known))
    shares = [i / 10 for i in range(11)]
    curves = {
        "fixed": [(f"{n} of large", f.over(known, partial(f.fixed, arm="large", count=n))) for n in counts],
        "fixed small": [(f"{n} of small", f.over(known, partial(f.fixed, arm="small", count=n))) for n in counts],
        "adaptive": [
            (f"adaptive@{lead:g} on large, at most {most}", f.over(known, partial(f.adaptive, lead=lead, most=most)))
            for lead, most in LEADS
        ],
        "random": [(f"{p:.0%} by lot, resumed", f.mixed(share * p, act, small)) for p in shares],
        "random restart": [(f"{p:.0%} by lot, afresh", f.mixed(share * p, looked.fresh, small)) for p in shares],
        "oracle": [
            ("what small gets wrong, resumed", f.mixed(1 - small[:, 0], act, small)),
            ("what a swap helps, resumed", f.mixed((act[:, 0] > small[:, 0]).astype(float), act, small)),
        ],
    }
    for name in (CONFIDENCE, RULE, *TRAINED):
        said = np.array([one.p_fail[name, k] for one in known])
        ranks = [(said >= np.quantile(said, 1 - p)).astype(float) if p else 0 * share for p in shares]
        curves[f"hotswap, {name}"] = [
            (f"{flags.mean():.0%} flagged by {name}, resumed", f.mixed(flags, act, small)) for flags in ranks
        ]
    if all(f"fork@{k}" in one.arms for one in known):
        weight = float(looked.chosen["weight"])
        curves["fork"] = [(f"always, forked at {k}", f.over(known, partial(f.forked, k=k, weight=weight)))]
    return curves


def _flagged(looked: Looked, curves: Mapping[str, list[tuple[str, Floats]]], rate: float, place: int) -> dict[str, Any]:
    """One threshold of the chosen forecaster, fixed on tuning bugs: the policy, and what became of who it flagged."""
    name = looked.chosen["forecaster"]
    flags = looked.flags(name, looked.chosen["above"][name][place])
    return {"forecaster": name, "tuning_rate": rate, **_acted(looked, flags, curves)}


def _gainful(looked: Looked, curves: Mapping[str, list[tuple[str, Floats]]], rate: float, place: int) -> dict[str, Any]:
    """The same for one threshold of the expected gain."""
    chosen = looked.chosen
    gain = gains(looked.known, chosen["now"], chosen["after"], looked.k)
    flags = (gain > chosen["gain_above"][place]).astype(float)
    named = f"gain ({chosen['now']} less {chosen['after']} after)"
    return {"forecaster": named, "tuning_rate": rate, **_acted(looked, flags, curves)}


def _acted(looked: Looked, flags: Floats, curves: Mapping[str, list[tuple[str, Floats]]]) -> dict[str, Any]:
    """A policy that swaps who is flagged, beside lots at its rate, beside fresh starts, and beside large alone."""
    drawn, small, act, fresh = looked.drawn, looked.small, looked.act, looked.fresh
    rate, whole = float(flags.mean()), np.ones(len(flags))
    ours, restart = f.mixed(flags, act, small), f.mixed(flags, fresh, small)
    by_lot = f.mixed(whole * rate, act, small)
    rng = np.random.default_rng(7)
    lots = [rng.permutation(flags) for _ in range(LOTS)]
    wrong = 1 - small[:, 0]
    alone = {"fewer of large": "fixed", "adaptive lead": "adaptive"}
    return {
        "rate": rate,
        "ours": looked.point("swapped if flagged, resumed", ours),
        "random": looked.point("as many by lot, resumed", by_lot),
        "random_by_seed": [float(f.mixed(lot, act, small)[:, 0].mean()) for lot in lots],
        "restart": looked.point("swapped if flagged, afresh", restart),
        "failed_if_flagged": drawn.of(flags * wrong, flags),
        "conversion": {
            "resumed": drawn.of(flags * act[:, 0], flags),
            "afresh": drawn.of(flags * fresh[:, 0], flags),
            "left alone": drawn.of(flags * small[:, 0], flags),
            "by lot, resumed": drawn.of(act[:, 0], whole),
        },
        "converted_of_wrong": {
            "resumed": drawn.of(flags * wrong * act[:, 0], flags * wrong),
            "afresh": drawn.of(flags * wrong * fresh[:, 0], flags * wrong),
            "by lot, resumed": drawn.of(wrong * act[:, 0], wrong),
        },
        "differences": {
            "ours - random": f.difference(ours, by_lot, drawn),
            "ours - restart": f.difference(ours, restart, drawn),
            "resumed - afresh, dollars of a flagged bug": drawn.of(flags * (act[:, 1] - fresh[:, 1]), flags),
            **{
                f"ours - {name} at the same dollars": f.difference(ours, _line(curves[curve], small, ours), drawn)
                for name, curve in alone.items()
            },
        },
    }


def _line(curve: Sequence[tuple[str, Floats]], small: Floats, like: Floats) -> Floats:
    """The rival at the dollars of `like`, below its cheapest point mixed with small's ten attempts."""
    arms = [arm for _, arm in curve]
    cheapest = min(arms, key=lambda arm: float(arm[:, 1].mean()))
    return f.at_cost(arms if like[:, 1].mean() >= cheapest[:, 1].mean() else [small, cheapest], like)


def _by_keep(looked: Looked) -> list[dict[str, Any]]:
    """Everything swapped at the chosen look, by how many go on: resumed and afresh."""
    rows = []
    for keep in KEEPS:
        shape = {"k": looked.k, "keep": keep, "weight": looked.chosen["weight"]}
        act = f.over(looked.known, partial(f.swapped, **shape))
        fresh = f.over(looked.known, partial(f.restarted, **shape))
        rows.append(
            {
                "keep": keep,
                "resumed": looked.point("always, resumed", act),
                "afresh": looked.point("always, afresh", fresh),
                "resumed - afresh": f.difference(act, fresh, looked.drawn),
            }
        )
    return rows


def _fork(looked: Looked) -> dict[str, Any] | None:
    """The most promising open attempt of every bug as three futures, beside what goes on once; None: not met."""
    k, weight = looked.k, float(looked.chosen["weight"])
    if not all(f"fork@{k}" in one.arms for one in looked.known):
        return None
    fork = f.over(looked.known, partial(f.forked, k=k, weight=weight))
    three = f.over(looked.known, partial(f.swapped, k=k, keep=3, weight=weight))
    return {
        "forked": looked.point("always, one attempt as three futures", fork),
        "forked - chosen swap": f.difference(fork, looked.act, looked.drawn),
        "forked - three attempts resumed": f.difference(fork, three, looked.drawn),
    }


def _lines(document: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    lines = [f"{document['bugs']} bugs; 95 % intervals resample bugs; costs and performance beside ten of large"]
    lines += [f"AUC {name}: {_span(one)}" for name, one in document["aucs"].items()]
    for name, points in document["curves"].items():
        lines.append(name)
        lines += [_point(one) for one in points]
    lines.append(f"AUC of what follows a swap: {_span(document['auc_after'])}")
    for one in (*document["flagged"], *document["gainful"], document["always"]):
        by = one.get("forecaster", "always")
        lines.append(f"flagged {one['rate']:.0%} by {by} (tuned for {one.get('tuning_rate', 1):.0%})")
        lines += [_point(one[name]) for name in ("ours", "random", "restart")]
        lines.append(f"  fails if flagged {_span(one['failed_if_flagged'])}")
        for part in ("conversion", "converted_of_wrong", "differences"):
            lines += [f"  {part}: {name} {_span(figure)}" for name, figure in one[part].items()]
    for row in document["by_keep"]:
        lines.append(f"{row['keep']} go on; resumed - afresh {_span(row['resumed - afresh'])}")
        lines += [_point(row["resumed"]), _point(row["afresh"])]
    if document["fork"] is not None:
        lines.append(_point(document["fork"]["forked"]))
        lines += [f"  {name} {_span(figure)}" for name, figure in document["fork"].items() if name != "forked"]
    return lines


def _point(one: Mapping[str, Any]) -> str:
    kept = f"{one['relative_performance']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
    return f"  {one['relative_cost']:.3f} -> {kept}  acc {one['acc']:.3f} ${one['usd']:.4f}  {one['policy']}"


def _span(figure: Mapping[str, float]) -> str:
    return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
