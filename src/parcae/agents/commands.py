"""`run`: a command in a checkout of the workspace, inside the sandbox; what it wrote goes back into the workspace.

The effect is on the workspace only: the sandbox has no network and nothing writable but the checkout.
"""

# ruff: noqa: D417  # docstrings here are what models read: parameters that are filled in are hidden from them
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from parcae.agents.files import by, conflict_text, workspace_of
from parcae.core.errors import SandboxFailed
from parcae.core.protocols import Tool, ToolRefused
from parcae.core.scope import Scope
from parcae.tools.function import CallKey, cut, function_tool
from parcae.tools.project_python import ProjectPython
from parcae.tools.sandbox import DEFAULT_LIMITS, Bind, Finished, Sandbox, SandboxLimits
from parcae.tools.scratch import scratch_folder
from parcae.workspace import check_out, take_back
from parcae.workspace.checkout import TakenBack

INSIDE = Path("/workspace")
MOST_SECONDS = 600.0
_OUTPUT_CHARS = 8_000
_NAMED = 40


def run_tool(sandbox: Sandbox, python: ProjectPython | None = None, limits: SandboxLimits = DEFAULT_LIMITS) -> Tool:
    """The tool `run` in `sandbox`; `python` is mounted and comes first on the path."""

    async def run(scope: Scope, key: CallKey, command: str, timeout_seconds: float = 60.0) -> str:
        """Run a shell command at the top of a copy of the workspace, without network. Files it changes are taken back.

        Args:
            command: for the shell, such as python3 -m pytest -q tests.
            timeout_seconds: after so long the command and all it started are killed; at most 600.
        """
        if not command.strip():
            raise ToolRefused("the command is empty")
        workspace = workspace_of(scope)
        with scratch_folder("parcae-run-") as folder:
            checkout = await check_out(workspace, folder)
            seconds = min(max(timeout_seconds, 1.0), MOST_SECONDS)
            finished = await _run(sandbox, python, command, folder, limits, seconds)
            back = await take_back(workspace, checkout, by(scope, key))
        return _report(finished, back, str(folder))

    return function_tool(run, effect="workspace", max_chars=3 * _OUTPUT_CHARS)


async def _run(
    sandbox: Sandbox,
    python: ProjectPython | None,
    command: str,
    folder: Path,
    limits: SandboxLimits,
    seconds: float,
) -> Finished:
    binds = [Bind(path=folder, at=INSIDE, writable=True)]
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    if python is not None:
        binds += [Bind(path=one) for one in python.folders]
        env["PATH"] = f"{python.executable.parent}:/usr/local/bin:/usr/bin:/bin"
    try:
        return await sandbox.run(
            ["/bin/sh", "-c", command],
            cwd=INSIDE if sandbox.contained else folder,
            binds=binds,
            env=env,
            limits=replace(limits, wall_seconds=seconds, cpu_seconds=min(limits.cpu_seconds, 2 * seconds)),
        )
    except SandboxFailed as failed:
        raise ToolRefused(f"commands cannot be run here: {failed}") from failed


def _report(finished: Finished, back: TakenBack, folder: str) -> str:
    ended = f"exit code {finished.exit_code}"
    if finished.limit is not None:
        ended = f"killed: it reached its limit of {finished.limit}"
    parts = [f"{ended}, {finished.seconds:.1f} seconds"]
    for name, text in (("stdout", finished.stdout), ("stderr", finished.stderr)):
        if text.strip():
            shown = cut(text.replace(folder, str(INSIDE)).rstrip(), _OUTPUT_CHARS)
            parts.append(f"--- {name}\n{shown}")
    if back.changed:
        parts.append(f"--- files changed: {_some(back.changed)}")
    if back.refused:
        parts.append(f"--- not taken back: {_some(back.refused)}")
    parts += [f"--- {conflict_text(one)}" for one in back.conflicts]
    return "\n".join(parts)


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more
