"""What a conversation about a failing test has shown so far: the failure, the map of the code, and snippets of it."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from parcae.models.builtin.talk import Exchange, Talk

PACKAGES = "get_covered_packages"
CLASSES = "get_failing_tests_covered_classes"
METHODS = "get_failing_tests_covered_methods_for_class"
SNIPPET = "get_code_snippet"

_FRAME = re.compile(r"^(\S+?\.py):(\d+): in (\S+)", re.MULTILINE)
_SIGNATURE = re.compile(r"^([\w.#]+)\((.*)\)(?:  \[.*\])?$")
_PASSING = re.compile(r"\[executed by (\d+) of (\d+) passing tests\]")
_AT_IMPORT = "[executed while importing only]"
_TEST_NAME = re.compile(r"^The failing test (\S+)", re.MULTILINE)
_TAKEN = re.compile(r"^Taken as (.*):$", re.MULTILINE)
_FENCED = re.compile(r"```(?:python)?\n(.*?)\n```", re.DOTALL)
_NUMBERED = re.compile(r"^ *\d+ ([* ])(?: (.*))?$")
_CALLED = re.compile(r"(?<!def )(?<!class )\b([A-Za-z_]\w*)\(")
_ORDINARY = frozenset(dir(builtins)) | {"raises", "approx", "append", "items", "join", "splitlines", "format"}
_TEST_LINE = re.compile(r"^ *\d+  ?", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """The code of one function as a tool showed it. `executed` are lines from 1 on."""

    text: str
    executed: frozenset[int]

    @cached_property
    def tree(self) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Its syntax tree; None if it cannot be read."""
        try:
            body = ast.parse(textwrap.dedent(self.text)).body
        except (SyntaxError, ValueError, RecursionError):
            return None
        found = body[0] if body else None
        return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The map so far. Keys of `signatures` and `snippets` are function names; `frames` go from test to error.

    `passing` says by how many of how many passing tests a function is executed too, where tools told it.
    """

    test: str
    test_source: str
    error: str
    frames: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]
    classes: Mapping[str, str]
    signatures: Mapping[str, str]
    owners: Mapping[str, str]
    snippets: Mapping[str, Snippet] = field(default_factory=dict)
    asked: frozenset[tuple[str, str]] = frozenset()
    passing: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def tested(self) -> str:
        """What the test's file is called after: "Ledger" for tests/test_ledger.py."""
        file = self.test.partition("::")[0].rpartition("/")[2].removesuffix(".py").removeprefix("test_")
        return file.title().replace("_", "")

    @property
    def raised_in(self) -> tuple[str, ...]:
        """The functions of the traceback outside the test, the one that raised first, that nobody has asked for."""
        names = [function for _, function in reversed(self.frames[1:]) if function.isidentifier()]
        read = {name.rpartition(".")[2] for name in self.snippets}
        return tuple(name for name in names if name not in read and (SNIPPET, name) not in self.asked)

    @cached_property
    def mentioned(self) -> Mapping[str, int]:
        """Last names of what the test (0 calls away) and the shown code (1) call, and no tool has listed yet."""
        found = dict.fromkeys(called_in(self.test_source), 0)
        for snippet in self.snippets.values():
            for name in called_in(snippet.text):
                found.setdefault(name, 1)
        listed = {name.rpartition(".")[2] for name in self.signatures}
        return {name: away for name, away in found.items() if name not in listed and (SNIPPET, name) not in self.asked}


def read(talk: Talk) -> Reading:
    """All that `talk` tells."""
    test = _TEST_NAME.search(talk.opening)
    fenced = _FENCED.findall(talk.opening)
    error = fenced[-1] if fenced else talk.opening
    signatures: dict[str, str] = {}
    owners: dict[str, str] = {}
    for exchange in talk.results_of(METHODS):
        for name, signature in _signatures(exchange.result):
            signatures[name] = signature
            owners[name] = exchange.argument
    snippets = dict(_snippets(talk, signatures))
    return Reading(
        test=test[1] if test else "",
        test_source=_TEST_LINE.sub("", fenced[0]) if len(fenced) > 1 else "",
        error=error,
        frames=tuple((file, function) for file, _, function in _FRAME.findall(error)),
        packages=tuple(dict.fromkeys(_lines(talk.results_of(PACKAGES)))),
        classes={
            name: exchange.argument
            for exchange in talk.results_of(CLASSES)
            if not exchange.failed
            for name in exchange.result.splitlines()
            if " " not in name
        },
        signatures=signatures,
        owners=owners,
        snippets=snippets,
        passing=dict(_passing(talk)),
        asked=frozenset((exchange.tool, exchange.argument) for exchange in talk.exchanges),
    )


def called_in(code: str) -> tuple[str, ...]:
    """The last names of what `code` calls, in order, without what every Python has."""
    return tuple(dict.fromkeys(name for name in _CALLED.findall(code) if name not in _ORDINARY))


def _lines(exchanges: tuple[Exchange, ...]) -> Iterator[str]:
    for exchange in exchanges:
        if not exchange.failed:
            yield from filter(None, exchange.result.splitlines())


def _signatures(text: str) -> Iterator[tuple[str, str]]:
    """The functions in a list, but for those that no test executed."""
    for line in text.splitlines():
        found = _SIGNATURE.match(line.strip())
        if found and not line.endswith(_AT_IMPORT):
            yield found[1], line.strip().partition("  [")[0]


def _passing(talk: Talk) -> Iterator[tuple[str, tuple[int, int]]]:
    for exchange in talk.results_of(METHODS):
        for line in exchange.result.splitlines():
            found, signature = _PASSING.search(line), _SIGNATURE.match(line.strip())
            if found and signature:
                yield signature[1], (int(found[1]), int(found[2]))


def _snippets(talk: Talk, signatures: dict[str, str]) -> Iterator[tuple[str, Snippet]]:
    for exchange in talk.results_of(SNIPPET):
        if exchange.failed:
            for name, signature in _signatures(exchange.result):  # "it can mean several": what it can mean is known
                signatures.setdefault(name, signature)
            continue
        signature = taken[1] if (taken := _TAKEN.match(exchange.result)) else exchange.argument
        name = signature.partition("(")[0]
        lines = [found for line in exchange.result.split("\n") if (found := _NUMBERED.match(line))]
        executed = frozenset(number for number, found in enumerate(lines, start=1) if found[1] == "*")
        signatures.setdefault(name, signature)
        yield name, Snippet("\n".join(found[2] or "" for found in lines), executed)
