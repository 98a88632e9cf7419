"""The job of `parcae allocate`: from a pipeline and a budget to a result, resumable from its journal.

Nothing of the search itself is stored: its samples are, and strategies are functions of scores, so a resumed search
asks the same questions again and finds the answers in the cache. Knows nothing of terminals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from parcae.allocation.costs import configuration_costs
from parcae.allocation.history import History, Proposal
from parcae.allocation.live import Live
from parcae.allocation.pipeline import Pipeline
from parcae.allocation.problem import Problem
from parcae.allocation.result import Result, result_of
from parcae.allocation.samples import Samples
from parcae.allocation.strategies.exhaustive import Exhaustive
from parcae.allocation.strategies.race import Race, standing_promise
from parcae.allocation.strategies.random_search import RandomSearch
from parcae.allocation.strategies.rules import Rules
from parcae.allocation.strategy import Strategy, unwatched
from parcae.allocation.workers import Tools
from parcae.core.errors import CallerMistake, LimitReached
from parcae.core.events import RunEnded, RunStarted
from parcae.core.protocols import Model
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits
from parcae.jobs.world import World
from parcae.ledger.restore import restore
from parcae.tools.sandbox import Sandbox

STRATEGIES = ("race", "exhaustive", "random", "tpe", "rules", "agenttts")
SAID = "command line"  # the key of what was said at the start; it may differ when a run goes on
MOST_CONFIGURATIONS = 2_000_000
PILOT_ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class AllocateOptions:
    """What a user says. `search_usd` bounds the search, `item_usd` what the chosen configuration may cost an item.

    `agent`: the model that reads and proposes where the strategy is "agenttts". `held_out`: how many items, from the
    end, the search never sees; the choice is scored on them. `said`: the command line as JSON, for `runs resume`.
    """

    pipeline: Pipeline
    search_usd: float | None = 1.0
    item_usd: float = math.inf
    epsilon: float = 0.05
    delta: float = 0.05
    strategy: str = "race"
    agent: str = ""
    held_out: int = 0
    said: str = ""
    max_calls: float = math.inf
    pilot: bool = False
    seed: int = 1


async def allocate(
    options: AllocateOptions,
    world: World,
    *,
    run: str,
    find_sandbox: Callable[[], Sandbox],
    copies: Path | None = None,
    resume: bool = False,
    watch: Callable[[History], None] = unwatched,
) -> Result:
    """Search until the answer is known, the limit is reached or `world.stop` is set.

    `copies`: where projects that are no repositories are copied to, for stages that change files.

    Raises:
        CallerMistake: the pipeline, a model or a metric is wrong; or `resume` and the pipeline is another one.
    """
    pipeline = options.pipeline
    models = {name: world.open_model(name) for stage in pipeline.stages for name in stage.models}
    agent = world.open_model(options.agent) if options.agent else None
    _check_prices({**models, **({options.agent: agent} if agent is not None else {})}, options)
    _check_items(options)
    await _begin(options, world, run, resume=resume)
    account = await restore(run, Limits(usd=options.search_usd), world.journal)
    scope = Scope(id=run, account=account, journal=world.journal, clock=world.clock, seed=options.seed, show=world.show)
    tools = Tools(run=run, find_sandbox=find_sandbox, copies=copies)
    live = await _live(pipeline, models, scope, tools, most=options.max_calls)
    strategy = make_strategy(options.strategy, options.seed, agent=agent, scope=scope)
    try:
        history, status = await _search(options, live, strategy, world, watch)
    except CallerMistake as mistake:
        spent, kept = account.spent.usd, len(live.samples.known)
        await account.close()
        raise CallerMistake(mistake.what, f"{mistake.cure}; ${spent:.4f} spent, {kept} samples are kept") from mistake
    choice = strategy.choose(history) if history.rounds else int(history.problem.feasible[0])
    held_out, status = await _held_out(options, live, history, choice, status)
    await account.close()
    result = result_of(
        history,
        choice,
        run=run,
        pipeline=pipeline,
        status=status,
        dropped=tuple((stage, model, why) for (stage, model), why in live.failed.items()),
        nominal=any(model.card.price is not None and model.card.price.nominal for model in models.values()),
        held_out=held_out,
        stage_scores=live.mean_stage_scores(live.space.choices(choice)),
        notes=_notes(options, history),
    )
    if status == "done" and not await world.journal.read(run, [RunEnded], below=False):
        await world.journal.append([RunEnded(scope=run, status=status)])
    return replace(result, spent_usd=account.spent.usd)


def _check_items(options: AllocateOptions) -> None:
    items, held_out = len(options.pipeline.items), options.held_out
    if items - held_out < 2:
        raise CallerMistake(
            f"{held_out} of {items} items are held out: too few are left to search on",
            "hold fewer out, or give more items",
        )


async def _live(pipeline: Pipeline, models: Mapping[str, Model], scope: Scope, tools: Tools, *, most: float) -> Live:
    """What draws and scores the configurations of `pipeline`: `most` samples, with those that were drawn already."""
    samples = Samples(journal=scope.journal, run=scope.id, most=most)
    await samples.load()
    space = pipeline.space({name: model.card for name, model in models.items()})
    if space.size > MOST_CONFIGURATIONS:
        raise CallerMistake(f"there are {space.size:,} configurations", "name fewer models or numbers of samples")
    return Live(pipeline=pipeline, space=space, models=models, scope=scope, samples=samples, tools=tools)


def make_strategy(name: str, seed: int, *, agent: Model | None = None, scope: Scope | None = None) -> Strategy:
    """A packaged strategy by name. `agent`, paid from `scope`, proposes where that is "agenttts".

    Raises:
        CallerMistake: there is none of that name, or "agenttts" has no model to ask.
    """
    if name == "agenttts":
        from parcae.allocation.strategies.agenttts import AgentTts

        if agent is None or scope is None:
            raise CallerMistake("the strategy `agenttts` asks a model for its trials", "name one with --agent")
        return AgentTts(model=agent, scope=scope)
    if name == "tpe":
        from parcae.allocation.strategies.tpe import Tpe

        return Tpe(seed=seed)
    known: Mapping[str, Strategy] = {
        "race": Race(),
        "exhaustive": Exhaustive(),
        "random": RandomSearch(seed=seed),
        "rules": Rules(),
    }
    if name not in known:
        raise CallerMistake(f"there is no strategy {name!r}", f"known are {', '.join(STRATEGIES)}")
    return known[name]


async def _search(
    options: AllocateOptions, live: Live, strategy: Strategy, world: World, watch: Callable[[History], None]
) -> tuple[History, str]:
    history = History.empty(_problem(options, live))
    while not history.used_up:
        if world.stop.is_set():
            return history, "cancelled"
        try:
            proposal = await _proposed(options, strategy, history)
        except LimitReached:
            return history, "limit"
        if proposal is None:
            break
        history = history.told(await live.run(proposal))
        history = replace(history, problem=_problem(options, live))
        _check_alive(history, live)
        watch(history)
        if live.limit is not None:
            return history, "limit"
    return history, "done"


async def _proposed(options: AllocateOptions, strategy: Strategy, history: History) -> Proposal | None:
    """What to run next; nothing once the pilot is over, or the race may promise what was asked of it.

    Raises:
        LimitReached: the strategy's own model could not be paid.
    """
    if options.pilot and len(history.rounds) >= PILOT_ROUNDS:
        return None
    if options.strategy == "race" and history.rounds and standing_promise(history).reached:
        return None
    return await strategy.propose(history)


async def _held_out(
    options: AllocateOptions, live: Live, history: History, choice: int, status: str
) -> tuple[tuple[float, ...], str]:
    """The scores of the choice on items that the search never saw, as far as the budget reaches."""
    if not options.held_out or not history.rounds or status != "done":
        return (), status
    live.samples.most = math.inf  # the limit is the search's
    items = np.arange(len(options.pipeline.items) - options.held_out, len(options.pipeline.items))
    played = await live.run(Proposal(configurations=np.array([choice]), items=items, why="held out"))
    if live.limit is not None:
        return (), "limit"
    return tuple(float(one) for one in played.scores[0] if np.isfinite(one)), status


def _problem(options: AllocateOptions, live: Live) -> Problem:
    """The question, with what configurations cost as far as it was measured."""
    return Problem(
        space=live.space,
        costs=configuration_costs(live.space, live.stage_costs()),
        items=len(options.pipeline.items) - options.held_out,
        budget=options.item_usd,
        max_calls=options.max_calls,
        max_cost=math.inf if options.search_usd is None else options.search_usd,
        epsilon=options.epsilon,
        delta=options.delta,
        seed=options.seed,
    )


def _check_alive(history: History, live: Live) -> None:
    if live.failed and not np.isfinite(history.table.scores).any():
        (stage, model), why = next(iter(live.failed.items()))
        raise CallerMistake(
            f"no configuration could be run: model {model!r} failed in stage {stage!r} ({why})",
            "see `parcae doctor`, or name other models",
        )


def _check_prices(models: Mapping[str, Model], options: AllocateOptions) -> None:
    unknown = [name for name, model in models.items() if model.card.price is None]
    if unknown and (options.search_usd is not None or math.isfinite(options.item_usd)):
        raise CallerMistake(
            f"no price is known for {', '.join(unknown)}, so a budget in dollars cannot hold",
            "name prices in a catalog file (the setting `catalog`), or search with --budget inf --max-calls N",
        )


async def _begin(options: AllocateOptions, world: World, run: str, *, resume: bool) -> None:
    told = options.pipeline.described()
    kept = {**told, SAID: options.said} if options.said else told
    begun = await world.journal.read(run, [RunStarted], below=False)
    if not begun:
        if resume:
            raise CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")
        task = Task(id=run, kind="allocate", question=options.pipeline.name)
        await world.journal.append(
            [RunStarted(scope=run, command="allocate", task=task, seed=options.seed, options=kept)]
        )
        return
    before = {key: value for key, value in begun[0].event.options.items() if key != SAID}
    changed = [key for key in {**before, **told} if before.get(key) != told.get(key)]
    if changed:
        key = min(changed)
        raise CallerMistake(
            f"the pipeline of run {run!r} has changed in {', '.join(sorted(changed))}: {key} was {before.get(key)}, "
            f"is {told.get(key)}",
            "change it back, or begin a new run (samples that still fit are used again)",
        )


def _notes(options: AllocateOptions, history: History) -> tuple[str, ...]:
    items = len(options.pipeline.items)
    notes = []
    if items < 50:
        notes.append(f"{items} items: a difference under about {1 / math.sqrt(items):.2f} may be chance")
    if history.rounds and not len(history.problem.feasible):
        notes.append("nothing fits the budget")
    return tuple(notes)
