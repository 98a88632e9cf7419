"""A copy of a project to run tests in, so that the project itself is never written. Knows nothing of tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from parcae.core.errors import CallerMistake

_LEFT_OUT = {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
_MOST_BYTES = 4 << 30


def copy_project(source: Path, target: Path, *, most_bytes: int = _MOST_BYTES) -> None:
    """Copy files, folders and links (as links) of `source` into the new folder `target`.

    Left out: version control, caches, virtual environments, and what is neither file, folder nor link.

    Raises:
        CallerMistake: it holds more than `most_bytes`, or a file cannot be read.
    """
    target.mkdir()
    copied = 0
    try:
        for path in project_files(source):
            place = target / path.relative_to(source)
            if path.is_symlink():
                place.symlink_to(path.readlink())
            elif path.is_dir():
                place.mkdir()
            elif path.is_file():
                copied += path.stat().st_size
                if copied > most_bytes:
                    raise CallerMistake(
                        f"{source} holds more than {most_bytes >> 20} MiB", "point at the package's own folder"
                    )
                shutil.copy2(path, place)
    except OSError as error:
        raise CallerMistake(f"{source} cannot be copied: {error}", "make its files readable") from None


def project_files(folder: Path) -> Iterator[Path]:
    """Everything below `folder` that belongs to the project, parents first, in order of name."""
    with os.scandir(folder) as entries:
        paths = sorted(Path(entry.path) for entry in entries if entry.name not in _LEFT_OUT)
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            if (path / "pyvenv.cfg").exists():
                continue
            yield path
            yield from project_files(path)
        else:
            yield path
