"""The sandbox's interface without its walls: for code that the user trusts, or where no sandbox can be had.

Limits, the clean environment and the killing of everything started are kept; files and network are open.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from parcae.tools.process import limited, run_process
from parcae.tools.process_tree import kill_marked
from parcae.tools.sandbox import DEFAULT_LIMITS, Bind, Finished, Sandbox, SandboxLimits, slots
from parcae.tools.scratch import scratch_folder

_MARKER = "PARCAE_COMMAND"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unsandboxed:
    at_once: asyncio.Semaphore = field(default_factory=slots)
    contained: bool = False

    async def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        binds: Sequence[Bind] = (),
        env: Mapping[str, str] = MappingProxyType({}),
        limits: SandboxLimits = DEFAULT_LIMITS,
    ) -> Finished:
        # Without walls nothing can be shown elsewhere than where it lies: binds are the caller's to place.
        marker = secrets.token_hex(16)
        with scratch_folder("parcae-home-") as home:
            path = os.environ.get("PATH", "/usr/bin:/bin")
            own = {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8"}
            async with self.at_once:
                return await run_process(
                    limited(command, limits),
                    cwd=cwd,
                    env={**own, **env, _MARKER: marker},
                    limits=limits,
                    writes=(cwd, home),
                    finish=lambda _pid: kill_marked(f"{_MARKER}={marker}"),
                )


def unsandboxed() -> Sandbox:
    """No walls; everything else like `bubblewrap()`. `binds` are ignored: a command sees the files as they lie."""
    return _Unsandboxed()
