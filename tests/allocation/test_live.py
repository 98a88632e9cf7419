"""The pipeline itself, on scripted models: what is drawn, replayed, paid, refused and resumed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from parcae.allocation.job import AllocateOptions, allocate
from parcae.allocation.pipeline import Item, Pipeline, Stage, checked
from parcae.allocation.result import Result, document, plan_of
from parcae.allocation.samples import Sampled
from parcae.core.errors import CallerMistake, ProviderFailed
from parcae.core.plan import parse, render
from parcae.core.protocols import Model, ModelCard, OnText, Reply, Request
from parcae.core.usage import Price
from parcae.jobs.world import World
from parcae.models.scripted import count, say
from parcae.store.memory import MemoryJournal
from parcae.testing.clock import StillClock
from parcae.tools.sandbox import Sandbox

PRICE = Price(prompt_usd=1.0, completion_usd=2.0, nominal=True)


class Guesser:
    """Right with a chance of its own: a pure function of the seed and the question."""

    def __init__(self, name: str, chance: float, *, price: Price | None = PRICE, broken: bool = False) -> None:
        self.card = ModelCard(name=name, price=price)
        self.chance, self.broken, self.calls = chance, broken, 0

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        self.calls += 1
        if self.broken:
            raise ProviderFailed(f"{self.card.name} is not there")
        lucky = (request.seed or 0) % 1000 < self.chance * 1000
        message = say("right" if lucky else f"wrong {(request.seed or 0) % 7}")
        return Reply(message=message, usage=count(request, message))


def pipeline(items: int = 12, *, models: tuple[str, ...] = ("x:weak", "x:strong")) -> Pipeline:
    first = Stage(name="draft", models=models, samples=(1, 2, 4), prompt="Draft {question}", aggregate="majority")
    last = Stage(name="answer", models=models, samples=(1, 2, 4), prompt="{question} {draft}", inputs=("draft",))
    rows = tuple(Item(id=str(k), fields={"question": f"q{k}"}, gold=("right",)) for k in range(items))
    return checked(Pipeline(name="two stages", stages=(first, last), items=rows))


def no_sandbox() -> Sandbox:
    raise AssertionError("nothing here runs tests")


def opener(*models: Guesser) -> Callable[[str], Model]:
    return lambda name: next(model for model in models if model.card.name == name)


def guessers() -> tuple[Guesser, Guesser]:
    return Guesser("x:weak", 0.3), Guesser("x:strong", 0.8)


async def play(options: AllocateOptions, *models: Guesser, journal: MemoryJournal, resume: bool = False) -> Result:
    world = World(journal=journal, clock=StillClock(), open_model=opener(*models))
    return await allocate(options, world, run="allocate-1", find_sandbox=no_sandbox, resume=resume)


async def test_a_search_finds_the_model_that_is_right_more_often() -> None:
    result = await play(AllocateOptions(pipeline=pipeline(40), max_calls=900), *guessers(), journal=MemoryJournal())
    assert result.best is not None
    assert result.best.stages[1][1] == "x:strong"
    assert result.best.low <= result.best.score <= result.best.high
    assert result.calls <= 900


async def test_a_resumed_search_pays_nothing_twice() -> None:
    journal, models = MemoryJournal(), guessers()
    options = AllocateOptions(pipeline=pipeline(), max_calls=300)
    first = await play(options, *models, journal=journal)
    calls = sum(model.calls for model in models)
    again = await play(options, *models, journal=journal, resume=True)
    assert sum(model.calls for model in models) == calls == first.calls
    assert again == first


@pytest.mark.parametrize("within", [{}, {"max_calls": 200}, {"search_usd": None}])
async def test_a_search_that_was_cut_off_ends_like_one_that_was_not(within: dict[str, float | None]) -> None:
    class Killed(Exception):
        pass

    options = AllocateOptions(pipeline=pipeline(), **within)  # type: ignore[arg-type]  # limits by name
    whole = await play(options, *guessers(), journal=MemoryJournal())
    journal, models = MemoryJournal(), guessers()
    reply = models[0].reply

    async def dies(request: Request, on_text: OnText | None = None) -> Reply:
        if models[0].calls == 20:
            raise Killed
        return await reply(request, on_text)

    models[0].reply = dies  # type: ignore[method-assign]  # the moment of the crash
    with pytest.raises(Killed):
        await play(options, *models, journal=journal)
    before = len(await journal.read("allocate-1", [Sampled]))
    resumed = await play(options, *guessers(), journal=journal, resume=True)
    assert before > 0
    assert resumed.spent_usd >= whole.spent_usd  # the call that was under way counts at its worst
    assert replace(resumed, spent_usd=whole.spent_usd) == whole


async def test_prices_may_change_without_a_call() -> None:
    journal, models = MemoryJournal(), guessers()
    options = AllocateOptions(pipeline=pipeline(), search_usd=None)
    first = await play(options, *models, journal=journal)
    dearer = replace(PRICE, completion_usd=200.0)
    new = (Guesser("x:weak", 0.3, price=dearer), Guesser("x:strong", 0.8, price=dearer))
    again = await play(options, *new, journal=journal, resume=True)
    assert sum(model.calls for model in new) == 0
    assert first.best is not None
    assert again.best is not None
    assert (again.best.cost or 0) > (first.best.cost or 0)


async def test_the_budget_of_the_search_is_hard_and_what_was_found_is_shown() -> None:
    result = await play(AllocateOptions(pipeline=pipeline(), search_usd=0.12), *guessers(), journal=MemoryJournal())
    assert result.spent_usd <= 0.12
    assert result.status in ("limit", "done")
    assert result.best is not None


async def test_what_was_scored_before_the_money_ran_out_is_a_result_and_more_money_goes_on() -> None:
    journal, models = MemoryJournal(), guessers()
    brief = pipeline()
    brief = replace(brief, stages=tuple(replace(stage, max_tokens=20) for stage in brief.stages))
    options = AllocateOptions(pipeline=brief, search_usd=0.003, strategy="exhaustive")
    short = await play(options, *models, journal=journal)
    assert short.status == "limit"
    assert short.best is not None
    assert short.calls == sum(model.calls for model in models) > 0
    more = await play(replace(options, search_usd=None), *models, journal=journal, resume=True)
    assert more.status == "done"
    keys = [one.event.key for one in await journal.read("allocate-1", [Sampled])]
    assert len(keys) == len(set(keys)) == more.calls == sum(model.calls for model in models)


async def test_a_model_whose_provider_fails_is_dropped_and_named() -> None:
    broken = Guesser("x:strong", 0.8, broken=True)
    result = await play(AllocateOptions(pipeline=pipeline()), Guesser("x:weak", 0.3), broken, journal=MemoryJournal())
    assert {(stage, model) for stage, model, _ in result.dropped} >= {("draft", "x:strong")}
    assert result.best is not None
    assert all(model == "x:weak" for _, model, _ in result.best.stages)


async def test_a_budget_that_nothing_fits_names_the_cheapest() -> None:
    options = AllocateOptions(pipeline=pipeline(), item_usd=1e-9)
    with pytest.raises(CallerMistake, match="the cheapest, draft: x:weak x1"):
        await play(options, *guessers(), journal=MemoryJournal())


async def test_unknown_prices_are_refused_under_a_dollar_budget() -> None:
    models = Guesser("x:weak", 0.3, price=None), Guesser("x:strong", 0.8)
    with pytest.raises(CallerMistake, match="no price is known for x:weak"):
        await play(AllocateOptions(pipeline=pipeline()), *models, journal=MemoryJournal())


async def test_a_changed_pipeline_is_not_resumed() -> None:
    journal = MemoryJournal()
    await play(AllocateOptions(pipeline=pipeline()), *guessers(), journal=journal)
    changed = pipeline()
    stages = (replace(changed.stages[0], prompt="Other {question}"), changed.stages[1])
    with pytest.raises(CallerMistake, match=r"changed in draft\.prompt"):
        await play(AllocateOptions(pipeline=replace(changed, stages=stages)), *guessers(), journal=journal, resume=True)


@pytest.mark.parametrize("metric", ["math:nan", "tests.allocation.test_live:raises", "tests.allocation.test_live:two"])
async def test_a_metric_that_gives_no_score_is_named(metric: str) -> None:
    options = AllocateOptions(pipeline=replace(pipeline(), metric=metric))
    with pytest.raises(CallerMistake, match="metric"):
        await play(options, *guessers(), journal=MemoryJournal())


def raises(item: Item, output: str) -> float:
    raise ZeroDivisionError("no")


def two(item: Item, output: str) -> float:
    return 2.0


async def test_fusion_is_a_call_of_its_own_and_is_drawn_once() -> None:
    models = guessers()
    fused = pipeline(3)
    stages = (replace(fused.stages[0], aggregate="fusion"), fused.stages[1])
    options = AllocateOptions(pipeline=replace(fused, stages=stages), strategy="exhaustive")
    journal = MemoryJournal()
    await play(options, *models, journal=journal)
    fusions = [one.event for one in await journal.read("allocate-1", [Sampled]) if one.event.stage == "draft+fusion"]
    assert len(fusions) == len({one.key for one in fusions})
    assert 3 <= len(fusions) <= 3 * 2 * 2


async def test_the_document_and_the_plan_say_the_same() -> None:
    here = pipeline()
    result = await play(AllocateOptions(pipeline=here), *guessers(), journal=MemoryJournal())
    assert result.best is not None
    told = json.loads(json.dumps(document(result)))
    assert told["schema"] == "parcae.allocate/1"
    import tomllib

    plan = parse(tomllib.loads(render(plan_of(here, result.best))))
    for name, stage in told["best"]["stages"].items():
        assert plan.stage(name).ladder == (stage["model"],)
        assert plan.stage(name).attempts == stage["samples"]


async def test_the_result_says_what_the_choice_owes_to_each_insight() -> None:
    result = await play(AllocateOptions(pipeline=pipeline(40), max_calls=900), *guessers(), journal=MemoryJournal())
    by_insight = {one.insight: one for one in result.contributions}
    assert set(by_insight) == {1, 2, 3}
    assert by_insight[1].score >= -1e-9 and "one model" in by_insight[1].without
    assert (by_insight[2].cost or 0.0) <= 0  # a plateau saves, it does not cost
    assert document(result)["contributions"][0]["insight"] == 1  # type: ignore[index, call-overload]  # plain JSON


async def test_the_document_fits_its_published_schema() -> None:
    import jsonschema

    result = await play(AllocateOptions(pipeline=pipeline()), *guessers(), journal=MemoryJournal())
    schema = json.loads((Path(__file__).parents[2] / "docs/schemas/allocate-1.json").read_text(encoding="utf-8"))
    jsonschema.validate(document(result), schema)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"models": ()}, "has no models"),
        ({"inputs": ("answer",)}, "read each other in a circle"),
        ({"inputs": ("nowhere",)}, "which is no stage"),
        ({"kind": "dream"}, "unknown kind"),
        ({"aggregate": "best"}, "of no verifier"),
        ({"prompt": ""}, "has no prompt"),
    ],
)
def test_a_wrong_stage_is_named_with_the_cure(change: dict[str, object], says: str) -> None:
    good = pipeline()
    wrong = replace(good.stages[0], **change)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(CallerMistake, match=says):
        checked(replace(good, stages=(wrong, good.stages[1])))


def test_one_item_is_too_few() -> None:
    with pytest.raises(CallerMistake, match="too few"):
        checked(replace(pipeline(), items=pipeline().items[:1]))


async def test_stopping_winds_up_between_rounds() -> None:
    world = World(journal=MemoryJournal(), clock=StillClock(), open_model=opener(*guessers()), stop=asyncio.Event())
    world.stop.set()
    result = await allocate(AllocateOptions(pipeline=pipeline()), world, run="allocate-2", find_sandbox=no_sandbox)
    assert result.status == "cancelled"
    assert result.best is None


class Adviser:
    """Proposes the same two trials for every question; the names are as sloppy as a language model's."""

    def __init__(self) -> None:
        self.card = ModelCard(name="x:adviser", price=PRICE)
        self.calls = 0

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        self.calls += 1
        trials = [{"draft": ["WEAK", 1], "answer": ["strong", n]} for n in (self.calls, 4)]
        message = say("Here: " + json.dumps({"guideline": "the last stage needs the strong one", "trials": trials}))
        return Reply(message=message, usage=count(request, message))


async def test_agenttts_takes_any_model_and_a_search_that_goes_on_does_not_ask_it_again() -> None:
    journal, adviser, models = MemoryJournal(), Adviser(), guessers()
    known = {model.card.name: model for model in (*models, adviser)}
    world = World(journal=journal, clock=StillClock(), open_model=lambda name: known[name])
    options = AllocateOptions(pipeline=pipeline(), strategy="agenttts", agent="x:adviser")
    first = await allocate(options, world, run="allocate-1", find_sandbox=no_sandbox)
    asked, drawn = adviser.calls, sum(model.calls for model in models)
    again = await allocate(options, world, run="allocate-1", find_sandbox=no_sandbox, resume=True)
    assert first.best is not None
    assert first.best.stages[1][1] == "x:strong"
    assert any("the last stage needs the strong one" in why for why in first.decisions)
    assert asked > 0
    assert (adviser.calls, sum(model.calls for model in models)) == (asked, drawn)
    assert again.spent_usd == pytest.approx(first.spent_usd)
    assert again.best == first.best


@pytest.mark.parametrize("strategy", ["race", "exhaustive", "random", "rules"])
@pytest.mark.parametrize("most", [1, 7, 50])
async def test_no_strategy_draws_one_sample_more_than_the_search_may(strategy: str, most: int) -> None:
    journal, models = MemoryJournal(), guessers()
    options = AllocateOptions(pipeline=pipeline(), strategy=strategy, max_calls=most)
    result = await play(options, *models, journal=journal)
    assert result.calls == sum(model.calls for model in models) <= most
    again = await play(replace(options, max_calls=most + 9), *models, journal=journal, resume=True)
    assert again.calls <= sum(model.calls for model in models) <= most + 9  # a longer search need not use all it drew


async def test_what_the_limit_on_samples_cut_off_is_said_and_scored_as_far_as_it_went() -> None:
    options = AllocateOptions(pipeline=pipeline(40), strategy="exhaustive", max_calls=300)
    result = await play(options, *guessers(), journal=MemoryJournal())
    assert (result.status, result.calls) == ("limit", 300)
    assert result.best is not None


async def test_agenttts_without_a_model_says_what_to_name() -> None:
    with pytest.raises(CallerMistake, match="--agent"):
        options = AllocateOptions(pipeline=pipeline(), strategy="agenttts")
        await play(options, *guessers(), journal=MemoryJournal())


async def test_the_choice_is_scored_on_items_that_the_search_never_saw() -> None:
    options = AllocateOptions(pipeline=pipeline(40), held_out=15, max_calls=900)
    result = await play(options, *guessers(), journal=MemoryJournal())
    assert result.held_out is not None
    assert result.held_out.items == 15
    assert result.held_out.low <= result.held_out.score <= result.held_out.high
    assert result.best is not None
    assert result.best.items <= 25


async def test_holding_all_items_out_leaves_too_few() -> None:
    with pytest.raises(CallerMistake, match="too few are left"):
        await play(AllocateOptions(pipeline=pipeline(12), held_out=11), *guessers(), journal=MemoryJournal())


async def test_a_stage_is_scored_by_its_own_metric_against_its_own_gold() -> None:
    plain = pipeline(12)
    stages = (replace(plain.stages[0], metric="exact"), plain.stages[1])
    items = tuple(replace(item, fields={**item.fields, "gold_draft": "never said"}) for item in plain.items)
    judged = replace(plain, stages=stages)
    against_items = replace(judged, items=items)
    found = await play(AllocateOptions(pipeline=judged), *guessers(), journal=MemoryJournal())
    assert dict(found.stage_scores)["draft"] > 0
    found = await play(AllocateOptions(pipeline=against_items), *guessers(), journal=MemoryJournal())
    assert dict(found.stage_scores) == {"draft": 0.0}
    assert document(found)["stage_scores"] == [{"stage": "draft", "score": 0.0}]
