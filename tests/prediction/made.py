"""Groups of attempts whose outcome shows in what they do: enough for forecasters to learn something."""

from __future__ import annotations

import json
import random

from parcae.graphs.nodes import Call
from parcae.graphs.tally import TaskFacts
from parcae.graphs.turns import Turn
from parcae.prediction.calibrate import no_calibration
from parcae.prediction.card import Card
from parcae.prediction.fitted import Fitted
from parcae.prediction.heads import Constant
from parcae.prediction.prefixes import Group, Setup


def made_groups(count: int = 60, *, seed: int = 1, samples: int = 4, signal: float = 0.8) -> list[Group]:
    """`count` tasks; where the vote will fail, attempts scatter, repeat themselves and disagree."""
    rng = random.Random(seed)
    return [_group(rng, f"task-{number}", samples, signal) for number in range(count)]


def _group(rng: random.Random, task: str, samples: int, signal: float) -> Group:
    failed = rng.random() < 0.5
    lost = failed if rng.random() < signal else not failed
    return Group(
        task_id=task,
        setup=Setup(model="cheap"),
        attempts=tuple(_attempt(rng, lost) for _ in range(samples)),
        failed=failed,
        facts=TaskFacts(candidates=rng.randrange(5, 50) * (2 if lost else 1)),
    )


def _attempt(rng: random.Random, lost: bool) -> tuple[Turn, ...]:
    places = range(12) if lost else range(3)
    turns = [
        Turn(
            calls=(Call(tool="look", arguments=json.dumps({"name": f"a.m{rng.choice(places)}"})),),
            observed_chars=rng.randrange(100, 900),
            errors=int(lost and rng.random() < 0.4),
        )
        for _ in range(rng.randrange(2, 6))
    ]
    name = f"a.m{rng.choice(places)}" if lost else "a.m0"
    return (*turns, Turn(answer=() if lost and rng.random() < 0.3 else (name,)))


def constant(agent: str) -> Fitted:
    """A forecaster for tasks of kind `agent` that always says .4."""
    card = Card(
        kind="majority", agent=agent, tools=("look",), models=(), data_hash="", seed=1, folds=5, tasks=40, examples=40,
        failure_rate=0.5, looks=(), features=(), low=(), high=(),
    )  # fmt: skip
    return Fitted(card=card, head=Constant(share=0.4), calibration=no_calibration())
