"""The recorded MegaAgent run once more through our files: every write arrives, or is kept and named.

Each agent writes what the recording says, based on the version that it last read or wrote there. The recording is
third-party data and is read where it lies. Messages go through mailboxes in the organisation's own replay.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
from pathlib import Path

from experiments.organization.memory import recording

from parcae.core.protocols import ToolRefused
from parcae.core.workspace import By, Changed, Conflict, Write
from parcae.workspace import Branch, history, open_workspace


async def replay(path: Path, folder: Path) -> dict[str, int]:
    """Walk the recording; the figures say what became of every write, and whether each text can still be read."""
    with gzip.open(path, "rt") as file:
        events = [json.loads(line) for line in file]
    main = open_workspace(folder, "replay").main
    known: dict[tuple[str, str], str] = {}
    outcomes: list[tuple[Write, Changed | Conflict]] = []
    for event in events:
        if event["kind"] != "assistant" or event["tool"] not in ("read_file", "write_file"):
            continue
        agent, name = event["agent"], event["arguments"]["filename"]
        if event["tool"] == "read_file":
            _read(main, known, agent, name)
            continue
        content = event["arguments"]["content"].encode()
        edit = Write(path=name, content=content, based_on=known.get((agent, name)))
        by = By(author=f"replay/{agent}", step=event["event"], key=f"{event['event']}", at=event["time_seconds"])
        outcome = await main.change(edit, by)
        outcomes.append((edit, outcome))
        if isinstance(outcome, Changed) and outcome.version is not None:
            known[agent, name] = outcome.version
        elif isinstance(outcome, Conflict):
            _read(main, known, agent, name)
    return {**_figures(main, outcomes), "recorded_writes": sum(one["kind"] == "file_write" for one in events)}


def _read(main: Branch, known: dict[tuple[str, str], str], agent: str, name: str) -> None:
    try:
        known[agent, name] = main.look(name).version
    except ToolRefused:
        known.pop((agent, name), None)


def _figures(main: Branch, outcomes: list[tuple[Write, Changed | Conflict]]) -> dict[str, int]:
    repo = main.objects.repo
    lost = 0
    for edit, outcome in outcomes:
        where = outcome.kept if isinstance(outcome, Conflict) else outcome.commit
        there = repo.revparse_single(f"{where}:{edit.path}").data  # type: ignore[attr-defined]
        merged = isinstance(outcome, Changed) and outcome.merged
        lost += there != edit.content and not merged
    return {
        "writes": len(outcomes),
        "acknowledged": sum(isinstance(one, Changed) for _, one in outcomes),
        "merged": sum(isinstance(one, Changed) and one.merged for _, one in outcomes),
        "kept_and_named": sum(isinstance(one, Conflict) for _, one in outcomes),
        "lost": lost,
        "commits": sum(1 for _ in history(main)),
        "files": len(main.paths()),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(replay(recording(), Path(folder) / "work"))
    out = Path("out/evidence/replay_files.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main()
