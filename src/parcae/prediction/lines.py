"""Files of JSON lines: a line that cannot be used is named by its number, or left out if the user says so.

Knows nothing of what a row means: whoever does gives the function that reads one.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from parcae.core.errors import CallerMistake

T = TypeVar("T")
Row = dict[str, Any]
CURE = "mend or remove the line, or leave such lines out: --skip-broken"


def json_lines(file: Path, *, broken: list[str] | None = None) -> Iterator[tuple[int, Row]]:
    """(line number, object) of each line of `file`, packed by gzip or not.

    With a list for them, broken lines are named there and left out.

    Raises:
        CallerMistake: the file cannot be read, or a line is no JSON object.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    yield number, _object(line)
                except ValueError as error:
                    leave_out(file, number, str(error), broken)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} cannot be read: {error}", "name a file of recorded runs") from None


def read_row(parse: Callable[[Row], T], row: Row, file: Path, line: int, broken: list[str] | None) -> T | None:
    """What `parse` makes of `row`; None if the row is not as it should be and such lines are left out.

    Raises:
        CallerMistake: it is not, and they are not.
    """
    try:
        return parse(row)
    except CallerMistake as error:
        leave_out(file, line, error.what, broken)
    except KeyError as error:
        leave_out(file, line, f"no {error}", broken)
    except (TypeError, ValueError, AttributeError, IndexError) as error:  # a value is of another type than it should be
        leave_out(file, line, f"not as recorded runs are: {error}", broken)
    return None


def leave_out(file: Path, line: int, why: str, broken: list[str] | None) -> None:
    """Name the line in `broken`.

    Raises:
        CallerMistake: there is no such list: nothing is to be left out.
    """
    if broken is None:
        raise CallerMistake(f"{file.name}, line {line}: {why}", CURE) from None
    broken.append(f"{file.name}, line {line}")


def left_out(broken: list[str]) -> tuple[str, ...]:
    """A sentence on the lines that were left out, if any were."""
    if not broken:
        return ()
    lines = "1 broken line was" if len(broken) == 1 else f"{len(broken)} broken lines were"
    more = f" and {len(broken) - 10} more" if len(broken) > 10 else ""
    return (f"{lines} left out: {'; '.join(broken[:10])}{more}",)


def _object(line: str) -> Row:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    return row
