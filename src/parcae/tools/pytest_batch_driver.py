"""Runs one test against many versions of one file, each in a fork of a process that has pytest loaded. By itself.

Usage: python pytest_batch_driver.py REQUEST, where REQUEST is a JSON file: `spare` (a folder for the end of the path),
`file`, `versions` (whole texts of the file), `arguments` (pytest's), and for each `seconds` and `cpu_seconds`, which
ends an endless loop early also where much else runs. It prints pytest's exit codes as JSON, null where a version took
too long, and leaves the file as it was. It imports nothing of ours.

Plugins, and what the first version loads of the standard library, are loaded once before the later forks: that is most
of the time that a short test takes.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any


def main(request_file: str) -> None:
    """Read the request, run every version, print the codes."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.append(request["spare"])
    import pytest  # noqa: F401  # loaded once, before the forks

    with open(request["file"], "rb") as whole:
        before = whole.read()
    _load([plugin.module for plugin in entry_points(group="pytest11")])
    codes = [_run(version, request) for version in request["versions"]]
    with open(request["file"], "wb") as whole:
        whole.write(before)
    sys.stdout.write(json.dumps(codes))


def _load(modules: list[str]) -> None:
    """Import what the tests would import anyway; what cannot be imported here fails in its own place."""
    for module in modules:
        with suppress(Exception):
            importlib.import_module(module)


def _run(version: str, request: dict[str, Any]) -> int | None:
    with open(request["file"], "w", encoding="utf-8", newline="") as file:
        file.write(version)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_test(request, theirs)
    os.close(theirs)
    try:
        return _waited(child, ours, request["seconds"])
    finally:
        os.close(ours)


def _waited(child: int, loaded: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            os.set_blocking(loaded, False)
            with suppress(BlockingIOError):
                _load([name for name in os.read(loaded, 1 << 16).decode().split() if name not in sys.modules])
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGKILL else code
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


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
        new = [name for name in set(sys.modules) - before if name.partition(".")[0] in _KNOWN]
        os.write(loaded, " ".join(new).encode()[:60_000])
    finally:
        os._exit(code)


_KNOWN = sys.stdlib_module_names | {"_pytest"}

if __name__ == "__main__":
    main(sys.argv[1])
