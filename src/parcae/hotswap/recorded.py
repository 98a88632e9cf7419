"""Recorded attempts, priced turn by turn, in an order of drawing: what replays are walked over.

Knows nothing of policies. An attempt of n turns is n Steps; the harness's first call costs nothing, a thrown-away call
is paid with the turn that it led to, and the closing calls are one turn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from parcae.core.errors import CallerMistake
from parcae.core.trajectory import Ending, Step
from parcae.core.usage import Price
from parcae.prediction.recordings import OK, RecordedCall, RecordedRun, RecordedTask

HARNESS = "harness"
CHARS_A_TOKEN = 4
SCHEMA_TOKENS = 250  # the tools' schemas that every OpenAI call but the last also read (README of the recordings)
CallCost = Callable[[RecordedCall, Price, bool], float]


def by_characters(call: RecordedCall, price: Price, last: bool) -> float:
    """US dollars of a call at four characters a token, nothing cached: the rule of the known figures."""
    prompt, response = (call.prompt_chars or 0) / CHARS_A_TOKEN, (call.response_chars or 0) / CHARS_A_TOKEN
    return (prompt * price.prompt_usd + response * price.completion_usd) / 1e6


def by_tokens(call: RecordedCall, price: Price, last: bool) -> float:
    """US dollars by counted tokens where they are known, else by characters and the tools' schemas."""
    if call.prompt_tokens is not None and call.completion_tokens is not None:
        return (call.prompt_tokens * price.prompt_usd + call.completion_tokens * price.completion_usd) / 1e6
    return by_characters(call, price, last) + (0 if last else SCHEMA_TOKENS * price.prompt_usd / 1e6)


# US dollars per million tokens at the time of the recordings; for models that somebody runs alone, what hosts charged
USUAL_PRICES: Mapping[str, Price] = {
    "gpt-4o": Price(prompt_usd=2.5, completion_usd=10.0),
    "gpt-4-0613": Price(prompt_usd=30.0, completion_usd=60.0),
    "gpt-3.5-turbo-0613": Price(prompt_usd=1.5, completion_usd=2.0),
    "llama3": Price(prompt_usd=0.18, completion_usd=0.18, nominal=True),
    "mistral-nemo": Price(prompt_usd=0.18, completion_usd=0.18, nominal=True),
}
COST_RULES: Mapping[str, CallCost] = {"characters": by_characters, "tokens": by_tokens}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAttempt:
    """One recorded run as a replay needs it: its steps, whose costs are US dollars, and the run for who reads turns.

    `spent_usd[n]`: US dollars of its first n steps; walks ask for it a million times.
    """

    model: str
    steps: tuple[Step, ...]
    run: RecordedRun
    spent_usd: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Add up once."""
        spent = accumulate((step.cost_usd or 0.0 for step in self.steps), initial=0.0)
        object.__setattr__(self, "spent_usd", tuple(spent))

    @property
    def answer(self) -> tuple[str, ...]:
        """What it votes for."""
        return self.run.predicted

    @property
    def cost_usd(self) -> float:
        """US dollars of all its calls."""
        return self.spent_usd[-1]

    def cost_after(self, steps: int | None) -> float:
        """US dollars of its first `steps` steps; None: of all."""
        return self.spent_usd[-1 if steps is None else min(steps, len(self.steps))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """One task with its recorded attempts by model, from which a replay draws without putting back."""

    task: RecordedTask
    attempts: Mapping[str, tuple[RecordedAttempt, ...]]

    def shuffled(self, seed: int) -> Deck:
        """The same deck in another order, which depends on `seed` and the task alone."""
        mixed = {}
        for model, attempts in self.attempts.items():
            order = list(attempts)
            random.Random(f"{seed}/{self.task.id}/{model}").shuffle(order)
            mixed[model] = tuple(order)
        return Deck(task=self.task, attempts=mixed)


def recorded_attempt(run: RecordedRun, price: Price, rule: CallCost = by_characters) -> RecordedAttempt:
    """`run`, priced."""
    costs, turn = [0.0] * len(run.turns), 1
    for number, call in enumerate(run.calls):
        paid = min(turn, len(costs) - 1)
        closing = call.purpose in ("explanation", "answer", "unparsed")
        costs[-1 if closing else paid] += rule(call, price, number == len(run.calls) - 1)
        turn += call.purpose == "step"
    reason = "failed" if run.status != OK else "answered" if run.predicted else "no_answer"
    ending = Ending(reason=reason, answer=run.predicted)  # type: ignore[arg-type]  # all three are reasons
    last = len(costs) - 1
    steps = (
        Step(
            model=HARNESS if place == 0 and last else run.model,
            cost_usd=cost,
            ending=ending if place == last else None,
        )
        for place, cost in enumerate(costs)
    )
    return RecordedAttempt(model=run.model, steps=tuple(steps), run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per million tokens of each model, and how tokens are counted."""

    of: Mapping[str, Price]
    rule: str = "characters"

    def price(self, model: str) -> Price:
        """The price of `model`.

        Raises:
            CallerMistake: none is known.
        """
        if model not in self.of:
            raise CallerMistake(f"no price of {model!r} is known", f"give --price {model}=PROMPT/COMPLETION in dollars")
        return self.of[model]


def decks_of(
    tasks: Mapping[str, RecordedTask], runs: Sequence[Mapping[str, Sequence[RecordedRun]]], prices: Prices
) -> list[Deck]:
    """A deck for each task that every model of `runs` (runs by task, one mapping a model) was recorded on."""
    if prices.rule not in COST_RULES:
        raise CallerMistake(f"there is no cost rule {prices.rule!r}", f"use one of {', '.join(COST_RULES)}")
    rule = COST_RULES[prices.rule]
    decks = []
    for task_id in sorted(set.intersection(*(set(by_task) for by_task in runs))):
        own = [run for by_task in runs for run in by_task[task_id]]
        attempts: dict[str, list[RecordedAttempt]] = {}
        for run in own:
            attempts.setdefault(run.model, []).append(recorded_attempt(run, prices.price(run.model), rule))
        decks.append(Deck(task=tasks[task_id], attempts={model: tuple(some) for model, some in attempts.items()}))
    return decks
