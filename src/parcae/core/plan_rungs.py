"""What the policy "climb" does on each rung of a plan's ladder, and when one more attempt pays.

Knows nothing of files, nor of how attempts are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from parcae.core.errors import CallerMistake
from parcae.core.plan_fields import MOST, count, known, positive, shown, table

_RUNG_KEYS = {
    "attempts",
    "batch",
    "weight",
    "look",
    "swap_above",
    "swap_gain",
    "enough",
    "sure",
    "hopeless",
    "then",
    "keep",
    "forks",
    "order",
    "patience",
    "after",
}
_PRICE_KEYS = {"solved_usd", "gain", "fades", "belief", "attempt_usd"}
CLIMB_CURE = "for example, for a ladder of two: [[default.climb]] attempts = 3, then [[default.climb]] attempts = 5"
FORKS = 2  # futures of a fork, if a rung does not say
Move = Literal["start", "resume", "fork"]
Order = Literal["steps", "forecast"]
After = Literal["climb", "answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RungPlan:
    """What the policy "climb" does on one rung of the ladder.

    At most `attempts` fresh attempts, `batch` of them between two looks; each vote counts `weight`. It ends with an
    answer when the first name leads by `enough` attempts or is right with probability `sure`, and without more
    spending when the best is less likely than `hopeless`. Open attempts are also looked at after `look` steps: if the
    vote is lost with more than `swap_above`, the next rung takes over as `then` says; with `swap_gain`, if that is
    forecast to turn more than this share of such votes right, however likely they are lost. "start": fresh attempts.
    "resume": at most `keep` of the open ones go on from where they are. "fork": `keep` of them do (one, if it does not
    say), each as `forks` futures (two, if it does not say) that share what was done so far. `order` says which come
    first: those with the fewest "steps" (if it does not say), or those that the "forecast" finds most promising.
    An attempt that has made `patience` steps without ending is given up once another on its rung has answered: what
    takes long costs most and is seldom right. When all its attempts have ended, the next rung begins: "climb", which is
    what it does if it does not say; with `after` "answer" it begins only if a look finds the vote lost.
    """

    attempts: int = 1
    batch: int = 1
    weight: float = 1.0
    look: tuple[int, ...] = ()
    swap_above: float = 0.5
    swap_gain: float | None = None
    enough: float | None = None
    sure: float | None = None
    hopeless: float | None = None
    then: Move = "start"
    keep: int | None = None
    forks: int | None = None
    order: Order | None = None
    patience: int | None = None
    after: After | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlan:
    """When one more attempt pays: if its expected gain in solved tasks is worth more than its expected cost.

    The gain is `gain` at a tie and falls by e for every `fades` attempts by which the first name leads; a solved task
    is worth `solved_usd`. In the lead, `belief` says how many attempts a name counts that is surely right. A next
    attempt costs what those on its rung cost so far, on average; `attempt_usd` before there is one. At a look the next
    rung takes over only if that pays too: its gain is what the forecast says of it, else `gain` of the lost votes.
    """

    solved_usd: float
    gain: float = 0.3
    fades: float = 0.3
    belief: float = 1.0
    attempt_usd: float | None = None


def most_attempts(rungs: Sequence[RungPlan]) -> int:
    """The most attempts at one task that `rungs` may begin, forks included, whichever way the looks turn out."""
    begun = going_on = 0  # from the rung above upwards: if it begins afresh; if what is open goes on there
    for rung in reversed(rungs):
        forks = ((rung.forks or FORKS) - 1) * (rung.keep or 1)
        lost = {"start": begun, "resume": going_on, "fork": forks + going_on}[rung.then] if rung.look else 0
        going_on = max(lost, begun if rung.after != "answer" else 0)
        begun = rung.attempts + going_on
    return begun


# ---- reading ------------------------------------------------------------------------------------------------------


def climb(body: object, where: str, rungs: int) -> tuple[RungPlan, ...]:
    """One table for each of `rungs`, or none at all."""
    if not isinstance(body, list) or (body and len(body) != rungs):
        raise CallerMistake(f"{where}: `climb` must have one table a rung of the ladder ({rungs})", CLIMB_CURE)
    return tuple(_rung(table(rung, f"{where}: climb"), f"{where}: climb[{i}]") for i, rung in enumerate(body))


def _rung(body: Mapping[str, object], where: str) -> RungPlan:
    known(body, _RUNG_KEYS, where)
    looks, usual = body.get("look", []), RungPlan()
    if not isinstance(looks, list) or not all(type(look) is int and 0 < look <= MOST for look in looks):
        raise CallerMistake(f"{where}: `look` must be a list of steps from 1, not {shown(looks)}")
    weight, swap_above = positive(body, "weight", where), positive(body, "swap_above", where)
    return RungPlan(
        attempts=count(body, "attempts", where) or usual.attempts,
        batch=count(body, "batch", where) or usual.batch,
        weight=usual.weight if weight is None else weight,
        look=tuple(sorted(looks)),
        swap_above=usual.swap_above if swap_above is None else swap_above,
        swap_gain=positive(body, "swap_gain", where),
        enough=positive(body, "enough", where),
        sure=positive(body, "sure", where),
        hopeless=positive(body, "hopeless", where),
        then=_one_of(body, "then", where, get_args(Move)) or usual.then,  # type: ignore[arg-type]  # one of these
        keep=count(body, "keep", where),
        forks=count(body, "forks", where),
        order=_one_of(body, "order", where, get_args(Order)),  # type: ignore[arg-type]  # one of these
        patience=count(body, "patience", where),
        after=_one_of(body, "after", where, get_args(After)),  # type: ignore[arg-type]  # one of these
    )


def _one_of(body: Mapping[str, object], key: str, where: str, words: Sequence[str]) -> str | None:
    value = body.get(key)
    if value is not None and value not in words:
        raise CallerMistake(f"{where}: `{key}` is {shown(value)}", f"use one of {', '.join(words)}")
    return value  # type: ignore[return-value]  # one of `words`


def price(body: object, where: str) -> PricePlan | None:
    """The table of prices; None if there is none."""
    if body is None:
        return None
    given, where = table(body, f"{where}: price"), f"{where}: price"
    known(given, _PRICE_KEYS, where)
    found = {key: positive(given, key, where) for key in sorted(_PRICE_KEYS)}
    if found["solved_usd"] is None or found["fades"] == 0:
        raise CallerMistake(
            f"{where}: what a solved task is worth is missing, or `fades` is 0", "give solved_usd = 1.0"
        )
    return PricePlan(**{key: value for key, value in found.items() if value is not None})


# ---- what cannot work ---------------------------------------------------------------------------------------------


def refuse_impossible_climb(rungs: Sequence[RungPlan], price: PricePlan | None, where: str) -> None:
    """Make sure that every rung may be reached and that nothing is said in vain.

    Raises:
        CallerMistake: what is wrong with which key, and the cure.
    """
    for i, rung in enumerate(rungs):
        _refuse_idle(rung, f"{where}: climb[{i}]")
        for key in ("sure", "hopeless", "swap_above", "swap_gain"):
            share(getattr(rung, key), key, f"{where}: climb[{i}]")
        if i + 1 == len(rungs):
            _refuse_last(rung, f"{where}: climb[{i}]")
        elif rung.after == "answer" and not rung.look:
            raise CallerMistake(
                f'{where}: climb[{i}]: `after` is "answer" and there is no `look`, so the next rung is never reached',
                "give the steps after which attempts are looked at, as in look = [4], or leave `after` out",
            )
    if rungs and not any(rung.weight for rung in rungs):
        raise CallerMistake(f"{where}: climb: every `weight` is 0, so no answer would count", "leave one of them out")
    if price is not None:
        share(price.gain, "gain", f"{where}: price")


def share(value: float | None, key: str, where: str) -> None:
    """Refuse a share or probability that is none; None is not given."""
    if value is not None and not 0 <= value <= 1:
        raise CallerMistake(
            f"{where}: `{key}` must be between 0 and 1, not {value:g}", f"for 60 of 100 write {key} = 0.6"
        )


def _refuse_idle(rung: RungPlan, where: str) -> None:
    """Refuse what would have no effect."""
    if rung.then == "start" and rung.order is not None:
        raise CallerMistake(
            f"{where}: `order` says which open attempts go on, but none does",
            'write then = "resume" or then = "fork", or leave `order` out',
        )
    if rung.then == "start" and rung.keep is not None:
        raise CallerMistake(
            f"{where}: `keep` says how many open attempts go on, but none does",
            'write then = "resume" or then = "fork", or leave `keep` out',
        )
    if rung.then != "start" and not rung.look:
        raise CallerMistake(
            f"{where}: `then` is {rung.then!r}, but attempts are never looked at, so none is taken over",
            "give the steps after which they are, as in look = [4], or leave `then` out",
        )
    if rung.swap_gain is not None and not rung.look:
        raise CallerMistake(
            f"{where}: `swap_gain` is asked at a look, but there is none", "add look = [4], or leave `swap_gain` out"
        )
    if rung.then != "fork" and rung.forks is not None:
        raise CallerMistake(
            f"{where}: `forks` says how many futures a fork has, but `then` is {rung.then!r}",
            'write then = "fork", or leave `forks` out',
        )
    if rung.forks == 1:
        raise CallerMistake(f"{where}: a fork has two futures or more", 'for one future write then = "resume"')


def _refuse_last(rung: RungPlan, where: str) -> None:
    if rung.swap_gain is not None:
        raise CallerMistake(
            f"{where}: `swap_gain` says when the next rung takes over, but there is none",
            "leave it out, or add a model to the ladder",
        )
    if rung.then != "start":
        raise CallerMistake(
            f"{where}: `then` is {rung.then!r}, but no rung comes after it that could take attempts over",
            "add a model to the ladder, with a table of its own; it may be the same model again",
        )
