"""One child process: bounded output, limits on its whole tree, and an end that leaves nothing behind.

Knows nothing of walls. POSIX; the watching of trees needs Linux's /proc and is silently absent elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from parcae.core.errors import SandboxFailed
from parcae.tools.process_cap import capped
from parcae.tools.process_tree import over_limit
from parcae.tools.sandbox import Finished, SandboxLimits
from parcae.tools.unbooked import Unbooked

_LOOK_SECONDS = 0.05
_DRAIN_SECONDS = 0.5
_NICE = 5


async def run_process(
    command: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    limits: SandboxLimits,
    writes: Sequence[Path],
    pass_fds: Sequence[int] = (),
    finish: Callable[[int], None] = lambda pid: None,
) -> Finished:
    """Run `command` until it ends, reaches a limit or this task is cancelled; then kill what is left of it.

    `writes`: the folders that it may write into. `finish` is called last, to kill what left the process group.
    """
    with capped(command, limits.processes) as started_as:
        return await _run(started_as, cwd, env, limits, writes, pass_fds, finish)


async def _run(
    command: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    limits: SandboxLimits,
    writes: Sequence[Path],
    pass_fds: Sequence[int],
    finish: Callable[[int], None],
) -> Finished:
    started, unbooked = time.monotonic(), Unbooked(writes)
    child = _spawn(command, cwd=cwd, env=env, pass_fds=pass_fds)
    with contextlib.suppress(OSError):  # so that a bomb does not starve the one who watches it
        os.setpriority(os.PRIO_PGRP, child.pid, _NICE)
    outputs = [_Output(stream, limits.output_bytes) for stream in (child.stdout, child.stderr) if stream]
    try:
        limit = await _until_end(child, limits, unbooked)
    finally:
        _kill_group(child.pid)
        finish(child.pid)
        await asyncio.shield(_reap(child, outputs))
    stdout, stderr = (output.text() for output in outputs)
    if limit is None and child.returncode in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        limit = "cpu_seconds"
    seconds = time.monotonic() - started
    return Finished(exit_code=child.returncode, stdout=stdout, stderr=stderr, seconds=seconds, limit=limit)


def _spawn(
    command: Sequence[str], *, cwd: Path | None, env: Mapping[str, str], pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    # Not asyncio's subprocesses: these wait for whoever inherited the pipes, and start a thread for each child.
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise SandboxFailed(f"{command[0]} could not be started: {error}", "check that it exists and may run") from None


async def _until_end(child: subprocess.Popen[bytes], limits: SandboxLimits, unbooked: Unbooked) -> str | None:
    """Wait for `child`; look at its tree now and then. Returns the limit that was reached, if any."""
    deadline = time.monotonic() + limits.wall_seconds
    with _death_of(child.pid) as died:
        while child.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return "wall_seconds"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(died.wait(), min(left, _LOOK_SECONDS))
                continue
            limit = over_limit(child.pid, limits)
            if limit is not None:
                return limit
            if unbooked.exceed(child.pid, limits.written_bytes):
                return "written_bytes"
    return None


@contextlib.contextmanager
def _death_of(pid: int) -> Iterator[asyncio.Event]:
    """An event that is set when `pid` ends; where the system cannot tell, it never is, and polling must do."""
    died = asyncio.Event()
    try:
        watched = os.pidfd_open(pid)
    except (OSError, AttributeError):
        yield died
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(watched, died.set)
    try:
        yield died
    finally:
        loop.remove_reader(watched)
        os.close(watched)


class _Output:
    """What a child writes to one pipe: the beginning is kept, the rest read and dropped, so that it never blocks."""

    def __init__(self, stream: IO[bytes], keep_bytes: int) -> None:
        self._stream, self._room, self._dropped = stream, keep_bytes, 0
        self._kept = bytearray()
        self.closed = asyncio.Event()
        os.set_blocking(stream.fileno(), False)
        asyncio.get_running_loop().add_reader(stream.fileno(), self._take)

    def _take(self) -> None:
        try:
            block = os.read(self._stream.fileno(), 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if not block:
            self.close()
            return
        kept = block[: self._room]
        self._kept += kept
        self._room -= len(kept)
        self._dropped += len(block) - len(kept)

    def close(self) -> None:
        if not self.closed.is_set():
            asyncio.get_running_loop().remove_reader(self._stream.fileno())
            self._stream.close()
            self.closed.set()

    def text(self) -> str:
        text = self._kept.decode(errors="replace")
        return f"{text}\n[cut: {self._dropped} more bytes]" if self._dropped else text


async def _reap(child: subprocess.Popen[bytes], outputs: Sequence[_Output]) -> None:
    """Collect the killed child and what it still had to say; pipes that others hold are closed on them."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            for output in outputs:
                await output.closed.wait()
    for output in outputs:
        output.close()
    while child.poll() is None:  # noqa: ASYNC110  # killed already: a matter of milliseconds
        await asyncio.sleep(0.002)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@cache
def limiter() -> str:
    """The program that sets limits on itself and then becomes the command.

    Raises:
        SandboxFailed: there is none.
    """
    found = shutil.which("prlimit", path="/usr/bin:/bin:/usr/local/bin")
    if found is None:
        raise SandboxFailed("`prlimit` is missing, so no limit can be set", "install it with `apt install util-linux`")
    return found


def limited(command: Sequence[str], limits: SandboxLimits) -> list[str]:
    """`command` under the limits that the kernel holds for each process."""
    cpu_seconds = max(1, round(limits.cpu_seconds))
    return [
        limiter(),
        f"--as={limits.memory_bytes}",
        f"--cpu={cpu_seconds}:{cpu_seconds + 1}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_bytes}",
        "--core=0",
        "--nofile=1024",
        *command,
    ]
