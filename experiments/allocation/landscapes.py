"""Recorded tables as environments. Nothing here is copied from the recordings; they are read from the shared folder.

Each landscape has `problem(...)`, `environment(...)` for a seed, and `truth`: the score of every configuration over the
whole population.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parcae.allocation.costs import Floats, configuration_costs
from parcae.allocation.history import Proposal, Round
from parcae.allocation.problem import Problem
from parcae.allocation.replay import any_of, majority
from parcae.allocation.space import Space, StageSpace

ROOT = Path(__file__).parents[2]


def shared_data() -> Path:
    return Path(os.environ.get("PARCAE_SHARED", ROOT.parent / "shared")) / "data"


def rows(name: str) -> list[dict[str, object]]:
    with gzip.open(shared_data() / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# ---- AgentOpt's HotpotQA grid: 81 configurations, outcomes drawn at the recorded accuracies -------------------------


@dataclass(frozen=True, kw_only=True)
class Grid:
    space: Space
    truth: Floats
    costs: Floats

    def problem(self, *, items: int, max_calls: float, seed: int) -> Problem:
        return Problem(
            space=self.space, costs=self.costs, items=items, max_calls=max_calls, seed=seed, shared=False, unit="usd"
        )


@dataclass(kw_only=True)
class GridEnvironment:
    """Outcome of configuration c on item i: one draw at c's recorded accuracy, the same for every strategy."""

    truth: Floats
    items: int
    seed: int
    outcomes: NDArray[np.bool_] = field(init=False)
    drawn: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([7, self.seed])
        self.outcomes = rng.random((len(self.truth), self.items)) < self.truth[:, None]
        self.drawn = np.zeros_like(self.outcomes)

    async def run(self, proposal: Proposal) -> Round:
        cells = np.ix_(proposal.configurations, proposal.items)
        new = int((~self.drawn[cells]).sum())
        self.drawn[cells] = True
        return Round(
            configurations=proposal.configurations,
            items=proposal.items,
            scores=self.outcomes[cells].astype(np.float64),
            calls=new,
            why=proposal.why,
        )


def hotpotqa() -> Grid:
    table = rows("agentopt_hotpotqa.jsonl.gz")
    planners = tuple(sorted({str(row["planner"]) for row in table}))
    solvers = tuple(sorted({str(row["solver"]) for row in table}))
    space = Space(stages=(StageSpace(name="planner", models=planners), StageSpace(name="solver", models=solvers)))
    truth, costs = np.zeros(81), np.zeros(81)
    for row in table:
        place = planners.index(str(row["planner"])) * 9 + solvers.index(str(row["solver"]))
        truth[place], costs[place] = float(row["accuracy"]), float(row["cost_usd"]) / 200
    return Grid(space=space, truth=truth, costs=costs)


# ---- LiveCodeBench: generation -> repair ----------------------------------------------------------------------------

LCB_MODELS = (  # nominal US dollars per million tokens, as listed by their makers in 2024; (name, prompt, completion)
    ("Claude-3-Haiku", 0.25, 1.25),
    ("GPT-4O-mini-2024-07-18", 0.15, 0.60),
    ("Gemini-Flash-1.5-002", 0.075, 0.30),
    ("Gemini-Pro-1.5-002", 1.25, 5.0),
    ("GPT-4O-2024-08-06", 2.5, 10.0),
    ("Claude-3.5-Sonnet-20241022", 3.0, 15.0),
)
LCB_TOKENS = ((700, 500), (1400, 500))  # assumed (prompt, completion) of a generation and of a repair: none recorded
ASSUMPTION = (
    "LiveCodeBench's repair rows are self-repair: a model's gain on items that its own generation failed is applied to "
    "another model's failures; prices are list prices, tokens a call are assumed"
)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """`right`: shape (2, models, items), right ones of ten recorded samples of generation and of repair."""

    space: Space
    right: NDArray[np.int64]
    truth: Floats
    costs: Floats
    crossed: bool

    def problem(self, *, budget: float, items: int, max_calls: float, seed: int) -> Problem:
        return Problem(
            space=self.space, costs=self.costs, items=items, budget=budget, max_calls=max_calls, seed=seed, unit="usd"
        )

    def value(self, generated: Floats, repaired: Floats) -> Floats:
        return generated + (1.0 - generated) * repaired


def livecodebench(*, crossed: bool = True, most: int = 10) -> Repair:
    """Ten samples of each model, stage and question. `crossed` False: the same model in both stages (exact)."""
    counts: dict[tuple[str, str, str], int] = {}
    for row in rows("lcb_older.jsonl.gz"):
        if row["samples"] == 10:
            counts[str(row["scenario"]), str(row["model"]), str(row["question"])] = int(str(row["correct"]))
    models = tuple(name for name, _, _ in LCB_MODELS)
    questions = sorted(
        {q for _, _, q in counts if all((s, m, q) in counts for s in ("generation", "repair") for m in models)}
    )
    generated = np.array([[counts["generation", m, q] for q in questions] for m in models])
    repaired = np.array([[counts["repair", m, q] for q in questions] for m in models])
    failures = 10 - generated
    fixed = np.clip(repaired - generated, 0, failures)
    gain = np.where(failures > 0, fixed / np.maximum(failures, 1), 1.0)
    right = np.stack([generated, np.rint(10 * gain).astype(np.int64)])
    samples = tuple(range(1, most + 1))
    if crossed:
        stages = tuple(StageSpace(name=name, models=models, samples=samples) for name in ("generate", "repair"))
    else:  # one choice of model for both: the model sits in the first stage, the second has a single placeholder
        stages = (
            StageSpace(name="generate", models=models, samples=samples),
            StageSpace(name="repair", models=("same model",), samples=samples),
        )
    space = Space(stages=stages)
    curves = any_of(right, np.full_like(right, 10), np.arange(1, most + 1))
    first, second = curves[0], curves[1]
    everything = np.arange(space.size)
    kinds, places = space.digits(everything)
    fixer = kinds[1] if crossed else kinds[0]
    truth = np.zeros(space.size)
    for item in range(len(questions)):
        a, b = first[kinds[0], item, places[0]], second[fixer, item, places[1]]
        truth += a + (1 - a) * b
    prices = [
        np.array([[(p * tokens[0] + c * tokens[1]) * s / 1e6 for s in samples] for _, p, c in LCB_MODELS])
        for tokens in LCB_TOKENS
    ]
    if crossed:
        costs = configuration_costs(space, prices)
    else:
        costs = prices[0][kinds[0], places[0]] + prices[1][kinds[0], places[1]]
    return Repair(space=space, right=right, truth=truth / len(questions), costs=costs, crossed=crossed)


@dataclass(kw_only=True)
class RepairEnvironment:
    """Draws recorded samples without replacement, in an order of its seed; repairs only what every draw failed."""

    landscape: Repair
    seed: int
    items: int
    samples: NDArray[np.bool_] = field(init=False)
    depth: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([11, self.seed])
        right = self.landscape.right
        chosen = rng.permutation(right.shape[2])[: self.items]
        counts = right[:, :, chosen]
        ordered = np.arange(10) < counts[..., None]
        self.samples = rng.permuted(ordered, axis=-1)
        self.depth = np.zeros(counts.shape, dtype=np.int64)

    async def run(self, proposal: Proposal) -> Round:
        space, items = self.landscape.space, proposal.items
        models, places = space.digits(proposal.configurations)
        fixers = models[1] if self.landscape.crossed else models[0]
        before = int(self.depth.sum())
        self._deepen(0, models[0], places[0] + 1, items, np.ones((self.depth.shape[1], len(items)), bool))
        first = self._curves(0, items)
        open_items = np.zeros((self.depth.shape[1], len(items)), dtype=np.int64)
        needed = 1.0 - first[models[0], :, places[0]] > 1e-12
        np.maximum.at(open_items, fixers, np.where(needed, (places[1] + 1)[:, None], 0))
        own = self.depth[1][:, items]
        self.depth[1][:, items] = np.maximum(own, open_items)
        second = np.nan_to_num(self._curves(1, items), nan=0.0)
        a, b = first[models[0], :, places[0]], second[fixers, :, places[1]]
        return Round(
            configurations=proposal.configurations,
            items=items,
            scores=a + (1.0 - a) * b,
            calls=int(self.depth.sum()) - before,
            why=proposal.why,
        )

    def _deepen(
        self, stage: int, models: NDArray[np.int64], depth: NDArray[np.int64], items: NDArray[np.int64], mask: object
    ) -> None:
        most = np.zeros(self.depth.shape[1], dtype=np.int64)
        np.maximum.at(most, models, depth)
        self.depth[stage][:, items] = np.maximum(self.depth[stage][:, items], most[:, None])

    def _curves(self, stage: int, items: NDArray[np.int64]) -> Floats:
        depth = self.depth[stage][:, items]
        taken = np.arange(10) < depth[..., None]
        right = (self.samples[stage][:, items] & taken).sum(axis=-1)
        return any_of(right, depth, np.arange(1, 11))


# ---- AIME24: one stage, majority vote -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Vote:
    """`answers`: shape (models, questions, 128), small numbers, 0 where right and -1 where none; tokens alike."""

    space: Space
    answers: NDArray[np.int64]
    kinds: int
    costs: Floats
    curves: Floats  # (models, questions, S): the recorded vote's score

    def problem(self, *, budget: float, items: int, max_calls: float, seed: int) -> Problem:
        return Problem(
            space=self.space,
            costs=self.costs,
            items=items,
            budget=budget,
            max_calls=max_calls,
            seed=seed,
            unit="tokens",
        )


def aime24(samples: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)) -> Vote:
    table = rows("autotts_aime24.jsonl.gz")
    models = tuple(sorted({str(row["model"]) for row in table}))
    questions = sorted({int(str(row["question_number"])) for row in table})
    answers = np.full((len(models), len(questions), 128), -1, dtype=np.int64)
    tokens = np.zeros(answers.shape)
    kinds = 1
    for row in table:
        m, q = models.index(str(row["model"])), questions.index(int(str(row["question_number"])))
        right = set(row["correct_answers"])  # type: ignore[call-overload]
        names: dict[int, int] = {}
        for place, trace in enumerate(row["traces"]):  # type: ignore[call-overload, var-annotated, arg-type]
            tokens[m, q, place] = trace["tokens"]
            if trace["final"] is None:
                continue
            final = int(trace["final"])
            answers[m, q, place] = 0 if final in right else names.setdefault(final, len(names) + 1)
        kinds = max(kinds, len(names) + 1)
    space = Space(stages=(StageSpace(name="answer", models=models, samples=samples),))
    sizes = np.array(samples)
    right_kinds = np.zeros((len(questions), kinds), dtype=bool)
    right_kinds[:, 0] = True
    rng = np.random.default_rng(3)
    curves = np.stack([majority(own, right_kinds, sizes, rng, orders=64) for own in answers])
    costs = (tokens.mean(axis=(1, 2))[:, None] * sizes).reshape(-1)
    return Vote(space=space, answers=answers, kinds=kinds, costs=costs, curves=curves)


@dataclass(kw_only=True)
class VoteEnvironment:
    """Traces of some questions, in an order of its seed; smaller votes are replayed from those drawn."""

    landscape: Vote
    seed: int
    questions: NDArray[np.int64]
    orders: int = 16
    answers: NDArray[np.int64] = field(init=False)
    depth: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([13, self.seed])
        self.answers = rng.permuted(self.landscape.answers[:, self.questions], axis=-1)
        self.depth = np.zeros(self.answers.shape[:2], dtype=np.int64)

    async def run(self, proposal: Proposal) -> Round:
        space, items = self.landscape.space, proposal.items
        [models], [places] = space.digits(proposal.configurations)
        sizes = np.array(space.stages[0].samples)
        before = int(self.depth.sum())
        scores = np.zeros((len(models), len(items)))
        right = np.zeros((len(items), self.landscape.kinds), dtype=bool)
        right[:, 0] = True
        for model in np.unique(models):
            own = models == model
            most = int(sizes[places[own]].max())
            self.depth[model, items] = np.maximum(self.depth[model, items], most)
            shallowest = int(self.depth[model, items].min())
            rng = np.random.default_rng([17, self.seed, int(model), shallowest])
            usable = sizes[sizes <= shallowest]
            curve = majority(self.answers[model][items][:, :shallowest], right, usable, rng, orders=self.orders)
            scores[own] = curve[:, places[own]].T
        return Round(
            configurations=proposal.configurations,
            items=items,
            scores=scores,
            calls=int(self.depth.sum()) - before,
            why=proposal.why,
        )
