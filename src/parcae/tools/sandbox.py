"""Running a command that nobody trusts: what it may see, what it may use, and what came of it. The seam, no walls.

`bubblewrap()` is the sandbox; `unsandboxed()` keeps the limits and the killing but has no walls. Everything a command
does ends with it: no process survives a timeout, a cancellation or the command's own end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from parcae.core.errors import SandboxFailed

PACKAGE = "bubblewrap"
_CURE = (
    f"install it with `sudo apt install {PACKAGE}` (other systems: the package {PACKAGE}), or pass `--no-sandbox` "
    "if you trust this code"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What one command and all its children may use together.

    `memory_bytes` binds each process at once and the whole tree within a twentieth of a second. `file_bytes` is the
    largest file; `written_bytes` what may be written in all, to disks or to files in memory. `output_bytes` of stdout
    and of stderr are kept; the rest is read and dropped.
    """

    wall_seconds: float = 60.0
    cpu_seconds: float = 120.0
    memory_bytes: int = 2 << 30
    processes: int = 128
    file_bytes: int = 256 << 20
    written_bytes: int = 1 << 30
    output_bytes: int = 1 << 20


DEFAULT_LIMITS = SandboxLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A file or folder that the command sees at `at` (by default where it lies), read-only unless `writable`."""

    path: Path
    at: Path | None = None
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What came of a command. `exit_code` is negative for a signal; `limit` names the limit that ended it."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    limit: str | None = None

    @property
    def timed_out(self) -> bool:
        """Whether it ran out of wall-clock or CPU time."""
        return self.limit in ("wall_seconds", "cpu_seconds")

    @property
    def out_of_memory(self) -> bool:
        """Whether its processes together took more memory than allowed."""
        return self.limit == "memory_bytes"


class Sandbox(Protocol):
    """Runs commands apart from everything else."""

    @property
    def contained(self) -> bool:
        """Whether there are walls: no network, no home, nothing writable but what was bound so."""
        ...

    async def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        binds: Sequence[Bind] = (),
        env: Mapping[str, str] = MappingProxyType({}),
        limits: SandboxLimits = DEFAULT_LIMITS,
    ) -> Finished:
        """Run `command` in `cwd` and wait for its end and that of everything it started.

        Nothing of this process's environment is passed on; `env` is all that the command gets, beside PATH, HOME and
        a locale. Cancelling kills everything within two seconds.

        Raises:
            SandboxFailed: the command could not be started.
        """
        ...


def find_sandbox(no_sandbox: bool) -> Sandbox:
    """The sandbox of this machine, probed once; without walls if the user said so.

    Raises:
        SandboxFailed: bubblewrap is missing or may not make namespaces here.
    """
    from parcae.tools.bubblewrap import bubblewrap, trouble
    from parcae.tools.unsandboxed import unsandboxed

    if no_sandbox:
        return unsandboxed()
    problem = trouble()
    if problem is not None:
        raise SandboxFailed(f"generated code needs a sandbox: {problem}", _CURE)
    return bubblewrap()


def slots() -> asyncio.Semaphore:
    """How many commands run at once: two for each core, so that limits on time stay meaningful."""
    return asyncio.Semaphore(2 * (os.cpu_count() or 1))
