from __future__ import annotations

import asyncio
import importlib.util
import os
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import missing
from tests.gateway.serving import serving
from tests.gateway.test_modes import LARGE, SMALL, config, work
from tests.gateway.upstream import Document, chat, turns, upstream

from parcae.core.errors import CallerMistake
from parcae.core.events import Forecasted
from parcae.core.protocols import Forecaster
from parcae.gateway.forecasters import Forecasters
from parcae.prediction.calibrate import no_calibration
from parcae.prediction.card import Card
from parcae.prediction.fitted import Fitted, save
from parcae.prediction.heads import Constant
from parcae.prediction.prefixes import Look
from parcae.prediction.rule import RuleForecaster
from parcae.prediction.sources.journal import KINDS, groups_from
from parcae.prediction.train import train
from parcae.store.sqlite import SqliteJournal


class Named(RuleForecaster):
    def __init__(self, text: str) -> None:
        self.text = text


def load(file: Path) -> Forecaster:
    text = file.read_text(encoding="utf-8")
    if text == "broken":
        raise CallerMistake(f"{file} is no forecaster")
    return Named(text)


def test_a_file_is_taken_up_when_it_appears_and_when_it_changes_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, times = tmp_path / "fitted", iter(range(0, 1000, 2))
    known = Forecasters(file, load, now=lambda: next(times))
    assert isinstance(known.named(None), RuleForecaster) and not isinstance(known.named(None), Named)
    for number, (text, expected) in enumerate([("first", "first"), ("second", "second"), ("broken", "second")]):
        file.write_text(text, encoding="utf-8")
        os.utime(file, ns=(number, number))
        found = known.named(None)
        assert isinstance(found, Named) and found.text == expected
    assert "not taken up" in caplog.text
    assert not isinstance(known.named("rule"), Named)


def test_a_file_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    file = tmp_path / "fitted"
    known = Forecasters(None, load, now=lambda: 0.0)
    assert not isinstance(known.named(str(file)), Named)
    file.write_text("late", encoding="utf-8")
    assert not isinstance(known.named(str(file)), Named)


@pytest.mark.loopback
async def test_a_trained_forecaster_decides_about_the_runs_that_begin_after_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "fitted.npz"

    def steady(path: str, document: Document) -> object:
        """Never the same call twice: nothing that the rule would mind."""
        call = (f"call_{len(up.seen):024d}", "look", f'{{"at": {turns(document)}}}')
        return chat("found it") if document["model"] == "large" or turns(document) > 4 else chat(None, call)

    async with upstream(steady) as up:
        plain = config(up.url, mode="swap")
        plain["models"] = {"thrifty": {"ladder": ["up:small", "up:large"], "policy": "parallel@3", "mode": "swap"}}
        async with serving({**plain, "forecaster": str(file)}) as client:
            before = await work(client)
            save(pessimist(), file)
            client.gateway.forecaster.__self__._looked_at.clear()  # type: ignore[attr-defined]  # a second has passed
            after = await work(client)
    assert before == [SMALL] * 6
    assert after == [SMALL] * 3 + [LARGE]


@pytest.mark.loopback
async def test_what_a_gateway_journalled_trains_the_forecaster_that_it_takes_up(tmp_path: Path) -> None:
    if importlib.util.find_spec("sklearn") is None:
        missing("scikit-learn (the `train` extra)")
    file, tasks = tmp_path / "fitted.npz", 32

    def reply(path: str, document: Document) -> object:
        """Good runs look at something new each time, bad ones at the same."""
        bad = "bad" in str(document["messages"])
        call = (f"call_{len(up.seen):024d}", "look", f'{{"at": {0 if bad else turns(document)}}}')
        return chat("it is there") if turns(document) == 5 else chat(None, call)

    async with upstream(reply) as up, SqliteJournal.open(tmp_path / "journal.db") as journal:
        models = {"thrifty": {"ladder": ["up:small", "up:large"], "policy": "parallel@3"}}
        plain = {**config(up.url, mode="observe"), "models": models, "forecaster": str(file)}
        async with serving(plain, journal=journal) as client:
            for number in range(tasks):
                name = f"{'bad' if number % 2 else 'good'}-{number}"
                named = {"x_parcae_task": name, "x_parcae_run": f"{name}-1", "x_parcae_prompt": "v2"}
                await work(client, opening=name, **named)
                judged = {"run": f"{name}-1", "success": number % 2 == 0}
                assert (await client.post("/v1/outcomes", judged))[0] == 200
            groups = groups_from([entry.event for entry in await journal.read("", KINDS)], agent="gateway")
            assert [(one.task_id, one.failed) for one in groups] == [
                (f"{'bad' if number % 2 else 'good'}-{number}", number % 2 == 1) for number in range(tasks)
            ]
            assert {(one.setup.models, one.setup.prompt) for one in groups} == {(("up:small",), "v2")}
            assert [len(one.attempts[0]) for one in groups] == [6] * tasks
            fitting = partial(train, groups, agent="gateway", kind="logistic", looks=(Look(at=3),))
            save((await asyncio.to_thread(fitting)).fitted, file)
            client.gateway.forecaster.__self__._looked_at.clear()  # type: ignore[attr-defined]  # a second has passed
            for name in ("bad-new", "good-new"):
                await work(client, opening=name, x_parcae_task=name)
            bad, good = (entry.event for entry in (await journal.read("gateway/runs", [Forecasted]))[-2:])
    assert "logistic trained on 32 tasks" in bad.reasons[0]
    assert bad.p_fail > 0.5 > good.p_fail


def pessimist() -> Fitted:
    card = Card(
        kind="majority", agent="gateway", tools=("look",), models=(), data_hash="", seed=1, folds=5, tasks=1,
        examples=1, failure_rate=0.5, looks=(), features=(), low=(), high=(),
    )  # fmt: skip
    return Fitted(card=card, head=Constant(share=0.9), calibration=no_calibration())
