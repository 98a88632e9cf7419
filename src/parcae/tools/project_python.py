"""Which Python runs a project's tests, and what of the disk it needs to see. Starts nothing.

No interpreter is asked: a project's Python may run the project's code as soon as it starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from parcae.core.errors import CallerMistake

_SPARE = (
    *("coverage", "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"),
    *("exceptiongroup", "tomli"),
)
_SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPython:
    """An interpreter. `folders` must be readable for it to run; `why` says who chose it."""

    executable: Path
    folders: tuple[Path, ...]
    why: str


def choose_python(repo: Path, python: Path | None, environ: Mapping[str, str]) -> ProjectPython:
    """`python` if given, else REPO/.venv, else VIRTUAL_ENV, else the one that runs us.

    Raises:
        CallerMistake: the one that was named does not exist or may not be run.
    """
    for executable, why in _choices(repo, python, environ):
        if executable.is_file() and os.access(executable, os.X_OK):
            path = Path(os.path.abspath(executable))  # noqa: PTH100  # resolve() would leave the virtual environment
            return ProjectPython(executable=path, folders=tuple(_folders(path)), why=why)
        if why == "--python":
            raise CallerMistake(f"{executable} is no Python", "give --python the path of an interpreter")
    raise CallerMistake("no Python was found", "give --python the path of an interpreter")


def spare_packages() -> dict[str, Path]:
    """Where our own pytest, coverage and what they need lie, for a project whose Python has none."""
    found = {}
    for name in _SPARE:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found[name] = origin.parent if origin.name == "__init__.py" else origin
            found |= _metadata(name)
    return found


def _metadata(package: str) -> dict[str, Path]:
    """The folder that says which version of `package` is installed: plugins ask for it."""
    try:
        files = distribution(package).files or ()
    except PackageNotFoundError:
        return {}
    folders = {Path(str(file.locate())).parent for file in files if file.name == "METADATA"}
    return {folder.name: folder for folder in folders}


def _choices(repo: Path, python: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if python is not None:
        yield python, "--python"
    yield repo / ".venv" / "bin" / "python", "the project's .venv"
    if environ.get("VIRTUAL_ENV"):
        yield Path(environ["VIRTUAL_ENV"]) / "bin" / "python", "VIRTUAL_ENV"
    yield Path(sys.executable), "the Python that runs Parcae"


def _folders(executable: Path) -> Iterator[Path]:
    """The virtual environment, and the installation behind it, as far as they are not part of the system.

    The environment may lie in a project and say anything: only a folder that holds a Python's own library counts.
    """
    environment = executable.parent.parent
    bases = [executable.resolve()]
    settings = environment / "pyvenv.cfg"
    if settings.is_file():
        yield environment
        for line in settings.read_text(errors="replace").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                bases.append(Path(value.strip()) / "python")
    for base in bases:
        prefix = base.parent.parent
        if any(base.is_relative_to(system) for system in _SYSTEM) or not any(prefix.glob("lib*/py*/os.py")):
            continue
        real = prefix.resolve()
        whole_home = real == Path(real.root) or Path.home().is_relative_to(real)
        yield from (prefix / "bin", prefix / "lib") if whole_home else (prefix,)
