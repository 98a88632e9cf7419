"""The clients' own environment: made once from the locked requirements, kept under out/."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"


def python() -> Path:
    """The environment's Python, installed first if the lock is new."""
    mark = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = HERE.parents[1] / "out" / "clients"
    found, ready = folder / "bin" / "python", folder / f"ready-{mark}"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"]
        subprocess.run([str(found), "-m", "pip", "install", *options, "-r", str(LOCK)], check=True)
        ready.touch()
    return found


async def run(agent: str, *modes: str, url: str, key: str = "none") -> dict[str, str]:
    """What the agent script says of each mode; raises with its last words if it fails."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPENAI", "ANTHROPIC"))},
        "GATEWAY_URL": url,
        "GATEWAY_KEY": key,
        "PYTHONWARNINGS": "ignore",
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_GLOBAL_CONFIG_DIR": str(HERE.parents[1] / "out" / "mini"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    child = await asyncio.create_subprocess_exec(
        str(python()), str(HERE / "agents" / f"{agent}.py"), *modes, env=env, stdout=-1, stderr=-1
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), 120)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 0, err.decode()[-3000:]
    found: dict[str, str] = json.loads(out.decode().strip().splitlines()[-1])
    return found
