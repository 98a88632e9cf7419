"""For experiments that kill a run again and again: the bill beside its journal, the kill, and what is reported."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ModelMessage

from parcae.core.events import StepReplied
from parcae.store.sqlite import SqliteJournal

ROOT = Path(__file__).parents[1]


def put_on_bill(bill: Path, asked: str) -> None:
    """Write a call down in one write: whole or absent, whenever the process dies."""
    file = os.open(bill, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{asked}\n".encode())
    os.close(file)


def billed(bill: Path) -> list[str]:
    """The calls on the bill, in order."""
    return bill.read_text().splitlines() if bill.exists() else []


def digest(messages: Sequence[ModelMessage]) -> str:
    """What was said in a conversation, without when."""
    said = [
        [str(getattr(part, "content", None) or getattr(part, "args", "")) for part in one.parts] for one in messages
    ]
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


async def settled(folder: Path, run: str) -> set[str]:
    """The calls of `run` whose replies the journal in `folder` holds."""
    async with SqliteJournal.open(folder / "journal.sqlite") as journal:
        replied = await journal.read(run, [StepReplied])
    return {entry.event.reply.provider_response_id or "" for entry in replied}


def live_command(module: str, folder: Path) -> list[str]:
    """What lets the run in `folder` live in a process of its own, which `module` does when it is told "live"."""
    return [sys.executable, "-m", module, "live", str(folder)]


def killed(command: Sequence[str], seconds: float | None, *, since: Callable[[], bool] = lambda: True) -> bool:
    """Let a process live for `seconds` after its first line, then kill it; False if it ended well by itself.

    The seconds begin when `since` holds: a machine with other work is slow, and slow at other times than before.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while process.poll() is None and not since():
            time.sleep(0.002)
        try:
            assert process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        return False


def asked_for(doc: str | None, *, runs: int, kills: int) -> argparse.Namespace:
    """`runs`, `kills` and `seed` of the command line; as they stand here where all evidence is made."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args([] if sys.argv[0].endswith("evidence.py") else None)


def reported(lives: Sequence[Any], evidence: Path, **more: float) -> None:
    """Print what was found, and keep it in `evidence`; a life has `kills`, `in_flight`, `again` and `same`."""
    found = {
        "runs": len(lives),
        "kills": sum(life.kills for life in lives),
        "calls_in_flight_paid_again": sum(life.in_flight for life in lives),
        "settled_calls_paid_again": sum(life.again for life in lives),
        "same_final_state": sum(life.same for life in lives),
        **more,
    }
    evidence.parent.mkdir(parents=True, exist_ok=True)
    evidence.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(evidence.read_text())
