"""Frontiers and allocations that commands left as JSON documents, and the plan behind a point of an allocation."""

from __future__ import annotations

import json
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.plan import Plan, StagePlan, render
from parcae.web.api.told import Document

SHOWN = {"parcae.frontier/1": "frontier", "parcae.allocate/1": "allocation"}
MOST_BYTES = 20_000_000


def documents(folder: Path) -> dict[str, Path]:
    """The files of `folder` that may be shown, by name. What a request names is looked up here and nowhere else."""
    if not folder.is_dir():
        return {}
    found = sorted(folder.glob("*.json"), key=lambda one: -one.stat().st_mtime)
    return {one.stem: one for one in found if one.is_file() and not one.is_symlink()}


def listed(folder: Path) -> Document:
    """What there is, newest first."""
    rows = []
    for name, file in documents(folder).items():
        kind = SHOWN.get(str((_read(file) or {}).get("schema")))
        if kind is not None:
            rows.append({"name": name, "kind": kind, "at": file.stat().st_mtime})
    return {"schema": "parcae.documents/1", "documents": rows}


def document(folder: Path, name: str) -> Document:
    """One of them.

    Raises:
        CallerMistake: there is none of that name.
    """
    file = documents(folder).get(name)
    found = None if file is None else _read(file)
    if found is None or found.get("schema") not in SHOWN:
        raise CallerMistake(f"there is no document {name!r}", "see the list of documents")
    return found


def plan(folder: Path, name: str, point: int) -> str:
    """The plan, as TOML, that a point of an allocation's frontier stands for.

    Raises:
        CallerMistake: there is no such point.
    """
    points = document(folder, name).get("frontier", [])
    if not 0 <= point < len(points):
        raise CallerMistake(f"{name!r} has no point {point}", f"it has {len(points)} points, counted from 0")
    stages = {
        stage: StagePlan(ladder=(chosen["model"],), attempts=chosen["samples"])
        for stage, chosen in points[point]["stages"].items()
    }
    return render(Plan(default=next(reversed(stages.values())), stages=stages))


def _read(file: Path) -> Document | None:
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
