"""Laws of identity: whatever agents do to their histories, no two are mixed and no step is counted twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.test_identity import model, result, user

from parcae.gateway.identity import Evidence, Identities, Message

DOES = ("go on", "retry", "edit", "compact", "fork", "fail")
FAITHFUL: set[Evidence] = {"extends", "retry", "edited", "new", "same_opening", "forked", "ambiguous"}


@dataclass
class Agent:
    """A client that knows who it is, so that the test can tell whether the gateway does."""

    number: int
    history: list[Message]
    calls: int = 0
    checkpoints: list[int] = field(default_factory=list)  # lengths of the history before each of its replies

    def ask(self, identities: Identities, told: Told, reply: str, *, answered: bool = True) -> None:
        placed = identities.place(self.history)
        told.note(self.number, placed.run, placed.step, self.history, sure=placed.sure)
        if not answered:
            identities.failed(placed.run)
            return
        self.checkpoints.append(len(self.history))
        call_id = f"call-{self.number:04d}-{self.calls:010d}"
        self.calls += 1
        answer = model(reply, call_id)
        identities.served(placed.run, answer)
        self.history = [*self.history, answer, result("ok", call_id)]


@dataclass
class Told:
    """What the gateway said of each request: by whose agent each run was used, and which steps were counted."""

    owners: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    steps: dict[tuple[str, int], set[tuple[Message, ...]]] = field(default_factory=lambda: defaultdict(set))

    def note(self, number: int, run: str, step: int, history: list[Message], *, sure: bool) -> None:
        if sure:
            self.owners[run].add(number)
            self.steps[run, step].add(tuple(history))


def act(agent: Agent, does: str, identities: Identities, told: Told, reply: str) -> None:
    if does == "retry" and agent.checkpoints:
        whole, agent.history = agent.history, agent.history[: agent.checkpoints[-1]]
        placed = identities.place(agent.history)
        told.note(agent.number, placed.run, placed.step, agent.history, sure=placed.sure)
        answer = model(reply, f"call-{agent.number:04d}-{agent.calls:010d}")
        identities.served(placed.run, answer)
        agent.calls += 1
        agent.history = whole
        return
    if does == "edit" and len(agent.history) > 2:  # tool results before the newest turn are cut, as agents do
        agent.history = [
            result("[cut]", one.call_ids[0])
            if one.call_ids and not one.from_model and index < len(agent.history) - 2
            else one
            for index, one in enumerate(agent.history)
        ]
    elif does == "compact" and len(agent.history) > 4:
        agent.history = [agent.history[0], user(f"summary by {agent.number}"), *agent.history[-2:]]
        agent.checkpoints = []
    agent.ask(identities, told, reply, answered=does != "fail")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_two_agents_share_a_run_whatever_they_do_to_their_histories(data: st.DataObject) -> None:
    openings = data.draw(st.lists(st.sampled_from(["fix a", "fix b"]), min_size=2, max_size=5))
    agents = [Agent(number, [user(opening)]) for number, opening in enumerate(openings)]
    identities, told = Identities(), Told()
    for number, does in data.draw(
        st.lists(st.tuples(st.sampled_from(range(len(agents))), st.sampled_from(DOES[:-1])), max_size=40)
    ):
        agent = agents[number]
        if does == "fork" and len(agent.checkpoints) > 1:
            back = data.draw(st.sampled_from(agent.checkpoints[:-1]))
            branch = Agent(len(agents) + number, [*agent.history[:back], user(f"instead {len(agents)}")])
            branch.number = agent.number  # the same client, in another attempt
            branch.calls = 1000 + agent.calls
            branch.ask(identities, told, "look")
            agent.calls += 1
            continue
        act(agent, does, identities, told, data.draw(st.sampled_from(["look", "read"])))
    assert all(len(owners) == 1 for owners in told.owners.values()), dict(told.owners)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_step_stands_for_one_request_only_however_often_it_is_sent(data: st.DataObject) -> None:
    agent, identities, told = Agent(0, [user("fix")]), Identities(), Told()
    for does in data.draw(st.lists(st.sampled_from(DOES), max_size=30)):
        if does != "fork":
            act(agent, does, identities, told, data.draw(st.sampled_from(["look", "read"])))
    assert all(len(histories) == 1 for histories in told.steps.values())
    assert not any(run for run, owners in told.owners.items() if len(owners) > 1)


@given(st.lists(st.sampled_from(["look", "read"]), max_size=12), st.integers(0, 12))
@settings(deadline=None)
def test_what_the_journal_tells_places_the_next_request_as_if_nothing_had_happened(replies: list[str], at: int) -> None:
    agent, live, revived = Agent(0, [user("fix")]), Identities(), Identities()
    for number, reply in enumerate(replies):
        placed = live.place(agent.history)
        call_id = f"call-{number:014d}"
        answer = model(reply, call_id)
        marks = live.served(placed.run, answer)
        if number < at:
            revived.restore(placed.run, placed.task, placed.step, marks, answer.call_ids, sure=placed.sure)
        if number == at - 1:
            follower = [*agent.history, answer, result("ok", call_id)]
            expected = (placed.run, placed.step + 1, "extends")
            again = revived.place(follower)
            assert (again.run, again.step, again.evidence) == expected
        agent.history = [*agent.history, answer, result("ok", call_id)]
