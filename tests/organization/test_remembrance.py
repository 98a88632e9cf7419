"""Employees remember from turn to turn; the builtin models, which read conversations as a whole, are left alone."""

from __future__ import annotations

from parcae.agents.context import Digest, folding
from parcae.agents.conversation import Conversation
from parcae.agents.loop import Agent
from parcae.agents.remembering import Memories, Remembering
from parcae.agents.role import Role
from parcae.core.protocols import ModelCard
from parcae.graphs.embed import HashedSubwords
from parcae.models.scripted import ScriptedModel
from parcae.organization.remembrance import employee_scope, remembering
from parcae.store.memory import MemoryJournal


def test_a_turn_and_an_attempt_in_it_belong_to_the_employee() -> None:
    for scope in ("run/company/boss/ann", "run/company/boss/ann/turn-3", "run/company/boss/ann/turn-3/attempt-1"):
        assert employee_scope(scope) == "run/company/boss/ann"
    assert employee_scope("run/company/turn-key") == "run/company/turn-key"


def test_only_models_with_a_known_window_are_folded_and_remembered() -> None:
    memories = Memories(MemoryJournal(), HashedSubwords())
    worker = Agent(Role(name="r", system="", opening=lambda task, scope: ""))
    known = ScriptedModel("known", [], card=ModelCard(name="known", window_tokens=8000))
    assert remembering(worker, [ScriptedModel("builtin", [])], memories) is worker
    assert isinstance(remembering(worker, [known], memories), Remembering)
    converse = folding(HashedSubwords())
    assert isinstance(converse("s", None), Conversation)
    assert isinstance(converse("s", 8000), Digest)
