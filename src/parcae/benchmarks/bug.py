"""A known fault: a small repository with one failing test, and the function that is to blame. Values and their file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from parcae.core.errors import CallerMistake

SCHEMA = "parcae.bug/1"
FILE = "bug.json"
REPO = "repo"
HELD_BACK = "held_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """What is known of a bug. It lies beside the repository, never in it.

    `culprit` is the broken function as `parcae locate` names it. `test` is the failing node id. `before` is what stood
    at `line` of `file` where `after` stands now. `covered_functions` and `covered_modules` count what the test
    executes. `direct`: the test itself calls the culprit. `held_back`: a test file that no agent sees; "" if none.
    """

    name: str
    culprit: str
    file: str
    line: int
    test: str
    operator: str
    before: str
    after: str
    covered_functions: int
    covered_modules: int
    direct: bool
    source: str
    held_back: str = ""


def write_bug(bug: Bug, folder: Path) -> None:
    """Put what is known into `folder`."""
    document = {"schema": SCHEMA, **asdict(bug)}
    (folder / FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_bug(folder: Path) -> Bug:
    """The bug in `folder`.

    Raises:
        CallerMistake: there is none, or it is of another version.
    """
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CallerMistake(f"{folder / FILE} cannot be read: {error}", "build bugs with `parcae bugs build`") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise CallerMistake(f"{folder / FILE} is not of the format {SCHEMA}", "build the bugs again")
    names = {field.name for field in fields(Bug)}
    return Bug(**{name: value for name, value in document.items() if name in names})


def find_bugs(folder: Path) -> Sequence[Path]:
    """The folders of bugs below `folder`, in order of name.

    Raises:
        CallerMistake: there are none.
    """
    found = sorted(file.parent for file in folder.glob(f"*/{FILE}"))
    if not found:
        raise CallerMistake(f"there are no bugs in {folder}", f"make some: parcae bugs build --count 50 {folder}")
    return found
