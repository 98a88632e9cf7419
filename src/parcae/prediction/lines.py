"""Files of JSON objects: one that cannot be used is named by its line, or left out if the user says so.

Knows nothing of what a row means: whoever does gives the function that reads one.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from parcae.core.errors import CallerMistake

T = TypeVar("T")
Row = dict[str, Any]
CURE = "mend or remove the line, or leave such lines out: --skip-broken"
BETWEEN = re.compile(r"[\s,\[\]]*")  # what may stand between objects, in lists or one after another
HALF = re.compile(r"\\u[dD][89a-fA-F]")
LONGEST = 200  # so much of an error is told


def json_lines(file: Path, *, broken: list[str] | None = None) -> Iterator[tuple[int, Row]]:
    """(line number, object) of each line of `file`, packed by gzip or not; half characters become U+FFFD.

    With a list for them, broken lines are named there and left out.

    Raises:
        CallerMistake: the file cannot be read, or a line is no JSON object.
    """
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            yield from _each_line(lines, file, broken)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from None


def json_rows(file: Path, *, broken: list[str] | None = None) -> list[tuple[int, Row]]:
    """The same of objects that may stand over several lines, one after another or in a list, as exporters print them.

    Raises:
        CallerMistake: the file cannot be read, or something in it is no JSON object.
    """
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from None
    return list(
        _documents(content, file, broken) if _over_lines(content) else _each_line(io.BytesIO(content), file, broken)
    )


def object_from(text: str) -> Row:
    """The JSON object that `text` is, with U+FFFD for half characters, which cannot be written as UTF-8.

    Raises:
        ValueError, RecursionError: it is none.
    """
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    if not HALF.search(text):
        return row
    whole = json.dumps(row, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    mended: Row = json.loads(whole)
    return mended


def read_row(parse: Callable[[Row], T], row: Row, file: Path, line: int | None, broken: list[str] | None) -> T | None:
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
    except (TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:  # a value of another type
        leave_out(file, line, f"not as recorded runs are: {error}", broken)
    return None


def leave_out(file: Path, line: int | None, why: str, broken: list[str] | None) -> None:
    """Name the line, or without one the file, in `broken`.

    Raises:
        CallerMistake: there is no such list: nothing is to be left out.
    """
    place = file.name if line is None else f"{file.name}, line {line}"
    if broken is None:
        what = "file" if line is None else "line"
        raise CallerMistake(f"{place}: {why[:LONGEST]}", CURE.replace("line", what)) from None
    broken.append(place)


def left_out(broken: list[str], what: str = "line") -> tuple[str, ...]:
    """A sentence on the lines, or on `what` else, that were left out, if any were."""
    if not broken:
        return ()
    count = f"1 broken {what} was" if len(broken) == 1 else f"{len(broken)} broken {what}s were"
    more = f" and {len(broken) - 10} more" if len(broken) > 10 else ""
    return (f"{count} left out: {'; '.join(broken[:10])}{more}",)


def _each_line(lines: Iterable[bytes], file: Path, broken: list[str] | None) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, object_from(line.decode())
        except (ValueError, RecursionError) as error:
            leave_out(file, number, _why(error), broken)


def _over_lines(content: bytes) -> bool:
    """Whether the first line is no object by itself, but begins one, or a list of them."""
    first = next((line for line in io.BytesIO(content) if line.strip()), b"")
    try:
        return not isinstance(json.loads(first.decode()), dict)
    except (ValueError, RecursionError):
        pass
    try:
        text = content.decode()
        json.JSONDecoder().raw_decode(text, _next(text, 0))
    except (ValueError, RecursionError):
        return False
    return True


def _documents(content: bytes, file: Path, broken: list[str] | None) -> Iterator[tuple[int, Row]]:
    text, decoder = content.decode(), json.JSONDecoder()
    place, line = 0, 1
    while (start := _next(text, place)) < len(text):
        line += text.count("\n", place, start)
        try:
            _, place = decoder.raw_decode(text, start)
            yield line, object_from(text[start:place])
        except (ValueError, RecursionError) as error:
            leave_out(file, line, _why(error), broken)
            following = text.find("\n{", start)
            place = len(text) if following < 0 else following
        line += text.count("\n", start, place)


def _next(text: str, place: int) -> int:
    between = BETWEEN.match(text, place)
    assert between is not None  # it matches nothing, too
    return between.end()


def _why(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _unreadable(file: Path, error: Exception) -> CallerMistake:
    return CallerMistake(f"{file} cannot be read: {error}", "name a file of recorded runs")
