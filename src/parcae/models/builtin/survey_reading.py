"""What a survey's employee can read in a conversation: its dossier, and files that came in pages.

Knows nothing of what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from parcae.core.protocols import JsonValue
from parcae.models.builtin.skill import Call
from parcae.models.builtin.talk import Exchange, Talk

_HEAD = re.compile(
    r"^(?P<path>.+), version (?P<version>[0-9a-f]+), "
    r"lines (?P<first>\d+)-(?P<last>\d+) of (?P<total>\d+)(?:; read on .*)?$"
)
_EMPTY = re.compile(r"^(?P<path>.+), version (?P<version>[0-9a-f]+): empty$")
_BINARY = re.compile(r"^(?P<path>.+), version (?P<version>[0-9a-f]+)(?:: binary|, \d+ bytes)")
_CUT = re.compile(r"\n\[cut: \d+ more characters\]$")
PAGE_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as far as it was read; `text` is None until all of it was."""

    path: str
    text: str | None
    version: str = ""
    missing: tuple[Call, ...] = ()
    unreadable: bool = False


def file_of(talk: Talk, path: str) -> File:
    """What the conversation holds of the file `path`, and the calls that would bring the rest."""
    pages = [one for one in talk.results_of("read_file") if one.arguments.get("path") == path]
    if not pages:
        return File(path=path, text=None, missing=(Call(tool="read_file", arguments={"path": path}),))
    lines: dict[int, str] = {}
    total, version, longest = 0, "", 0
    for page in pages:
        head, _, body = page.result.partition("\n")
        if page.failed or _BINARY.match(head):
            return File(path=path, text="", unreadable=True)
        if (empty := _EMPTY.match(head)) is not None:
            return File(path=path, text="", version=empty["version"])
        found = _HEAD.match(head)
        if found is None:
            return File(path=path, text="", unreadable=True)
        total, version, first = int(found["total"]), found["version"], int(found["first"])
        shown = body.splitlines(keepends=True)[: int(found["last"]) - first + 1]
        longest = max(longest, len(shown))
        lines.update(enumerate(shown, first))
    gaps = [number for number in range(1, total + 1) if number not in lines]
    if gaps:
        return File(path=path, text=None, version=version, missing=_pages(path, gaps, longest))
    return File(path=path, text="".join(lines[number] for number in sorted(lines)), version=version)


def _pages(path: str, gaps: Sequence[int], longest: int) -> tuple[Call, ...]:
    """Calls for the lines that are missing, in pages a little shorter than the longest that fitted."""
    size = max(1, int(longest * PAGE_SHARE))
    calls, start = [], 0
    while start < len(gaps):
        end = start
        while end + 1 < len(gaps) and gaps[end + 1] == gaps[end] + 1 and end - start + 1 < size:
            end += 1
        arguments: dict[str, JsonValue] = {"path": path, "start_line": gaps[start], "lines": end - start + 1}
        calls.append(Call(tool="read_file", arguments=arguments))
        start = end + 1
    return tuple(calls)


@dataclass(frozen=True, slots=True)
class Dossier:
    """The opening of an employee's turn."""

    text: str

    @property
    def name(self) -> str:
        """Who reads it."""
        return self.text.removeprefix("You are ").partition(":")[0]

    @property
    def task(self) -> str:
        """Its task; without any heading the whole text is the task."""
        return self.section("Your task") or self.text

    def section(self, title: str) -> str:
        """What stands under a heading."""
        found = re.search(rf"^# {re.escape(title)}\n(.*?)(?=\n# |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return "" if found is None else found[1].strip()

    @property
    def results(self) -> dict[str, str]:
        """Who waits for a review, and the first file handed in."""
        found = re.findall(
            r"^- (\S+): .*?Files: (\S+?)(?:,|$)", self.section("Results that wait for your review"), re.M
        )
        return dict(found)

    @property
    def people(self) -> dict[str, tuple[str, str]]:
        """Those who report to this one: state and task."""
        rows = re.findall(r"^- (\S+) \(reports to you, (\w+)\): (.*)$", self.section("People you deal with"), re.M)
        return {name: (state, task) for name, state, task in rows}

    @property
    def waiting_hires(self) -> bool:
        """Whether somebody is still to be hired."""
        return "(hire waits:" in self.section("People you deal with")

    @property
    def acts(self) -> str:
        """What was done in earlier turns."""
        return self.section("What you did lately")

    @property
    def letters(self) -> str:
        """What came in."""
        return self.section("Letters")


def listed(exchange: Exchange) -> tuple[list[str], bool]:
    """The paths in a listing, and whether it was cut short."""
    cut = _CUT.search(exchange.result) is not None
    text = _CUT.sub("", exchange.result)
    paths = [line for line in text.splitlines() if line and line != "no files"]
    return (paths[:-1] if cut else paths), cut
