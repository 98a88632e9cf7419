"""The kernel itself holds the number of processes, however fast they fork."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from parcae.tools.process_cap import capped
from parcae.tools.sandbox import SandboxLimits
from parcae.tools.unsandboxed import unsandboxed

# Each process forks at most twice, so that a cap that failed this test would do no harm.
FORKS = (
    "import os, time\n"
    "made = 0\n"
    "for _ in range(30):\n"
    "    try:\n        child = os.fork()\n    except OSError:\n        print('refused', flush=True)\n        break\n"
    "    if child == 0:\n        time.sleep(2)\n        os._exit(0)\n"
    "    made += 1\n"
    "print(made, flush=True)\n"
)


async def test_more_processes_than_allowed_cannot_be_made(tmp_path: Path) -> None:
    limits = SandboxLimits(processes=8, wall_seconds=60)
    done = await unsandboxed().run([sys.executable, "-S", "-c", FORKS], cwd=tmp_path, limits=limits)
    made = [int(line) for line in done.stdout.splitlines() if line.isdigit()]
    assert done.limit == "processes" or ("refused" in done.stdout and made[0] <= 8 + 4)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="groups of processes are Linux's")
def test_a_group_goes_with_its_block() -> None:
    with capped(["true"], 5) as command:
        assert command[-1] == "true"
        group = Path(command[3]).parent if len(command) > 1 else None
        assert group is None or (group / "pids.max").read_text().strip() == "9"
    assert group is None or not group.exists()
