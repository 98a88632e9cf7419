from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import parcae
from parcae.models.builtin.survey import groups
from parcae.models.builtin.survey_check import wrong_in
from parcae.models.builtin.survey_facts import facts_of
from parcae.models.builtin.survey_report import summed

SOURCES = sorted((Path(parcae.__file__).parent / "organization").glob("*.py"))
ODD = '''
"""Doc."""
import os, sys; from re import (
    compile)
def f(x): return 1 if x else 2
class A:
    async def g(self):
        async for one in self.h():
            if one and two or three: return
            print("never", [a for a in b if a if c])
        return
        print("dead")
    h = lambda self: (yield from self.g())
def _unused(): pass
x = f"{1 if y else 2}"
'''


def note(source: str, path: str = "m.py") -> str:
    return json.dumps(facts_of(source).document(path))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_note_agrees_with_a_count_by_tokens(file: Path) -> None:
    source = file.read_text()
    assert wrong_in(note(source), source, "m.py") == []


def test_odd_layouts_are_counted_alike() -> None:
    facts = facts_of(ODD)
    assert wrong_in(note(ODD), ODD, "m.py") == []
    assert [what for _, what in facts.dead] == ["never reached", "_unused is private and never named"]
    assert facts.import_statements == 2


def test_what_is_no_python_is_said_to_be_none() -> None:
    assert "line 1" in facts_of("def (:").error
    assert wrong_in(note("print 'x'"), "print 'x'", "m.py") == []


def test_a_falsified_note_is_seen() -> None:
    """Every way of changing one number, name or line of a note that we can think of, each once a source."""
    rng, seen, made = random.Random(1), 0, 0
    for file in SOURCES:
        source = file.read_text()
        for change in (_moved, _renamed, _dropped, _simplified, _miscounted, _invented):
            told = json.loads(note(source))
            if change(told, rng):
                made += 1
                seen += bool(wrong_in(json.dumps(told), source, "m.py"))
    assert made > 80
    assert seen / made >= 0.95


def _moved(told: dict, rng: random.Random) -> bool:
    if told["definitions"]:
        rng.choice(told["definitions"])[0] += 1
    return bool(told["definitions"])


def _renamed(told: dict, rng: random.Random) -> bool:
    if told["definitions"]:
        rng.choice(told["definitions"])[2] = "made_up"
    return bool(told["definitions"])


def _dropped(told: dict, rng: random.Random) -> bool:
    if told["definitions"]:
        told["definitions"].pop(rng.randrange(len(told["definitions"])))
    return bool(told["definitions"])


def _simplified(told: dict, rng: random.Random) -> bool:
    complex_ones = [one for one in told["definitions"] if one[3] > 1]
    if complex_ones:
        rng.choice(complex_ones)[3] -= 1
    return bool(complex_ones)


def _miscounted(told: dict, rng: random.Random) -> bool:
    told["import_statements"] += rng.choice((-1, 1))
    return True


def _invented(told: dict, rng: random.Random) -> bool:
    told["imports"].append("no_such_module")
    return True


def test_every_module_is_in_exactly_one_group() -> None:
    modules = [f"a{number}.py" for number in range(45)] + [f"pkg/sub/m{number}.py" for number in range(30)] + ["x/y.py"]
    found = groups(modules, "")
    assert sorted(path for _, paths, _ in found for path in paths) == sorted(modules)
    assert [name for name, _, whole in found if whole] == ["pkg"]
    assert all(len(paths) <= 20 for _, paths, whole in found if not whole)
    assert groups([path for path in modules if path.startswith("pkg")], "pkg")[0][0] == "pkg/sub"


def test_a_summary_does_not_depend_on_the_order_of_its_notes() -> None:
    notes = [json.loads(note(file.read_text(), file.name)) for file in SOURCES]
    assert summed(notes).json() == summed(reversed(notes)).json()
