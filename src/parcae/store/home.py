"""Where runs are kept: the folder named, else `.parcae/` of the project, else the platform's data folder."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from parcae.core.errors import StoreFailed

FOLDER = ".parcae"
JOURNAL = "journal.sqlite"
DOCUMENTS = "documents"  # what commands found, as JSON, for the dashboard


def home(named: str | None, project: Path | None = None) -> Path:
    """The folder, made with mode 0700 if it is new. `.parcae/` of `project` counts only if it is there already.

    Raises:
        StoreFailed: it cannot be made.
    """
    folder = find(named, project)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreFailed(f"{folder} cannot be made: {error.strerror}", "name another --home") from error
    return folder


def find(named: str | None, project: Path | None = None) -> Path:
    """The folder that `home` would make; it need not be there."""
    return Path(named).expanduser() if named else _found(project)


def journal_path(named: str | None, project: Path | None = None) -> Path:
    """The journal file of that home."""
    return home(named, project) / JOURNAL


def _found(project: Path | None) -> Path:
    own = (project or Path.cwd()) / FOLDER
    return own if own.is_dir() else Path(platformdirs.user_data_dir("parcae", appauthor=False))
