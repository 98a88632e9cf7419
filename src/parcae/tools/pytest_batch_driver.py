"""Runs one test against many versions of one file, each in a fork of a process that has pytest loaded. By itself.

Usage: python pytest_batch_driver.py REQUEST, where REQUEST is a JSON file: `spare` (a folder for the end of the path),
`file`, `versions` (whole texts of the file), `orders` (each a list of places in `versions`, run one after the other
until one passes), `arguments` (pytest's), and for each version `seconds` and `cpu_seconds`, which ends an endless loop
early also where much else runs; it is raised to _LONGER times what the test takes on the file as it is. It prints as
JSON pytest's exit codes by place, null where a version took too long, none where no order came to it, and leaves the
file as it was. It imports nothing of ours.

The file as it is comes first. Forks are made where pytest is ready to collect, or, where a conftest or a plugin may
have seen the project by then, before pytest is started. Before the later forks, plugins and what the first run loads
of installed packages are loaded once, and what it loads of the project is compiled once: that is most of the time that
a short test takes. The project's modules still run anew in every fork.
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
from typing import Any, NoReturn

_LONGER = 5  # times the test's own CPU time
_MOST = 5.0  # CPU seconds
_COMPILED: dict[str, tuple[bytes, CodeType]] = {}  # by path, with the text that it was compiled from


class _Forked(BaseException):
    """Raised in a fork, which is to run the test: it unwinds to where pytest goes on, or is started."""

    def __init__(self, loaded: int) -> None:
        self.loaded, self.before = loaded, set(sys.modules)


class _Host:
    """A plugin that forks for each version where pytest is ready to collect; only the forks go on."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.codes: dict[int, int | None] | None = None
        self.forked: _Forked | None = None

    def pytest_collection(self, session: Any) -> None:
        import pytest

        if _is_clean(session.config, self.request):
            try:
                self.codes = _codes(self.request)
            except _Forked as forked:
                self.forked = forked
                return
        pytest.exit("that is all", returncode=0)


def main(request_file: str, alone: str = "") -> None:
    """Read the request, run every version, print the codes."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.append(request["spare"])
    import pytest

    out, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with open(request["file"], "rb") as whole:
        before = whole.read()
    request["before"] = before.decode("utf-8", "replace")
    plugins = [plugin.module for plugin in entry_points(group="pytest11")]
    _load(plugins)
    SourceFileLoader.source_to_code = _remembered  # type: ignore[method-assign,assignment]
    pytest.hookimpl(tryfirst=True)(_Host.pytest_collection)
    codes = _alone(request) if alone or plugins else _hosted(request)
    if codes is None:  # by now something of the project may be loaded: a new process knows nothing of it
        os.dup2(out, 1)
        os.execv(sys.executable, [sys.executable, __file__, request_file, "alone"])
    with open(request["file"], "wb") as whole:
        whole.write(before)
    os.write(out, json.dumps(codes).encode())


def _hosted(request: dict[str, Any]) -> dict[int, int | None] | None:
    """The codes from forks of a pytest that is ready to collect, in half the time; None where `_is_clean` says no."""
    import pytest

    host, code = _Host(request), 70
    try:
        code = int(pytest.main(request["arguments"], plugins=[host]))
    finally:
        if host.forked is not None:
            _end(host.forked, code, request)
    return host.codes


def _is_clean(config: Any, request: dict[str, Any]) -> bool:
    """Whether nothing of the project is loaded yet, such as by a conftest, and no installed plugin is at work."""
    top, installed = f"{config.rootpath}/", _installed(request)
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    loaded = any(file.startswith(top) and not file.startswith(installed) for file in files)
    return not loaded and not config.pluginmanager.list_plugin_distinfo()


def _alone(request: dict[str, Any]) -> dict[int, int | None]:
    """The codes from forks that each start a pytest of their own."""
    import pytest

    code = 70
    try:
        return _codes(request)
    except _Forked as forked:
        try:
            code = int(pytest.main(request["arguments"]))
        finally:
            _end(forked, code, request)
        raise


def _end(forked: _Forked, code: int, request: dict[str, Any]) -> NoReturn:
    try:
        os.write(forked.loaded, _new_since(forked.before, request))
    finally:
        os._exit(code)


def _codes(request: dict[str, Any]) -> dict[int, int | None]:
    """By place, of every version that some order comes to; each is run once."""
    request |= {"cpu_seconds": _limit(request["before"], request)}
    codes: dict[int, int | None] = {}
    for order in request["orders"]:
        for place in order:
            if place not in codes:
                codes[place] = _run(request["versions"][place], request)[0]
            if codes[place] == 0:
                break
    return codes


def _limit(as_it_is: str, request: dict[str, Any]) -> float:
    """CPU seconds for a version: the first run loads what all need, the second shows what the test itself takes."""
    least: float = request["cpu_seconds"]
    most = max(least, _MOST)
    if _run(as_it_is, request | {"cpu_seconds": most})[0] is None:
        return most
    return min(most, max(least, _LONGER * _run(as_it_is, request | {"cpu_seconds": most})[1]))


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
        _limit_this_process(request)
        raise _Forked(theirs)
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
            return (None if code in (-signal.SIGKILL, -signal.SIGPROF) else code), used.ru_utime + used.ru_stime
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, seconds


def _limit_this_process(request: dict[str, Any]) -> None:
    os.setpgid(0, 0)
    signal.setitimer(signal.ITIMER_PROF, request["cpu_seconds"])  # kills, and to the hundredth of a second
    whole = math.ceil(request["cpu_seconds"]) + 1  # for what the test starts, and where it sets the timer itself
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))


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
    main(*sys.argv[1:])
