from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parcae.graphs.features import named_suspects, winner_suspects
from parcae.graphs.known import KnownNames
from parcae.graphs.tally import Tally, TaskFacts
from parcae.graphs.turns import Turn

NAMES = [f"m.C{number}.f" for number in range(8)]
counts = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5))


@given(counts, counts, st.booleans())
def test_suspects_are_those_that_as_many_failing_tests_and_as_few_other_tasks_reach(
    covering: dict[str, int], others: dict[str, int], counted: bool
) -> None:
    common = {name: others.get(name, 0) + (counted and name in covering) for name in NAMES}
    known = KnownNames.of(covering).beside(common, counted=counted)
    for name in NAMES:
        tests, tasks = covering.get(name, 0), others.get(name, 0) if name in covering else 0
        expected = sum(own >= tests and others.get(other, 0) <= tasks for other, own in covering.items())
        assert known.as_suspect(name) == expected <= known.reached_as_much(name)


def test_without_other_tasks_failing_tests_alone_tell() -> None:
    known = KnownNames.of({"a": 2, "b": 1, "c": 1})
    assert [known.as_suspect(name) for name in "abc"] == [known.reached_as_much(name) for name in "abc"] == [1, 3, 3]
    assert KnownNames().beside({"a": 3}).as_suspect("a") == 0


def test_a_name_that_other_tasks_reach_too_is_less_suspect() -> None:
    facts = TaskFacts(known=KnownNames.of({"common": 1, "own": 1, "rare": 1})).beside({"common": 9, "rare": 1})

    def tally(*answers: tuple[str, ...]) -> Tally:
        made = Tally(samples=2, facts=facts)
        for number, answer in enumerate(answers):
            made.add(number, Turn(answer=answer))
        return made

    assert winner_suspects(tally(("own",))) < winner_suspects(tally(("rare",))) < winner_suspects(tally(("common",)))
    mixed = named_suspects(tally(("own",), ("common",)))
    assert winner_suspects(tally(("own",))) < mixed < winner_suspects(tally(("common",)))
    assert named_suspects(tally()) == winner_suspects(tally())
