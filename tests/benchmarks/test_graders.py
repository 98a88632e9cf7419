"""Items of the four formats are read and graded; a malicious solution neither leaves the sandbox nor sees the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT, missing

from parcae.benchmarks.graders import Grader, read_answer, same_answer
from parcae.benchmarks.items import KINDS, Item, Kind, read_items
from parcae.core.errors import CallerMistake
from parcae.tools.bubblewrap import bubblewrap, trouble

SHIPPED = ROOT / "examples" / "items"
ITEM = Item(
    name="add",
    question="Add.",
    expected="",
    tests="SECRET = 'swordfish'\nassert add(1, 2) == 3\nassert list(map(add, [1, 2], [3, 4])) == [4, 6]\n",
    functions=("add",),
)


@pytest.fixture
def grader() -> Grader:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    return Grader(sandbox=bubblewrap(), timeout_seconds=3.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_shipped_items_are_solved_by_their_own_solutions_and_hide_their_tests(
    kind: Kind, grader: Grader
) -> None:
    items = read_items(kind, SHIPPED / f"{kind}.jsonl")
    assert len(items) == 12
    for item in items:
        assert (await grader.grade(item, item.expected)).solved, item.name
        assert item.tests is None or not any(line and line in item.question for line in item.tests.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        "def add(a, b):\n    return a - b\n",
        "def add(a, b):\n    raise AssertionError\n",
        "def add(a, b):\n    raise StopIteration\n",
        "import os\nos._exit(0)\n",
        "print('every test passed')\nraise SystemExit(0)\n",
        "class Sly(int):\n    def __eq__(self, other):\n        return True\ndef add(a, b):\n    return Sly(0)\n",
        "class Sly:\n    def __eq__(self, other):\n        return True\ndef add(a, b):\n    return Sly()\n",
        "def add(a, b):\n    while True:\n        pass\n",
        "import time\ntime.sleep(60)\n",
        "def add(a, b):\n    return 'x' * (1 << 25)\n",
        "def add(a, b:\n",
        "(" * 500,
        "\0",
    ],
)
async def test_what_does_not_solve_an_item_is_not_taken_for_a_solution(code: str, grader: Grader) -> None:
    verdict = await grader.grade(ITEM, code)
    assert not verdict.solved
    assert verdict.why
    assert "swordfish" not in verdict.why


@pytest.mark.parametrize(
    "tests",
    [
        "print('swordfish')\nassert False, 'swordfish'\n",
        "import sys\nsys.exit('swordfish')\n",
        "while True:\n    print('swordfish')\n",
        "while True:\n    pass\n",
        "import time\ntime.sleep(60)\n",
    ],
)
async def test_tests_that_hang_or_tell_what_they_know_end_in_a_word_that_tells_nothing(
    tests: str, grader: Grader
) -> None:
    hidden = Item(name="add", question="Add.", expected="", tests=tests, functions=("add",))
    verdict = await grader.grade(hidden, "def add(a, b):\n    return a + b\n")
    assert not verdict.solved
    assert verdict.why and len(verdict.why) < 80
    assert "swordfish" not in verdict.why


SNOOP = """
import gc, glob, os, socket, sys

def seen():
    for place in [*glob.glob('/grading/*'), *glob.glob('/grading/*/*'), *glob.glob('/proc/[0-9]*/cmdline'),
                  *glob.glob('/tmp/**', recursive=True), OUTSIDE]:
        try:
            with open(place, 'rb') as file:
                text = file.read()
        except OSError:
            continue
        if b'sword' + b'fish' in text:
            return 'the tests in ' + place
    if any(isinstance(one, str) and 'sword' + 'fish' in one and len(one) < 500 for one in gc.get_objects()):
        return 'the tests in memory'
    try:
        open(os.path.join(os.path.dirname(OUTSIDE), 'left'), 'w').close()
        return 'a file outside'
    except OSError:
        pass
    try:
        socket.create_connection(('192.0.2.1', 80), 0.2)
        return 'the network'
    except OSError:
        pass

def add(a, b):
    found = seen()
    if found is None:
        return a + b
    raise RuntimeError(found)
"""


async def test_a_solution_sees_no_tests_and_reaches_nothing_outside(grader: Grader, tmp_path: Path) -> None:
    outside = tmp_path / "items.jsonl"
    outside.write_text("swordfish")
    verdict = await grader.grade(ITEM, SNOOP.replace("OUTSIDE", repr(str(outside))))
    assert verdict.solved, "it found something, so it raised"
    assert [one.name for one in tmp_path.iterdir()] == ["items.jsonl"]


def test_code_is_read_from_its_fence_and_answers_are_compared_by_meaning() -> None:
    code = read_answer(ITEM, "Here:\n```python\ndef add(a, b):\n    return a + b\n```\nDone.")
    assert code == ("def add(a, b):\n    return a + b\n",)
    assert read_answer(ITEM, "  ") == ()
    assert same_answer(ITEM, code[0], "def add(a,b): return a+b  # the sum")
    assert not same_answer(ITEM, code[0], "def add(a,b): return b+a")
    text = Item(name="half", question="", expected="1/2")
    assert read_answer(text, r"so \boxed{0.5}") == ("0.5",)
    assert same_answer(text, "0.5", r"\frac12")


@pytest.mark.parametrize(
    ("kind", "line", "said"),
    [
        ("gsm8k", '{"question": "How many?"}', "line 1: the field 'answer' is missing"),
        ("gsm8k", '{"question": "How many?", "answer": "six"}', "does not end in"),
        ("math", '{"problem": "How many?", "solution": "many"}', "no .boxed"),
        ("mbpp", '{"text": "Add.", "code": "def f(): pass", "test_list": ["assert g()"]}', "call no function"),
        ("mbpp", '{"text": "Add.", "code": "def f(:", "test_list": ["assert f()"]}', "no Python"),
        ("humaneval", '{"prompt": "def f(): pass"}', "'entry_point'"),
        ("math", "[1]", "no JSON object"),
        ("math", "{", "no JSON"),
        ("math", "", "holds no items"),
    ],
)
def test_items_that_cannot_be_used_are_named_with_their_line(kind: Kind, line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(line)
    with pytest.raises(CallerMistake, match=said):
        read_items(kind, file)


def test_two_items_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(2 * (json.dumps({"task_id": 1, "question": "?", "answer": "#### 1"}) + "\n"))
    with pytest.raises(CallerMistake, match="a second item '1'"):
        read_items("gsm8k", file)


def test_a_line_ends_at_a_newline_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"question": "One\u2028two?", "answer": "#### 1"}\r\n\r\n{"question": "?", "answer": "#### 2"}')
    assert [item.expected for item in read_items("gsm8k", file)] == ["1", "2"]
