"""Items of public sets, from JSONL files in their published formats. Knows nothing of models or grading.

MBPP (task_id, text or prompt, code, test_list), HumanEval (task_id, prompt, canonical_solution, test, entry_point),
MATH (problem, solution or answer) and GSM8K (question, answer that ends in "#### x").
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from parcae.benchmarks.math_answers import final_answer
from parcae.core.errors import CallerMistake

Kind = Literal["mbpp", "humaneval", "math", "gsm8k"]
KINDS: tuple[str, ...] = get_args(Kind)
_Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task. `tests` and `expected` are for the grader alone: the agent reads `question` and nothing else.

    `tests` None: the answer is text, to be equal to `expected`. Otherwise `expected` is the set's own solution, and
    `functions` are those that the tests call.
    """

    name: str
    question: str
    expected: str
    tests: str | None = None
    functions: tuple[str, ...] = ()


def read_items(kind: Kind, file: Path) -> tuple[Item, ...]:
    """The items in `file`, in their order.

    Raises:
        CallerMistake: a line is no item of this kind, or two have the same name; the line is named.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # not splitlines: a string may hold U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} cannot be read: {error}", "give --items a JSONL file") from None
    items: dict[str, Item] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        item = _item(kind, line, f"{file} line {number}", number)
        if item.name in items:
            raise CallerMistake(
                f"{file} line {number}: a second item {item.name!r}", "give each item a name of its own"
            )
        items[item.name] = item
    if not items:
        raise CallerMistake(f"{file} holds no items", "give --items a JSONL file with one item a line")
    return tuple(items.values())


def _item(kind: Kind, line: str, where: str, number: int) -> Item:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CallerMistake(f"{where} is no JSON ({error})", "give one JSON object a line") from None
    if not isinstance(fields, dict):
        raise CallerMistake(f"{where} is no JSON object", "give one JSON object a line")
    named = fields.get("task_id", fields.get("unique_id", number))
    try:
        item = _READERS[kind](fields)
    except KeyError as missing:
        raise CallerMistake(f"{where}: the field {missing} is missing or empty", f"is this file {kind}?") from None
    except (ValueError, RecursionError) as wrong:
        raise CallerMistake(f"{where}: {wrong}", f"is this file {kind}?") from None
    return replace(item, name=re.sub(r"[^A-Za-z0-9_.]+", "_", f"{named}"))


def _mbpp(fields: _Fields) -> Item:
    task = _text(fields, "text") if "text" in fields else _text(fields, "prompt")
    code, listed = _text(fields, "code"), _texts(fields, "test_list")
    setup = [str(fields.get("test_setup_code") or ""), *_texts(fields, "test_imports", needed=False)]
    tests = "\n".join([*setup, *listed, *_texts(fields, "challenge_test_list", needed=False)])
    functions = _functions(tests, code)
    asked = "\n".join(f"def {_signature(code, name)}" for name in functions)
    return Item(name="", question=f"{task}\n\nDefine:\n{asked}", expected=code, tests=tests, functions=functions)


def _humaneval(fields: _Fields) -> Item:
    prompt, entry = _text(fields, "prompt"), _text(fields, "entry_point")
    whole = prompt + _text(fields, "canonical_solution")
    tests = f"{_text(fields, 'test')}\n\ncheck({entry})\n"
    question = f"Complete this program; answer with all of it.\n\n{prompt}"
    return Item(name="", question=question, expected=whole, tests=tests, functions=_functions(tests, whole))


def _math(fields: _Fields) -> Item:
    given = fields["answer"] if fields.get("answer") not in (None, "") else final_answer(_text(fields, "solution"))
    if given is None:
        raise ValueError("the solution has no \\boxed answer")
    return Item(name="", question=_text(fields, "problem"), expected=str(given))


def _gsm8k(fields: _Fields) -> Item:
    _, marked, expected = _text(fields, "answer").rpartition("####")
    if not marked or not expected.strip():
        raise ValueError('the answer does not end in "#### " and a number')
    return Item(name="", question=_text(fields, "question"), expected=expected.strip())


_READERS: Mapping[Kind, Callable[[_Fields], Item]] = {
    "mbpp": _mbpp,
    "humaneval": _humaneval,
    "math": _math,
    "gsm8k": _gsm8k,
}


def _text(fields: _Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise KeyError(name)
    return value


def _texts(fields: _Fields, name: str, *, needed: bool = True) -> Sequence[str]:
    value = fields.get(name)
    if not value and not needed:
        return ()
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise KeyError(name)
    return value


def _functions(tests: str, code: str) -> tuple[str, ...]:
    """The functions that `code` defines at the top and `tests` mention."""
    try:
        known, asked = ast.parse(code), ast.parse(tests)
    except SyntaxError as error:
        raise ValueError(f"its code or tests are no Python ({error})") from None
    used = {one.id for one in ast.walk(asked) if isinstance(one, ast.Name)}
    found = [one.name for one in known.body if isinstance(one, ast.FunctionDef) and one.name in used]
    if not found:
        raise ValueError("its tests call no function that its code defines")
    return tuple(dict.fromkeys(found))


def _signature(code: str, name: str) -> str:
    of = {one.name: one.args for one in ast.parse(code).body if isinstance(one, ast.FunctionDef)}
    return f"{name}({ast.unparse(of[name])})"
