"""One child process: bounded output, limits on its whole tree, and an end that leaves nothing behind.

Knows nothing of walls. POSIX; the watching of trees needs Linux's /proc and is silently absent elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from parcae.core.errors import SandboxFailed
from parcae.tools.process_tree import over_limit
from parcae.tools.sandbox import Finished, SandboxLimits

_LOOK_SECONDS = 0.05
_DRAIN_SECONDS = 0.5


async def run_process(
    command: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    limits: SandboxLimits,
    pass_fds: Sequence[int] = (),
    finish: Callable[[int], None] = lambda pid: None,
) -> Finished:
    """Run `command` until it ends, reaches a limit or this task is cancelled; then kill what is left of it.

    `finish` is called last, to kill what left the process group.
    """
    started = time.monotonic()
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise SandboxFailed(f"{command[0]} could not be started: {error}", "check that it exists and may run") from None
    readers = [
        asyncio.ensure_future(_read(stream, limits.output_bytes)) for stream in (child.stdout, child.stderr) if stream
    ]
    limit = None
    try:
        limit = await _until_end(child, limits)
    finally:
        _kill_group(child.pid)
        finish(child.pid)
        await asyncio.shield(_reap(child, readers))
    stdout, stderr = (reader.result() for reader in readers)
    code = child.returncode if child.returncode is not None else -signal.SIGKILL
    if limit is None and code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        limit = "cpu_seconds"
    return Finished(exit_code=code, stdout=stdout, stderr=stderr, seconds=time.monotonic() - started, limit=limit)


async def _until_end(child: asyncio.subprocess.Process, limits: SandboxLimits) -> str | None:
    """Wait for `child`; look at its tree now and then. Returns the limit that was reached, if any."""
    deadline = time.monotonic() + limits.wall_seconds
    with _death_of(child.pid) as died:
        while child.returncode is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return "wall_seconds"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(died.wait(), min(left, _LOOK_SECONDS))
                return None
            limit = over_limit(child.pid, limits)
            if limit is not None:
                return limit
    return None


@contextlib.contextmanager
def _death_of(pid: int) -> Iterator[asyncio.Event]:
    """An event that is set when `pid` ends. `Process.wait` also waits for heirs of its pipes, so it will not do."""
    died = asyncio.Event()
    try:
        watched = os.pidfd_open(pid)
    except (OSError, AttributeError):  # ended already, or not Linux: then its return code is looked at
        yield died
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(watched, died.set)
    try:
        yield died
    finally:
        loop.remove_reader(watched)
        os.close(watched)


async def _read(stream: asyncio.StreamReader, keep_bytes: int) -> str:
    """The first `keep_bytes` of `stream`; the rest is read and dropped, so that the writer is not blocked."""
    kept = bytearray()
    dropped = 0
    with contextlib.suppress(asyncio.CancelledError):
        while block := await stream.read(1 << 16):
            room = max(0, keep_bytes - len(kept))
            kept += block[:room]
            dropped += len(block) - min(room, len(block))
    text = kept.decode(errors="replace")
    return f"{text}\n[cut: {dropped} more bytes]" if dropped else text


async def _reap(child: asyncio.subprocess.Process, readers: Sequence[asyncio.Future[str]]) -> None:
    """Collect the killed child, and what it still had to say."""
    _, held = await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
    for reader in held:
        reader.cancel()
    if held:
        await asyncio.wait(held)
    transport = getattr(child, "_transport", None)  # asyncio offers no public way to close pipes that others hold
    if transport is not None:
        transport.close()
    await child.wait()


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
