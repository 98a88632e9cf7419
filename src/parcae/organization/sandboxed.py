"""A check that is a command, run in a sandboxed copy of the workspace; what it writes is thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from parcae.core.errors import SandboxFailed
from parcae.core.protocols import Workspace
from parcae.organization.checks import Command
from parcae.tools.sandbox import DEFAULT_LIMITS, Bind, Sandbox
from parcae.tools.scratch import scratch_folder
from parcae.workspace import check_out

INSIDE = Path("/workspace")
SECONDS = 120.0


def sandboxed_command(sandbox: Sandbox, seconds: float = SECONDS) -> Command:
    """Runs commands in `sandbox`, each in a fresh checkout, for at most `seconds`."""

    async def command(line: str, workspace: Workspace) -> tuple[int, str]:
        with scratch_folder("parcae-check-") as folder:
            await check_out(workspace, folder)
            try:
                finished = await sandbox.run(
                    ["/bin/sh", "-c", line],
                    cwd=INSIDE if sandbox.contained else folder,
                    binds=[Bind(path=folder, at=INSIDE, writable=True)],
                    env={"PYTHONDONTWRITEBYTECODE": "1"},
                    limits=replace(DEFAULT_LIMITS, wall_seconds=seconds, cpu_seconds=seconds),
                )
            except SandboxFailed as failed:
                return 1, f"the command could not be run: {failed}"
        if finished.limit is not None:
            return 1, f"killed: it reached its limit of {finished.limit}\n{finished.stdout}"
        return finished.exit_code or 0, f"{finished.stdout}\n{finished.stderr}".strip()

    return command
