from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from parcae.gateway.identity import Identities, Message


def user(text: str) -> Message:
    return Message(content=f"user {text}".encode())


def model(text: str, *call_ids: str) -> Message:
    return Message(content=f"assistant {text} {call_ids}".encode(), from_model=True, call_ids=call_ids)


def result(text: str, call_id: str) -> Message:
    return Message(content=f"tool {text} {call_id}".encode(), call_ids=(call_id,))


class Agent:
    """A client that knows who it is, so that the test can tell whether the gateway does."""

    def __init__(self, number: int, opening: str) -> None:
        self.number, self.turn, self.history = number, 0, [user(opening)]

    def ask(self, identities: Identities, reply: str) -> tuple[str, int, str]:
        placed = identities.place(self.history)
        call_id = f"call-{self.number}-{self.turn}"
        self.turn += 1
        answer = model(reply, call_id)
        identities.served(placed.run, answer)
        self.history += [answer, result("ok", call_id)]
        return placed.run, placed.step, placed.evidence


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_interleaved_runs_are_never_mixed_and_no_step_is_counted_twice(data: st.DataObject) -> None:
    openings = data.draw(st.lists(st.sampled_from(["fix a", "fix b"]), min_size=2, max_size=6))
    agents = [Agent(number, opening) for number, opening in enumerate(openings)]
    identities = Identities()
    order = data.draw(st.lists(st.sampled_from(range(len(agents))), max_size=40))
    seen: dict[int, list[tuple[str, int]]] = {}
    for number in order:
        run, step, _ = agents[number].ask(identities, data.draw(st.sampled_from(["look", "read"])))
        seen.setdefault(number, []).append((run, step))
    names = [{run for run, _ in steps} for steps in seen.values()]
    assert all(len(own) == 1 for own in names)
    assert len(set().union(*names)) == len(names) if names else True
    assert all([step for _, step in steps] == list(range(len(steps))) for steps in seen.values())


def test_the_same_request_again_is_a_retry_of_the_same_step() -> None:
    identities, agent = Identities(), Agent(0, "fix")
    first, _, _ = agent.ask(identities, "look")
    placed = identities.place(agent.history)
    again = identities.place(agent.history)
    assert (placed.run, again.run, again.step, again.evidence) == (first, first, placed.step, "retry")


def test_a_request_that_extends_an_earlier_prefix_is_a_new_attempt_forked_there() -> None:
    identities, agent = Identities(), Agent(0, "fix")
    first, _, _ = agent.ask(identities, "look")
    earlier = list(agent.history)
    agent.ask(identities, "read")
    agent.ask(identities, "read more")
    placed = identities.place([*earlier[:-1], result("another answer", "call-0-0")])
    assert (placed.evidence, placed.forked_from, placed.step) == ("forked", first, 1)
    assert placed.run != first


def test_a_run_that_compacts_its_history_is_followed_by_the_call_ids_that_it_keeps() -> None:
    identities, agent = Identities(), Agent(0, "fix")
    for reply in ("look", "read", "think"):
        run, step, _ = agent.ask(identities, reply)
    compacted = [user("fix"), user("summary of what was done"), *agent.history[-2:]]
    placed = identities.place(compacted)
    assert (placed.run, placed.step, placed.evidence) == (run, step + 1, "edited")


def test_what_fits_two_runs_is_ambiguous_and_opens_a_run_of_its_own() -> None:
    identities = Identities()
    runs = []
    for _ in range(2):
        placed = identities.place([user("fix")])
        identities.served(placed.run, model("the same words, no call"))
        runs.append(placed.run)
    placed = identities.place([user("fix"), model("the same words, no call"), user("go on")])
    assert placed.evidence == "ambiguous" and not placed.sure and placed.run not in runs
    assert identities.ambiguous == 1


def test_what_still_fits_several_runs_goes_on_in_the_run_that_it_opened() -> None:
    identities, history, runs = Identities(), [user("fix")], list[str]()
    for _ in range(2):
        placed = identities.place(history)
        identities.served(placed.run, model("look"))
    for step in range(1, 5):
        history = [*history, model("look"), user("go on")]
        for _ in range(2):  # two agents that do the same at the same time
            placed = identities.place(history)
            identities.served(placed.run, model("look"))
            assert (placed.evidence, placed.step) == ("ambiguous", step)
            runs.append(placed.run)
    assert len(set(runs)) == 2 and set(runs[2:]) < set(runs[:2])


def test_what_the_client_says_is_believed() -> None:
    identities = Identities()
    first = identities.place([user("fix")], run="mine", task="bug-7")
    identities.served("mine", model("look"))
    second = identities.place([user("something else entirely")], run="mine")
    assert (first.run, first.task, second.run, second.task, second.step) == ("mine", "bug-7", "mine", "bug-7", 1)


def test_attempts_at_one_task_share_it() -> None:
    identities = Identities()
    first, second = identities.place([user("fix")]), identities.place([user("fix")])
    other = identities.place([user("build")])
    assert first.task == second.task != other.task
    assert (first.evidence, second.evidence) == ("new", "same_opening")


@given(st.lists(st.sampled_from(range(4)), max_size=25))
@settings(deadline=None)
def test_a_forgotten_run_leaves_nothing_behind(order: list[int]) -> None:
    identities, agents = Identities(), [Agent(number, "fix") for number in range(4)]
    runs = {agents[number].ask(identities, "look")[0] for number in order}
    for run in runs:
        identities.forget(run)
    assert len(identities) == 0
    assert not (identities._served or identities._asked or identities._call_ids)
