"""A swap in the middle of a live run, from one provider's wire format to another's, over real HTTP."""

from __future__ import annotations

import itertools
import json

import pytest
from tests.agents.echo import FINAL, TASK, role
from tests.sampling.test_group import Impatient

from parcae.agents.loop import Agent
from parcae.core.protocols import Model
from parcae.core.scope import Scope
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.models.catalog import Catalog
from parcae.models.open import open_model
from parcae.models.provider import ProviderModel
from parcae.models.scripted import call, say, together
from parcae.prediction.rule import RuleForecaster
from parcae.sampling.group import Group
from parcae.store.memory import MemoryJournal
from parcae.store.replay import rebuild
from parcae.testing.clock import StillClock
from parcae.testing.servers import Received, serving

pytestmark = pytest.mark.loopback
NAMES = {
    "openai": ("openai:gpt-4o-mini", "/v1"),
    "anthropic": ("anthropic:claude-sonnet-5", ""),
    "google": ("google:gemini-2.5-flash", ""),
}
BEGINNING = [
    together(say("First I look."), call("look_up", word="bb"), call("look_up", word="ccc")),
    together(call("look_up", wrod="misspelt"), call("erase everything")),
]
ENDING = [call("look_up", word="dddd"), say("I know it now."), say("dddd")]


def opened(provider: str, url: str) -> ProviderModel:
    name, path = NAMES[provider]
    env = {f"{provider.upper()}_API_KEY": "key", f"{provider.upper()}_BASE_URL": f"{url}{path}"}
    model = open_model(name, catalog=Catalog(), env=env)
    assert isinstance(model, ProviderModel)
    return model


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(NAMES, 2)])
async def test_the_target_receives_the_whole_valid_conversation_and_the_run_ends(source: str, target: str) -> None:
    journal = MemoryJournal()
    account = open_account("run", Limits(usd=5.0), journal)
    scope = Scope(id="run", account=account, journal=journal, clock=StillClock(), seed=1)
    async with serving(BEGINNING) as cheap_server, serving(ENDING) as strong_server:
        cheap, strong = opened(source, cheap_server.url), opened(target, strong_server.url)
        ladder: tuple[Model, ...] = (cheap, strong)
        group = Group(
            worker=Agent(role()), ladder=ladder, attempts=1, policy=Impatient(k=3), forecaster=RuleForecaster()
        )
        steps = [step async for step in group.attempt(TASK, model=cheap, scope=scope)]
        await cheap.close()
        await strong.close()
    assert steps[-1].ending is not None
    assert steps[-1].ending.answer == ("dddd",)
    assert cheap_server.complaints == strong_server.complaints == []
    attempt = await rebuild(journal, "run/attempt-1", TASK.id)
    by = [step.model for step in attempt.steps]
    assert by == ["harness", cheap.card.name, cheap.card.name, *[strong.card.name] * 3]
    assert len(cheap_server.requests) == 2
    assert len(strong_server.requests) == 3
    first = said(strong_server.requests[0])
    for text in ("Which word is the longest?", "First I look.", "a: 1", "bb: 2", "ccc: 3", "wrod", "erase"):
        assert text in first, text
    assert FINAL in said(strong_server.requests[-1])


def said(request: Received) -> str:
    """Everything in a request, whatever its format."""
    return json.dumps(request.body, ensure_ascii=False)
