"""Record once, replay for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
from tests.agents.echo import TASK, Thinker, role

from parcae.agents.loop import Agent
from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import Model
from parcae.models.catalog import Catalog
from parcae.models.limits import Rates
from parcae.models.names import parse_name
from parcae.models.open import open_model
from parcae.models.recorded import Exchange, RecordedModel, Recording, key_of
from parcae.models.scripted import ScriptedModel, call, say
from parcae.store.memory import MemoryJournal
from parcae.testing.models import ModelContract, asked, foreign_history
from parcae.testing.workers import scope_in, shown

# a recording of version 1 exactly as it was released: the oldest that we must read
VERSION_ONE = """{"schema": "parcae.recording/1"}
{"key": "%s", "model": "m", "asked": "Where?", "reply": {"parts": [{"content": "In f.", "part_kind": "text"}], \
"kind": "response", "timestamp": "2000-01-01T00:00:00Z"}, "usage": [5, 1, 2]}
"""


class TestRecorded(ModelContract):
    """A model under recording is a model."""

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.file = tmp_path / "recording.jsonl"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Model]:
        lines = cycle([say("In f."), call("read", path="a.py")])
        yield RecordedModel("m", Recording(self.file), live=ScriptedModel("m", lines))


async def test_a_whole_attempt_is_replayed_without_its_model(tmp_path: Path) -> None:
    file, live = tmp_path / "r.jsonl", Thinker()

    async def attempt(model: Model) -> list[object]:
        scope = await scope_in(MemoryJournal())
        return [step async for step in Agent(role()).attempt(TASK, model=model, scope=scope)]

    first = await attempt(RecordedModel("thinker", Recording(file), live=live))
    count = len(live.seen)
    again = await attempt(RecordedModel("thinker", Recording(file), price=live.card.price))
    assert shown(again) == shown(first)  # type: ignore[arg-type]  # steps
    assert len(live.seen) == count > 0


async def test_only_what_a_model_sees_makes_the_key() -> None:
    request = asked(*foreign_history())
    later = [replace(message) for message in asked(*foreign_history()).messages]
    assert key_of("m", request) == key_of("m", replace(request, messages=later, timeout_seconds=1.0))
    others = [
        replace(request, seed=8),
        replace(request, temperature=None),
        replace(request, max_tokens=1),
        replace(request, tools=()),
        replace(request, messages=request.messages[:-1]),
    ]
    assert len({key_of("m", request), key_of("n", request), *(key_of("m", other) for other in others)}) == 7


async def test_a_question_that_was_recorded_twice_is_answered_in_order(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "r.jsonl")
    for text in ("first", "second"):
        reply = await ScriptedModel("m", [say(text)]).reply(asked())
        recording.add(Exchange(key=key_of("m", asked()), model="m", asked="Where?", reply=reply))
    model = RecordedModel("m", Recording(recording.file))
    texts = [(await model.reply(asked())).message.text for _ in range(3)]
    assert texts == ["first", "second", "second"]


async def test_a_missing_recording_shows_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    await RecordedModel("m", Recording(file), live=ScriptedModel("m", [say("ok")])).reply(asked())
    with pytest.raises(CallerMistake, match=r"no reply of m to: .*nearest is of m, to: .*Where\?.*record it again"):
        await RecordedModel("m", Recording(file)).reply(asked(max_tokens=3))
    with pytest.raises(CallerMistake, match="holds no reply") as missing:
        await RecordedModel("m", Recording(tmp_path / "none")).reply(asked())
    assert "nearest" not in str(missing.value)


async def test_the_oldest_recording_is_read(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(VERSION_ONE % key_of("m", asked()))
    reply = await RecordedModel("m", Recording(file)).reply(asked())
    assert reply.message.text == "In f."
    assert (reply.usage.prompt_tokens, reply.usage.cached_tokens, reply.usage.completion_tokens) == (5, 1, 2)


async def test_a_recording_is_a_models_name_that_needs_a_key_only_for_what_is_new(tmp_path: Path) -> None:
    file = tmp_path / "at@home.jsonl"
    name = f"recorded:{file}@openai:gpt-4o-mini"
    with pytest.raises(CallerMistake, match="no key for openai"):
        open_model(name, catalog=Catalog(), env={})
    live = ScriptedModel("openai:gpt-4o-mini", [say("In f.")])
    await RecordedModel("openai:gpt-4o-mini", Recording(file), live=live).reply(asked())
    model = open_model(name, catalog=Catalog(), env={})
    assert (await model.reply(asked())).message.text == "In f."
    assert model.card == replace(Catalog().card("openai:gpt-4o-mini"), name=name)
    with pytest.raises(CallerMistake, match="holds no reply of openai:gpt-4o-mini"):
        await model.reply(asked(max_tokens=3))


async def test_what_is_new_waits_for_the_live_models_limits(tmp_path: Path) -> None:
    live = "openai:m@http://127.0.0.1:9/v1"
    catalog = Catalog(rates={live: Rates(concurrency=2)})
    model = open_model(f"recorded:{tmp_path / 'r.jsonl'}@{live}", catalog=catalog, env={})
    assert isinstance(model, RecordedModel)
    assert model.gate is not None
    assert model.gate.rates == Rates(concurrency=2)


def test_a_recording_that_cannot_be_written_is_refused_before_anything_is_paid_for() -> None:
    with pytest.raises(StoreFailed, match="cannot be written"):
        open_model("recorded:/proc/nowhere/r.jsonl@builtin:small", catalog=Catalog(), env={})


@pytest.mark.parametrize("name", ["recorded:calls.jsonl", "recorded:@openai:gpt-4o", "recorded:calls.jsonl@gpt-4o"])
def test_a_recording_says_whose_replies_it_holds(name: str) -> None:
    with pytest.raises(CallerMistake, match=r"does not say whose replies .* write recorded:FILE@PROVIDER:MODEL"):
        parse_name(name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not json\n", "line 1 .* is no recording"),
        ('{"schema": "parcae.recording/2"}\n', "update Parcae"),
        ('{"schema": "parcae.recording/1"}\n{"key": 1}\n', "line 2 .* is no recording"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(CallerMistake, match=why):
        Recording(tmp_path / "r.jsonl")
