"""Turns as hypothesis makes them: few tools and arguments, so that attempts meet."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn


def call(tool: str, argument: str | None) -> Call:
    return Call(tool=tool, arguments=json.dumps({} if argument is None else {"name": argument}))


calls = st.builds(call, st.sampled_from(["look", "read", "list"]), st.sampled_from([None, "a.b", "a.c(int)", "x y"]))
turns = st.builds(
    lambda made, chars, errors: Turn(calls=tuple(made), observed_chars=chars, errors=min(errors, len(made))),
    st.lists(calls, max_size=2),
    st.integers(0, 5000),
    st.integers(0, 1),
)
answers = st.lists(st.sampled_from(["a.b", "a.c(int)", "d"]), max_size=3).map(lambda names: Turn(answer=tuple(names)))
attempts = st.tuples(st.lists(turns, max_size=5), st.none() | answers).map(
    lambda both: (*both[0], both[1]) if both[1] is not None else tuple(both[0])
)
groups = st.lists(attempts, min_size=1, max_size=4)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[tuple[Turn, ...]], list[tuple[int, Turn]]]:
    """A group, and its turns in some order in which they may arrive live."""
    group = draw(groups)
    places = [number for number, attempt in enumerate(group) for _ in attempt]
    order = draw(st.permutations(places))
    left = [list(attempt) for attempt in group]
    return group, [(number, left[number].pop(0)) for number in order]
