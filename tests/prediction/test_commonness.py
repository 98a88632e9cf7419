from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.prediction.test_names import groups

from parcae.graphs.known import KnownNames
from parcae.graphs.tally import TaskFacts
from parcae.prediction.commonness import arrays_of, beside, common_from, commonness
from parcae.prediction.fitted import load, save
from parcae.prediction.prefixes import Group, Look
from parcae.prediction.train import train


def with_own_names() -> list[Group]:
    """Every task has a candidate of its own beside the eight that all share."""
    shared = [f"m.C{k}.f" for k in range(8)]
    return [
        replace(one, facts=TaskFacts(candidates=9, known=KnownNames.of(dict.fromkeys([*shared, f"own.{number}"], 1))))
        for number, one in enumerate(groups())
    ]


def test_what_stands_in_a_task_that_is_tested_is_counted_nowhere() -> None:
    some = with_own_names()
    known = {group.task_id for group in some[:40]}
    found = {group.task_id: group.facts.known for group in beside(some, known)}
    for number, group in enumerate(some):
        inside = number < 40
        assert found[group.task_id].others["m.C0.f"] == 40 - inside
        assert found[group.task_id].others[f"own.{number}"] == 0
        assert found[group.task_id].as_suspect(f"own.{number}") == 1
        assert found[group.task_id].as_suspect("m.C0.f") == 9


def test_further_groups_of_a_task_do_not_count_again() -> None:
    some = with_own_names()
    again = [replace(group, extra=True) for group in some]
    tasks = {group.task_id for group in some}
    assert commonness([*some, *again], tasks) == commonness(some, tasks)


@given(st.dictionaries(st.text(), st.integers(1, 99)))
def test_counts_survive_as_arrays(common: dict[str, int]) -> None:
    assert common_from(arrays_of(common)) == common


def test_a_forecaster_brings_along_how_common_names_are(tmp_path: Path) -> None:
    some = with_own_names()
    fitted = train(some, kind="names", looks=[Look()]).fitted
    assert fitted.common["m.C0.f"] == len(some) and fitted.common["own.3"] == 1
    file = tmp_path / "f.npz"
    save(fitted, file)
    assert load(file).common == fitted.common
    (new,) = beside([replace(some[0], task_id="new")], ())
    forgetful = replace(fitted, common={})
    assert load(file).of(new.prefix(Look())).p_fail == pytest.approx(fitted.of(new.prefix(Look())).p_fail)
    watch, blind = fitted.follow(4, new.facts), forgetful.follow(4, new.facts)
    assert watch.tally.facts.known.as_suspect("m.C0.f") == 9 == blind.tally.facts.known.as_suspect("m.C0.f")
    assert watch.tally.facts.known.as_suspect("own.0") == 1 and blind.tally.facts.known.as_suspect("own.0") == 9
