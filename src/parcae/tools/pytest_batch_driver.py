"""Runs one test against many versions of one file, each in a fork of a process that has pytest loaded. By itself.

Usage: python pytest_batch_driver.py REQUEST, where REQUEST is a JSON file: `spare` (a folder for the end of the path),
`file`, `versions` (whole texts of the file), `arguments` (pytest's), and for each `seconds` and `cpu_seconds`, which
ends an endless loop early also where much else runs; it is raised to _LONGER times what the test takes on the file as
it is. It prints pytest's exit codes as JSON, null where a version took too long, and leaves the file as it was. It
imports nothing of ours.

The file as it is comes first. Before the later forks, plugins and what the first run loads of installed packages are
loaded once, and what it loads of the project is compiled once: that is most of the time that a short test takes. The
project's modules still run anew in every fork.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import os
import resource
import signal
import sys
import sysconfig
import time
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from types import CodeType
from typing import Any

_LONGER = 5  # times the test's own CPU time
_COMPILED: dict[str, tuple[bytes, CodeType]] = {}  # by path, with the text that it was compiled from


def main(request_file: str) -> None:
    """Read the request, run every version, print the codes."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.append(request["spare"])
    import pytest  # noqa: F401  # loaded once, before the forks

    with open(request["file"], "rb") as whole:
        before = whole.read()
    _load([plugin.module for plugin in entry_points(group="pytest11")])
    SourceFileLoader.source_to_code = _remembered  # type: ignore[method-assign,assignment]
    request["cpu_seconds"] = _limit(before.decode("utf-8", "replace"), request)
    codes = [_run(version, request)[0] for version in request["versions"]]
    with open(request["file"], "wb") as whole:
        whole.write(before)
    sys.stdout.write(json.dumps(codes))


def _limit(as_it_is: str, request: dict[str, Any]) -> int:
    """CPU seconds for a version: the first run loads what all need, the second shows what the test itself takes."""
    least: int = request["cpu_seconds"]
    most = least * _LONGER
    if _run(as_it_is, request | {"cpu_seconds": most})[0] is None:
        return most
    return min(most, max(least, math.ceil(_LONGER * _run(as_it_is, request | {"cpu_seconds": most})[1])))


def _load(modules: list[str]) -> None:
    """Import what the tests would import anyway; what cannot be imported here fails in its own place."""
    for module in modules:
        with suppress(Exception):
            importlib.import_module(module)


def _remembered(self: SourceFileLoader, data: Any, path: Any, *, _optimization: int = -1) -> CodeType:
    """In the place of `source_to_code`: what was compiled from the same text before the fork is taken from there."""
    known = _COMPILED.get(str(path))
    if known is not None and known[0] == data:
        return known[1]
    code: CodeType = compile(data, path, "exec", dont_inherit=True, optimize=_optimization)
    return code


def _compile(files: list[str]) -> None:
    """Compile these files for the forks to come; what does not compile fails in its own place."""
    for path in files:
        with suppress(Exception), open(path, "rb") as file:
            data = file.read()
            _COMPILED[path] = (data, compile(data, path, "exec", dont_inherit=True))


def _run(version: str, request: dict[str, Any]) -> tuple[int | None, float]:
    """Pytest's exit code and the CPU seconds that it took."""
    with open(request["file"], "w", encoding="utf-8", newline="") as file:
        file.write(version)
    ours, theirs = os.pipe()
    gc.freeze()  # so that a collection in the fork does not copy the pages of what is loaded
    child = os.fork()
    if child == 0:
        _be_the_test(request, theirs)
    os.close(theirs)
    try:
        return _waited(child, ours, request["seconds"])
    finally:
        os.close(ours)


def _waited(child: int, loaded: int, seconds: float) -> tuple[int | None, float]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            os.set_blocking(loaded, False)
            with suppress(BlockingIOError, ValueError):
                modules, files = json.loads(os.read(loaded, 1 << 16))
                _load([name for name in modules if name not in sys.modules])
                _compile([path for path in files if path not in _COMPILED])
            code = os.waitstatus_to_exitcode(status)
            return (None if code == -signal.SIGKILL else code), used.ru_utime + used.ru_stime
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, seconds


def _be_the_test(request: dict[str, Any], loaded: int) -> None:
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_seconds"], request["cpu_seconds"]))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code, before = 70, set(sys.modules)
    try:
        import pytest

        code = int(pytest.main(request["arguments"]))
        os.write(loaded, _new_since(before, request))
    finally:
        os._exit(code)


def _new_since(before: set[str], request: dict[str, Any]) -> bytes:
    """The installed modules to load, and the project's files to compile, as JSON that fits a pipe; not what changes."""
    changing, installed = request["file"], _installed(request)
    files = {name: getattr(sys.modules[name], "__file__", None) or "" for name in sorted(set(sys.modules) - before)}
    modules = [name for name, file in files.items() if file.startswith(installed) or name in sys.stdlib_module_names]
    sources = [file for name, file in files.items() if name not in modules and file.endswith(".py")]
    return json.dumps([modules[:1_000], [file for file in sources if file != changing][:200]]).encode()[:60_000]


def _installed(request: dict[str, Any]) -> tuple[str, ...]:
    """The folders of the standard library and of installed packages, unless the changing file lies there too."""
    paths = sysconfig.get_paths()
    folders = (request["spare"], *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
    return tuple(f"{folder}/" for folder in folders if not request["file"].startswith(f"{folder}/"))


if __name__ == "__main__":
    main(sys.argv[1])
