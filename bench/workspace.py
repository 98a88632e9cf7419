"""Acknowledged writes a second with 60 writers on one branch, conflicts and all; beside git's command line.

Each writer reads a file, changes a line and writes it back with the version it read; after a conflict it takes both in
and writes again. Files are few, so writers meet. Every write is durable (synced) before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parcae.core.workspace import Append, By, Changed, Conflict, Write
from parcae.workspace import Branch, open_workspace

WRITERS, WRITES, FILES, LINES = 60, 50, 20, 40


async def write_once(branch: Branch, rng: random.Random, by: By) -> int:
    """One write that is acknowledged; how many conflicts it took."""
    conflicts = 0
    if rng.random() < 0.3:
        await branch.change(Append(path="log.md", text=f"{by.author}"), by)
        return 0
    path, line = f"notes/{rng.randrange(FILES)}.md", rng.randrange(LINES)
    while True:
        file = branch.look(path)
        await asyncio.sleep(0)  # a model thinks here: others go on
        lines = file.content.decode().splitlines()
        lines[line] = f"{by.author} {rng.random()}"
        edit = Write(path=path, content="".join(f"{one}\n" for one in lines).encode(), based_on=file.version)
        outcome = await branch.change(edit, by)
        if isinstance(outcome, Changed):
            return conflicts
        conflicts += 1


async def writer(branch: Branch, number: int, waits: list[float]) -> int:
    rng, by, conflicts = random.Random(number), By(author=f"run/{number}"), 0
    for _ in range(WRITES):
        started = time.perf_counter()
        conflicts += await write_once(branch, rng, by)
        waits.append(time.perf_counter() - started)
    return conflicts


async def measure(folder: Path, durable: bool) -> dict[str, float]:
    branch = open_workspace(folder, "bench", durable=durable).main
    for number in range(FILES):
        text = "".join(f"line {line}\n" for line in range(LINES)).encode()
        outcome = await branch.change(Write(path=f"notes/{number}.md", content=text), By(author="start"))
        assert not isinstance(outcome, Conflict)
    waits: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()
    conflicts = sum(await asyncio.gather(*(writer(branch, number, waits) for number in range(WRITERS))))
    seconds, total = time.perf_counter() - started, WRITERS * WRITES
    waits.sort()
    return {
        "writes_per_second": round(total / seconds, 1),
        "writes_per_cpu_second": round(total / (time.process_time() - cpu), 1),
        "conflicts": conflicts,
        "median_ms": round(waits[total // 2] * 1e3, 1),
        "p99_ms": round(waits[total * 99 // 100] * 1e3, 1),
    }


def git_writes(folder: Path, count: int = 60) -> float:
    """Writes a second through git's own command line: write the file, add, commit."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    started = time.perf_counter()
    for number in range(count):
        (folder / f"{number % 20}.md").write_text(f"{number}\n")
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "write"], check=True)
    return count / (time.perf_counter() - started)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        result = {
            "writers": WRITERS,
            "durable": asyncio.run(measure(Path(folder) / "a", durable=True)),
            "not_synced": asyncio.run(measure(Path(folder) / "b", durable=False)),
            "git_command_line_writes_per_second": round(git_writes(Path(folder) / "c"), 1),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
