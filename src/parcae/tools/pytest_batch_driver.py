"""Runs one test against many versions of one file, each in a fork of a process that has pytest loaded. By itself.

Usage: python pytest_batch_driver.py REQUEST, where REQUEST is a JSON file: `spare` (a folder for the end of the path),
`file`, `versions` (whole texts of the file), `arguments` (pytest's) and `seconds` (for each). It prints pytest's exit
codes as JSON, null where a version took too long, and leaves the file as it was. It imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any


def main(request_file: str) -> None:
    """Read the request, run every version, print the codes."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.append(request["spare"])
    import pytest  # noqa: F401  # loaded once, before the forks

    with open(request["file"], "rb") as whole:
        before = whole.read()
    codes = [_run(version, request) for version in request["versions"]]
    with open(request["file"], "wb") as whole:
        whole.write(before)
    sys.stdout.write(json.dumps(codes))


def _run(version: str, request: dict[str, Any]) -> int | None:
    with open(request["file"], "w", encoding="utf-8", newline="") as file:
        file.write(version)
    child = os.fork()
    if child == 0:
        _be_the_test(request["arguments"])
    deadline = time.monotonic() + request["seconds"]
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _be_the_test(arguments: list[str]) -> None:
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code = 70
    try:
        import pytest

        code = int(pytest.main(arguments))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
