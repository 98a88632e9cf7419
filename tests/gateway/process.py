"""`parcae serve` as a process of its own, for what only a process can show: signals, crashes, starting anew."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Process:
    """A gateway that listens at `url`; it took `start_seconds` until it did."""

    url: str
    child: asyncio.subprocess.Process
    start_seconds: float

    async def end(self, number: int) -> int:
        """Send the signal `number` and wait for the exit status."""
        if self.child.returncode is None:
            self.child.send_signal(number)
        return await self.child.wait()


@asynccontextmanager
async def process(file: Path, *, env: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """Serve `file` on a port that the system chooses."""
    began = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parcae", "serve", "--config", str(file), "--listen", "127.0.0.1:0"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None
    try:
        line = (await child.stderr.readline()).decode()
        assert " on http://" in line, line + (await child.stderr.read()).decode()
        yield Process(line.strip().rpartition(" ")[2], child, time.perf_counter() - began)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def toml(document: Mapping[str, object]) -> str:
    """A document of tables and plain values as TOML (JSON's texts, numbers, lists are TOML's)."""
    lines: list[str] = []

    def table(name: str, body: Mapping[str, object]) -> None:
        lines.append(f"[{name}]" if name else "")
        lines.extend(
            f"{json.dumps(key)} = {json.dumps(value)}" for key, value in body.items() if not isinstance(value, dict)
        )
        for key, value in body.items():
            if isinstance(value, dict):
                table(f"{name}.{json.dumps(key)}".lstrip("."), value)

    table("", document)
    return "\n".join(lines)
