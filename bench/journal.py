"""Durable appends a second, a single append, and resuming a long journal.

    python bench/journal.py [--json]

Appends of 1 kB by 200 writers side by side, each waiting until its own is synced (group commit); one writer alone,
whose every append is a sync; and the time to open a journal of 10,000 steps and rebuild the attempt. Bounds: 10,000
appends a second, 1 s. A sync on the same disk, alone, is measured beside them: everything hangs on it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from pydantic_ai.messages import ModelResponse, ToolCallPart

from parcae.core.events import StepCompleted, StepObserved, StepReplied
from parcae.core.protocols import Event
from parcae.core.trajectory import Observation
from parcae.store.replay import rebuild
from parcae.store.sqlite import SqliteJournal

WRITERS, EACH, STEPS = 200, 50, 10_000
BOUND_APPENDS, BOUND_RESUME_SECONDS = 10_000.0, 1.0
OUT = Path(__file__).parents[1] / "out"


def observed(scope: str, step: int) -> StepObserved:
    return StepObserved(scope=scope, step=step, observation=Observation(call_id="c", tool="read", content="x" * 900))


async def appends_a_second(folder: Path) -> float:
    async def write(journal: SqliteJournal, scope: str) -> None:
        for step in range(EACH):
            await journal.append([observed(scope, step)])

    async with SqliteJournal.open(folder / "many.sqlite") as journal:
        await journal.append([observed("run", 0)])
        begun = time.perf_counter()
        await asyncio.gather(*(write(journal, f"run/{number}") for number in range(WRITERS)))
        return WRITERS * EACH / (time.perf_counter() - begun)


async def alone_ms(folder: Path, appends: int = 200) -> float:
    """The median of single appends."""
    async with SqliteJournal.open(folder / "alone.sqlite") as journal:
        seconds = []
        for step in range(appends):
            begun = time.perf_counter()
            await journal.append([observed("run", step)])
            seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[appends // 2] * 1e3


def sync_ms(folder: Path, syncs: int = 200) -> float:
    """The median time in which the disk alone takes a 4 kB page."""
    seconds = []
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(syncs):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[syncs // 2] * 1e3


async def resume_seconds(folder: Path) -> dict[str, float]:
    """The shortest of five times to open the journal and rebuild its attempt."""
    file = folder / "long.sqlite"
    async with SqliteJournal.open(file) as journal:
        for start in range(0, STEPS, 500):
            await journal.append([event for step in range(start, start + 500) for event in step_events(step)])
    walls, cpus = [], []
    for _ in range(5):
        wall, cpu = time.perf_counter(), time.process_time()
        async with SqliteJournal.open(file) as journal:
            assert len((await rebuild(journal, "run", "t")).steps) == STEPS
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall_seconds": min(walls), "cpu_seconds": min(cpus)}


def step_events(step: int) -> list[Event]:
    call = ToolCallPart(tool_name="read", args={"path": "a.py"}, tool_call_id="c")
    return [
        StepReplied(scope="run", step=step, model="m", reply=ModelResponse(parts=[call])),
        observed("run", step),
        StepCompleted(scope="run", step=step, model="m"),
    ]


async def measured(folder: Path) -> dict[str, object]:
    appends = [await appends_a_second(folder / str(number)) for number in range(3)]
    return {
        "appends_a_second": max(appends),
        "alone_ms": await alone_ms(folder),
        "sync_ms": sync_ms(folder),
        "resume": await resume_seconds(folder),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT) as folder:  # on the disk of this checkout, not in memory
        found = asyncio.run(measured(Path(folder)))
    if options.json:
        print(json.dumps(found))
        return
    appends, resume = found["appends_a_second"], found["resume"]
    assert isinstance(appends, float) and isinstance(resume, dict)
    held = "held" if appends >= BOUND_APPENDS else "MISSED"
    print(f"{appends:10.0f} durable 1 kB appends/s by {WRITERS} writers   bound {BOUND_APPENDS:.0f}: {held}")
    print(f"{found['alone_ms']:10.3f} ms for one append alone; the disk takes {found['sync_ms']:.3f} ms for a sync")
    held = "held" if resume["wall_seconds"] <= BOUND_RESUME_SECONDS else "MISSED"
    print(
        f"{resume['wall_seconds']:10.3f} s ({resume['cpu_seconds']:.3f} s CPU) to resume {STEPS} steps   "
        f"bound {BOUND_RESUME_SECONDS} s: {held}"
    )


if __name__ == "__main__":
    main()
