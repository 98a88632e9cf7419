"""Pipelines from TOML files and items from JSONL files. Knows nothing of how they run."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from parcae.allocation.pipeline import Item, Pipeline, Stage, checked, configured
from parcae.core.errors import CallerMistake

VERSION = 1
_TOP = {"version", "name", "metric", "items", "stages"}
_STAGE = set(Stage.__dataclass_fields__) - {"name"}
_LISTS = {"models": str, "inputs": str, "samples": int}
MakeItems = Callable[[str], Sequence[Item]]


def load_pipeline(file: Path, *, models: Sequence[str] = (), make_items: MakeItems | None = None) -> Pipeline:
    """The pipeline in `file`, checked. `models` replace those of every stage.

    `items` names a JSONL file beside it, or is "SCHEME:..." for `make_items`.

    Raises:
        CallerMistake: what is wrong, where, and the cure.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CallerMistake(f"the pipeline {file} cannot be read: {error.strerror}", "name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} is not valid TOML: {error}", "mend it") from None
    _known(document, _TOP, str(file))
    if document.get("version", VERSION) != VERSION:
        raise CallerMistake(f"{file} has version {document['version']!r}, this Parcae reads {VERSION}", "update Parcae")
    stages = document.get("stages", {})
    if not isinstance(stages, dict):
        raise CallerMistake(f"{file}: `stages` must be tables", "write [stages.NAME]")
    told = document.get("items", "")
    if not isinstance(told, str) or not told:
        raise CallerMistake(f"{file} names no `items`", 'write items = "items.jsonl"')
    items = make_items(told) if make_items is not None and ":" in told else read_items(file.parent / told)
    pipeline = Pipeline(
        name=str(document.get("name", file.stem)),
        stages=tuple(_stage(name, body, f"{file}: [stages.{name}]") for name, body in stages.items()),
        items=tuple(items),
        metric=str(document.get("metric", "exact")),
    )
    return checked(configured(pipeline, models))


def read_items(file: Path) -> list[Item]:
    """The items of a JSONL file: {"id": ..., "gold": text or list, and any other fields}.

    Raises:
        CallerMistake: there is no such file, or a row is no item.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerMistake(
            f"the items {file} cannot be read: {error}", "name a JSONL file beside the pipeline"
        ) from None
    items: list[Item] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            items.append(_item(line, f"{file}:{number}", file.parent))
    twice = {one.id for one in items if sum(other.id == one.id for other in items) > 1}
    if twice:
        raise CallerMistake(f"{file}: the id {min(twice)!r} stands there twice", "give every item its own id")
    return items


def _item(line: str, where: str, folder: Path) -> Item:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise CallerMistake(f"{where} is not JSON: {error}", "write one JSON object a line") from None
    if not isinstance(row, dict) or "id" not in row or "gold" not in row:
        raise CallerMistake(f"{where} has no `id` or no `gold`", 'write {"id": "1", "gold": "...", "question": "..."}')
    gold = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
    fields = {str(key): str(value) for key, value in row.items() if key not in ("id", "gold")}
    if "repo" in fields:
        fields["repo"] = str((folder / fields["repo"]).resolve())  # from wherever the search is resumed
    return Item(id=str(row["id"]), fields=MappingProxyType(fields), gold=tuple(str(one) for one in gold))


def _stage(name: str, body: object, where: str) -> Stage:
    if not isinstance(body, dict):
        raise CallerMistake(f"{where} must be a table", "write [stages.NAME]")
    _known(body, _STAGE, where)
    told: dict[str, object] = {}
    for key, value in body.items():
        if key in _LISTS:
            kind = _LISTS[key]
            if not isinstance(value, list) or not all(type(one) is kind for one in value):
                raise CallerMistake(f"{where}: `{key}` must be a list of {kind.__name__}, not {value!r}", "mend it")
            told[key] = tuple(value)
        elif key in ("temperature", "max_tokens", "max_steps"):
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise CallerMistake(f"{where}: `{key}` must be a number of 0 or more, not {value!r}", "mend it")
            told[key] = value
        elif not isinstance(value, str):
            raise CallerMistake(f"{where}: `{key}` must be text, not {value!r}", "mend it")
        else:
            told[key] = value
    return Stage(name=name, **told)  # type: ignore[arg-type]  # names and types were checked above


def _known(table: Mapping[str, object], names: set[str], where: str) -> None:
    for key in table:
        if key not in names:
            raise CallerMistake(f"{where}: unknown key `{key}`", f"known are {', '.join(sorted(names))}")
