"""SIGKILL at random moments while eight writers write: every acknowledged write is there, and no tree is broken."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from parcae.workspace import open_workspace

WRITER = """
import asyncio, sys
from pathlib import Path
from parcae.core.workspace import Append, By
from parcae.workspace import open_workspace
async def main():
    branch = open_workspace(Path(sys.argv[1]), "run").main
    async def writer(who):
        for number in range(10**6):
            text = f"{who} {number} {'x' * 200}"
            await branch.change(Append(path=f"{who % 3}/log", text=text), By(author=str(who)))
            print(f"{who % 3} {who} {number}", flush=True)
    await asyncio.gather(*map(writer, range(8)))
try:
    asyncio.run(main())
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""


def acknowledged(output: str) -> set[tuple[str, str]]:
    """(file, writer and number) of every write that the process printed after it was acknowledged."""
    complete = output[: output.rfind("\n") + 1].splitlines()
    return {
        (where, f"{who} {number}") for where, who, number in (one.split() for one in complete if one.count(" ") == 2)
    }


def there(folder: Path) -> set[tuple[str, str]]:
    """The same of every write that is in the branch."""
    main = open_workspace(folder, "run").main
    return {
        (path.partition("/")[0], " ".join(entry.split()[:2]))
        for path in main.paths()
        for entry in main.read(path).decode().splitlines()
    }


def kills(rounds: int, folder: Path, seed: int = 1) -> dict[str, int]:
    """Start, kill and open again, `rounds` times on one repository, so that each life begins with what a kill left."""
    rng, known, lost, broken = random.Random(seed), set[tuple[str, str]](), 0, 0
    for life in range(rounds):
        place = folder / f"{life // 10}"  # ten lives to a repository
        known = known if life % 10 else set()
        with subprocess.Popen([sys.executable, "-c", WRITER, str(place)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            seen = [process.stdout.readline() for _ in range(rng.randrange(1, 60))]
            process.kill()
            seen.append(process.stdout.read())
        known |= acknowledged("".join(seen))
        lost += len(known - there(place))
        fsck = subprocess.run(["git", "-C", str(place), "fsck", "--strict"], capture_output=True, check=False)
        broken += fsck.returncode != 0
    return {"kills": rounds, "acknowledged_writes_lost": lost, "broken_repositories": broken}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = kills(100, Path(folder))
    out = Path("out/evidence/workspace_kills.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main()
