"""Where trained forecasters lie, and which of them fits: one file an agent in the home's `forecasters` folder."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.plan import RULE
from parcae.core.protocols import Forecaster
from parcae.prediction.belief import BeliefForecaster, is_belief, load_belief
from parcae.prediction.fitted import Fitted, load, refuse_other_agent
from parcae.prediction.gain import SWAPPED, SwapForecaster
from parcae.prediction.rule import RuleForecaster

FOLDER = "forecasters"
PLAIN = re.compile(r"\w[\w.-]{0,99}")
NOTHING_TRAINED = "the rule forecasts: nothing is trained yet (parcae outcome RUN ..., then parcae train)"


def shelf_file(home: Path, agent: str) -> Path:
    """Where the trained forecaster for tasks of kind `agent` lies in `home`.

    Raises:
        CallerMistake: `agent` cannot name a file there.
    """
    if not PLAIN.fullmatch(agent):
        raise CallerMistake(
            f"{agent!r} is no kind of task", "give a plain name: letters, digits, and . _ - after the first"
        )
    return home / FOLDER / f"{agent}.npz"


def forecaster_named(
    named: str | None, *, home: Path, agent: str, successor: str | None = None
) -> tuple[Forecaster, str]:
    """The forecaster that a plan names, and a sentence on which it is.

    "rule" is the untrained one, a path is that file, and None is the trained one that lies in `home`, else the rule;
    with what a swap to `successor` brings, if `home` holds a forecaster that learned from such swaps.

    Raises:
        CallerMistake: the file named is missing, damaged, of another version, or meant for another kind of task.
    """
    if named == RULE:
        return RuleForecaster(), "the rule forecasts: the plan wants it"
    if named is None:
        found, said = _found(shelf_file(home, agent), agent)
        return (found, said) if successor is None else _with_gain(found, said, home, agent, successor)
    return _loaded(Path(named).expanduser(), agent)


def forecaster_fitting(named: str | None, *, home: Path, tools: Collection[str]) -> tuple[Forecaster, str]:
    """The forecaster that a plan names for agents with `tools`, and a sentence on which it is.

    None is the one in `home` that knows none but these tools, of several the one that knows most of them; else the
    rule. A forecaster that was named is taken even if it knows other tools: it trusts itself the less.

    Raises:
        CallerMistake: the file named is missing, damaged or of another version.
    """
    if named == RULE:
        return RuleForecaster(), "the rule forecasts: the plan wants it"
    if named is not None:
        chosen, said = _in(Path(named).expanduser())
        if isinstance(chosen, Fitted) and chosen.card.agent.endswith(SWAPPED):
            raise CallerMistake(
                f"{named} says how votes end after a swap, not how they end", "name one trained without --swapped"
            )
        return chosen, said
    fitting = []
    for file in sorted((home / FOLDER).glob("*.npz")):
        try:
            one = load(file)
        except CallerMistake:
            continue  # damaged or of another version: nobody can use it
        if one.card.tools and set(one.card.tools) <= set(tools) and not one.card.agent.endswith(SWAPPED):
            fitting.append(one)
    if not fitting:
        return RuleForecaster(), NOTHING_TRAINED
    best = max(fitting, key=lambda one: (len(one.card.tools), one.card.tasks))
    return best, said_of(best)


def in_use(file: Path, agent: str) -> bool:
    """Whether runs of `agent` are forecast by what lies in `file`, and not by the rule."""
    return isinstance(_found(file, agent)[0], Fitted)


def _found(file: Path, agent: str) -> tuple[Forecaster, str]:
    """The one that lies there; a file that cannot be used is left alone, said, and replaced by the rule."""
    if not file.exists():
        return RuleForecaster(), NOTHING_TRAINED
    try:
        return _loaded(file, agent)
    except CallerMistake as unfit:
        return RuleForecaster(), f"the rule forecasts: {unfit}"


def _with_gain(now: Forecaster, said: str, home: Path, agent: str, successor: str) -> tuple[Forecaster, str]:
    """The same, which also says what a swap to `successor` brings if one that learned it lies in `home`."""
    file = shelf_file(home, agent + SWAPPED)
    if not file.exists():
        return now, said
    try:
        after = load(file)
        refuse_other_agent(after.card.agent, agent + SWAPPED, source=str(file))
    except CallerMistake as unfit:
        return now, f"{said}; what a swap brings is not said: {unfit}"
    if successor not in after.card.taken_by:
        others = ", ".join(after.card.taken_by) or "models that it does not name"
        return now, f"{said}; what a swap to {successor} brings is not said: learned were swaps to {others}"
    return SwapForecaster(now=now, after=after), f"{said}; of what a swap brings {said_of(after)}"


def _loaded(file: Path, agent: str) -> tuple[Forecaster, str]:
    forecaster, said = _in(file)
    if isinstance(forecaster, Fitted):
        refuse_other_agent(forecaster.card.agent, agent, source=str(file))
    return forecaster, said


def _in(file: Path) -> tuple[Forecaster, str]:
    """The trained forecaster or the belief that lies in `file`."""
    if is_belief(file):
        belief = load_belief(file)
        return BeliefForecaster(belief=belief), f"the plan's belief forecasts ({', '.join(belief.models)})"
    fitted = load(file)
    return fitted, said_of(fitted)


def said_of(fitted: Fitted) -> str:
    """One sentence on a trained forecaster: what it learned from, and how well it does on tasks it had not seen."""
    card = fitted.card
    own = card.metrics.get(card.kind, {})
    figures = ", ".join(f"{name} {own[name]:.2f}" for name in ("accuracy", "auc", "brier") if name in own)
    return f"a trained forecaster ({card.kind}, {card.tasks} tasks; on tasks it had not seen: {figures})"
