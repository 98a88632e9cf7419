"""SIGKILL at random moments of a run of 50 agents, resume, compare: same final state, no settled call paid twice.

The child process runs the company on a real journal and a real repository; the parent kills it after a random time and
starts it again until it ends. What is compared: who was hired by whom and how each stands, every file with its
content, the answer, and that no (scope, step) was replied to twice except where a swap replaced a step.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from parcae.agents.files import file_tools
from parcae.core.clock import WallClock
from parcae.core.events import Settled, StepReplied
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Amount, Limits
from parcae.ledger.restore import restore
from parcae.models.scripted import ModelResponse, call, together
from parcae.organization.company import Company
from parcae.organization.limits import CompanyLimits
from parcae.organization.office import reopened
from parcae.organization.staff import RANKS, Staffing
from parcae.store.replay import rebuild
from parcae.store.sqlite import SqliteJournal
from parcae.testing.employees import Seen, employees
from parcae.workspace import open_workspace

GROUPS, SIZE = 7, 6  # 1 boss, 7 leads, 42 agents: 50
BUDGET_USD = 5.0
TASK = Task(id="run", kind="goal", question="Write a page each.", comparable=False)


def lead(seen: Seen) -> ModelResponse:
    """Boss and leads: hire, review, hand in."""
    if "you hired" not in seen.text and not seen.replies and not seen.open_people:
        if seen.name == "boss":
            hires = [call("hire", name=f"lead-{n}", role="lead", task=f"lead group {n}") for n in range(GROUPS)]
        else:
            group = seen.name.partition("-")[2]
            hires = [
                call("hire", name=f"page-{group}-{n}", role="a", task=f"write page {group} {n}") for n in range(SIZE)
            ]
        return together(*hires, call("wait"))
    if seen.waiting and not seen.replies:
        return together(*(call("review", name=name, verdict="accept") for name in seen.waiting))
    return call("wait") if set(seen.open_people) - set(seen.waiting) else call("hand_in", summary="all pages")


def author(seen: Seen) -> ModelResponse:
    """Writes a page, adds a line to a file of all, then hands in."""
    path = f"pages/{seen.name}.md"
    if not seen.replies:
        return together(
            call("write_file", path=path, content=f"{seen.name}\n"),
            call("append_file", path="all.md", text=f"{seen.name}\n"),
        )
    return call("hand_in", summary=seen.name, files=[path])


async def work(folder: Path) -> None:
    """Go on with the run in `folder` to its end; this is what gets killed."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        account = await restore("run", Limits(usd=BUDGET_USD), journal, block=Amount())
        main = open_workspace(folder / "work", "run").main
        scope = Scope(id="run", account=account, journal=journal, clock=WallClock(), seed=1, workspace=main)
        model = employees("pages", {"boss": lead, "lead": lead, "page": author}, latency_seconds=0.002)
        staffing = Staffing(ladders=dict.fromkeys(RANKS, (model,)), tools=file_tools(), max_tokens=300)
        so_far = (await rebuild(journal, "run", "run")).steps
        async for _ in Company(staffing=staffing, limits=CompanyLimits()).attempt(
            TASK, model=model, so_far=so_far, scope=scope
        ):
            pass


async def state_of(folder: Path) -> dict[str, object]:
    """What counts of a finished run."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        account = await restore("run", Limits(usd=BUDGET_USD), journal, block=Amount())
        scope = Scope(id="run", account=account, journal=journal, clock=WallClock(), seed=1)
        office = await reopened(scope, CompanyLimits())
        main = open_workspace(folder / "work", "run").main
        replies = Counter((one.event.scope, one.event.step) for one in await journal.read("run", [StepReplied]))
        settled = Counter(one.event.reservation for one in await journal.read("run", [Settled]) if not one.event.closes)
        ending = (await rebuild(journal, "run", "run")).ending
        files = {path: main.read(path).decode() for path in main.paths()}
        files["all.md"] = "".join(sorted(files.get("all.md", "").splitlines(keepends=True)))
        return {
            "chart": {
                one.name: [one.by, one.status]
                for one in sorted(office.chart.employees.values(), key=lambda one: one.name)
            },
            "files": files,
            "ending": None if ending is None else [ending.reason, list(ending.answer)],
            "paid_twice": sum(count > 1 for count in replies.values()),
            "settled_twice": sum(count > 1 for count in settled.values()),
            "within_budget": account.spent.usd <= BUDGET_USD,
        }


def killed(folder: Path, rng: random.Random, kills: int, longest_seconds: float) -> int:
    """Run in child processes that are killed at random moments, `kills` times at most; how often one was."""
    done = 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-m", "experiments.organization.kills", str(folder)], env=dict(os.environ)
        )
        limit = 120.0
        if done < kills:
            _wait_for_journal(folder, child)
            limit = rng.uniform(0.0, longest_seconds)
        try:
            child.wait(timeout=limit)
            return done
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            done += 1


def _wait_for_journal(folder: Path, child: subprocess.Popen[bytes]) -> None:
    """The interpreter's own start is not what is tested."""
    marker = folder / "journal.sqlite.claims"
    before = marker.stat().st_mtime_ns if marker.exists() else 0
    started = time.monotonic()
    while child.poll() is None and time.monotonic() - started < 30:
        if marker.exists() and marker.stat().st_mtime_ns >= before and (folder / "journal.sqlite-wal").exists():
            return
        time.sleep(0.02)


def main(kills: int = 100, per_run: int = 5, longest_seconds: float = 4.0) -> dict[str, object]:
    """`kills` kills over as many runs as that takes; every run must end as an undisturbed one."""
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(work(Path(name)))
        whole = asyncio.run(state_of(Path(name)))
    rng, done, runs, same = random.Random(7), 0, 0, 0
    while done < kills and runs < kills:
        with tempfile.TemporaryDirectory() as name:
            done += killed(Path(name), rng, min(per_run, kills - done), longest_seconds)
            same += asyncio.run(state_of(Path(name))) == whole
            runs += 1
    result: dict[str, object] = {
        "kills": done,
        "runs": runs,
        "same_final_state": same,
        "paid_twice": whole["paid_twice"],
        "agents": len(whole["chart"]),  # type: ignore[arg-type]
    }
    out = Path("out/evidence/kills.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1))
    print(result)
    return result


if __name__ == "__main__":
    if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir():
        asyncio.run(work(Path(sys.argv[1])))
    else:
        main(*(int(one) for one in sys.argv[1:2]))
