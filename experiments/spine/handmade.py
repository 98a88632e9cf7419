"""Bugs made by hand in packages that `bugs build` never saw, as folders for `parcae bench locate`.

    python -m experiments.spine.handmade OUT
    parcae bench locate OUT --samples 10 --models builtin:small,builtin:large --swap parallel@4

Each file of experiments/spine/packages names one release of a package, with its hash, and ten faults in it: the
function, what stands in it, what stands there instead, and a test of the package's own suite that fails by it. They
were chosen before anything was asked to find them: the first ten of a list that the suites noticed. The test was chosen
by rule: the first failing one that does not name the culprit, else the first. Needs `pip` and a package index.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parcae.benchmarks.bug import REPO, Bug, write_bug
from parcae.core.errors import CallerMistake

PACKAGES = Path(__file__).parent / "packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One change in one function. `function` is its name inside the module, `culprit` that from the package down."""

    file: str
    function: str
    culprit: str
    old: str
    new: str
    how: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A release and its faults. `sha256` is that of its source archive."""

    name: str
    version: str
    sha256: str
    faults: tuple[Fault, ...]


def packages() -> Sequence[Package]:
    """All that are described beside this file."""
    return [_read(file) for file in sorted(PACKAGES.glob("*.toml"))]


def _read(file: Path) -> Package:
    text = tomllib.loads(file.read_text(encoding="utf-8"))
    faults = tuple(Fault(**fault) for fault in text.pop("fault"))
    return Package(name=text["name"], version=text["version"], sha256=text["sha256"], faults=faults)


def fetch(package: Package, into: Path) -> Path:
    """The source archive of `package`.

    Raises:
        CallerMistake: it cannot be had here, or it is not the one whose hash is known.
    """
    wanted = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    done = subprocess.run([*command, "--dest", str(into), wanted], capture_output=True, text=True, check=False)
    archives = [file for file in into.glob("*.tar.gz") if file.name.startswith(f"{package.name}-{package.version}")]
    if done.returncode or len(archives) != 1:
        raise CallerMistake(f"{wanted} cannot be had: {done.stderr.strip()}", "connect to a package index")
    if hashlib.sha256(archives[0].read_bytes()).hexdigest() != package.sha256:
        raise CallerMistake(f"{archives[0].name} has another hash than the one known", "remove it and fetch it again")
    return archives[0]


def plant(package: Package, archive: Path, out: Path) -> None:
    """Write one folder a fault into `out`, each with a repository of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        (clean,) = Path(scratch).iterdir()
        for number, fault in enumerate(package.faults, start=1):
            _plant_one(package, fault, clean, out / f"{package.name}-{number:02}")


def _plant_one(package: Package, fault: Fault, clean: Path, folder: Path) -> None:
    repo = folder / REPO
    shutil.copytree(clean, repo)
    text = (repo / fault.file).read_text(encoding="utf-8")
    changed, line = broken(text, fault)
    (repo / fault.file).write_text(changed, encoding="utf-8")
    bug = Bug(
        name=folder.name,
        culprit=fault.culprit,
        file=fault.file,
        line=line,
        test=fault.test,
        operator=f"by hand: {fault.how}",
        before=fault.old,
        after=fault.new,
        covered_functions=0,  # nothing was run here; the bench counts them itself
        covered_modules=0,
        direct=_names(repo, fault),
        source=f"{package.name} {package.version}",
    )
    write_bug(bug, folder)


def broken(text: str, fault: Fault) -> tuple[str, int]:
    """The module with the fault in it, and the line where it begins.

    Raises:
        CallerMistake: what is to be replaced does not stand exactly once in the function.
    """
    lines = text.splitlines(keepends=True)
    first, last = _span(text, fault.function)
    own = "".join(lines[first:last])
    if own.count(fault.old) != 1:
        raise CallerMistake(f"{fault.function} has {own.count(fault.old)} of {fault.old!r}", "name it exactly once")
    line = first + own[: own.index(fault.old)].count("\n") + 1
    return "".join(lines[:first]) + own.replace(fault.old, fault.new) + "".join(lines[last:]), line


def _span(text: str, function: str) -> tuple[int, int]:
    body: list[ast.stmt] = ast.parse(text).body
    found: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None = None
    for part in function.split("."):
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        found = [node for node in body if isinstance(node, kinds) and node.name == part][-1]
        body = found.body
    if found is None or found.end_lineno is None:
        raise CallerMistake("a fault without a function", "name one")
    return found.lineno - 1, found.end_lineno


def _names(repo: Path, fault: Fault) -> bool:
    """Whether the failing test itself names the culprit."""
    file, _, test = fault.test.partition("::")
    text = (repo / file).read_text(encoding="utf-8")
    first, last = _span(text, test.partition("[")[0].replace("::", "."))
    return fault.function.rpartition(".")[2] in "".join(text.splitlines(keepends=True)[first:last])


def main() -> int:
    """Fetch the packages and plant their faults; 2 without a folder to write to."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    out = Path(sys.argv[1])
    for package in packages():
        with tempfile.TemporaryDirectory() as folder:
            plant(package, fetch(package, Path(folder)), out)
        sys.stderr.write(f"{package.name} {package.version}: {len(package.faults)} faults\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
