"""The survey of a code base as users start it: whole, killed half way and resumed, counted again, beside one agent.

    python -m experiments.organization.survey [FOLDER] [--budget USD]

FOLDER is the standard library that the system's Python has, unless another is named. What the report says is compared
with a count over the syntax trees that shares no code with the survey; the killed run's files with those of the whole
one, byte for byte. Each process gets another seed for the order of sets, as processes of users do.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

GOAL = "Survey this code base"
REPORT = "REPORT.md"
BRANCHING = ast.If | ast.IfExp | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler
POLL_SECONDS = 0.05
LIBRARY = Path(f"/usr/lib/python{sys.version_info.major}.{sys.version_info.minor}")


def started(folder: Path, home: Path, out: Path, *flags: str, sets: int) -> subprocess.Popen[str]:
    """`parcae run` on `folder`, in a process of its own whose sets are ordered by the seed `sets`."""
    arguments = ["run", GOAL, "--models", "builtin:large", "--workspace", str(folder), "--out", str(out), *flags]
    return _parcae(*arguments, home=home, sets=sets)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The report of a run that is waited for."""
    said, _ = process.communicate()
    report: dict[str, Any] = json.loads(said)
    return report


def killed(process: subprocess.Popen[str], home: Path, results: int) -> str:
    """Kill `process` with SIGKILL as soon as its journal holds so many results; the name of its run."""
    while process.poll() is None and _results(home) < results:
        time.sleep(POLL_SECONDS)
    if process.poll() is not None:
        raise AssertionError(f"the run ended before {results} results were handed in")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with _reading(home) as journal:
        (run,) = journal.execute("SELECT scope FROM events WHERE kind LIKE 'run.started/%'").fetchone()
    return str(run)


def resumed(run: str, home: Path, out: Path, *, sets: int) -> dict[str, Any]:
    """The report of `run` after it went on to its end."""
    return ended(_parcae("runs", "resume", run, "--out", str(out), home=home, sets=sets))


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file that was written to `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outcome_of(report: dict[str, Any]) -> dict[str, Any]:
    """What two runs at one goal must agree on; not their name, cost and order of reviews."""
    return {
        "status": report["status"],
        "answer": report["answer"],
        "agents": report["agents"],
        "depth": report["depth"],
        "incidents": report["incidents"],
        "files": sorted((one["path"], one["author"]) for one in report["files"]),
        "reviews": sorted((one["who"], one["by"], one["accepted"]) for one in report["reviews"]),
    }


# ---- the independent count


def counted(folder: Path) -> dict[str, int]:
    """What the syntax trees below `folder` hold, counted without the survey's code; symbolic links are passed over."""
    total: Counter[str] = Counter()
    for path in _modules(folder):
        total["modules"] += 1
        try:
            tree = ast.parse(path.read_bytes().decode())
        except (SyntaxError, ValueError):
            continue
        nodes = list(_outside_fstrings(tree))
        total["functions"] += sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in nodes)
        total["classes"] += sum(isinstance(one, ast.ClassDef) for one in nodes)
        total["import statements"] += sum(isinstance(one, ast.Import | ast.ImportFrom) for one in nodes)
        total["decisions"] += sum(map(_decides, nodes))
    return dict(total)


def claimed(report_text: str) -> dict[str, int]:
    """The same figures as the survey's report states them."""
    names = ("modules", "functions", "classes", "import statements", "decisions")
    found = {name: re.search(rf"(\d+) {name}\b", report_text) for name in names}
    return {name: int(match[1]) for name, match in found.items() if match is not None}


def _modules(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if one != "__pycache__" and not (Path(at) / one).is_symlink()]
        yield from (Path(at) / one for one in names if one.endswith(".py") and not (Path(at) / one).is_symlink())


def _outside_fstrings(tree: ast.AST) -> Iterator[ast.AST]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.JoinedStr)]


def _decides(node: ast.AST) -> int:
    if isinstance(node, BRANCHING):
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return int(isinstance(node, ast.match_case) and node.guard is not None)


# ---- processes and journals


def _parcae(*arguments: str, home: Path, sets: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "parcae", *arguments, "--home", str(home), "--json"]
    environment = {**os.environ, "PYTHONHASHSEED": str(sets)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


def _reading(home: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{home / 'journal.sqlite'}?mode=ro", uri=True, timeout=30))


def _results(home: Path) -> int:
    """How many results the journal in `home` holds; 0 while there is none."""
    try:
        with _reading(home) as journal:
            found = journal.execute("SELECT count(*) FROM events WHERE kind LIKE 'company.handed_in/%'").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(found[0])


# ---- the whole experiment


def _whole(folder: Path, place: Path, budget: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report of an undisturbed run with one agent beside it, and its figures."""
    home = place / "home-1"
    report = ended(started(folder, home, place / "whole", "--budget", budget, "--compare-single", sets=1))
    return report, {
        "seconds": _seconds(home, f"{report['run']}/company"),
        "agents": report["agents"],
        "depth": report["depth"],
        "status": report["status"],
        "cost_usd": report["cost_usd"],
        "budget_usd": float(budget),
        "accepted": sum(one["accepted"] for one in report["reviews"]),
        "incidents": len(report["incidents"]),
        "peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10,
        "answer": report["answer"][0],
        "single": {**report["single"], "seconds": _seconds(home, f"{report['run']}/single")},
    }


def _killed(folder: Path, place: Path, budget: str, agents: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report of a run that was killed when half of the results were handed in, and its figures."""
    home = place / "home-2"
    process = started(folder, home, place / "resumed", "--budget", budget, sets=2)
    run = killed(process, home, agents // 2)
    report = resumed(run, home, place / "resumed", sets=3)
    return report, {"cost_usd": report["cost_usd"], "seconds": _seconds(home, f"{run}/company")}


def _compared(place: Path, report: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    one, other = files_of(place / "whole"), files_of(place / "resumed")
    return {
        "same_outcome": outcome_of(again) == outcome_of(report),
        "same_report": one[REPORT] == other[REPORT],
        "files": len(one),
        "files_that_differ": sorted(path for path in {*one, *other} if one.get(path) != other.get(path)),
    }


def _seconds(home: Path, scope: str) -> int:
    """Between the first and the last event in `scope`, by the journal's clock."""
    with _reading(home) as journal:
        query = "SELECT min(at), max(at) FROM events WHERE scope = ? OR scope LIKE ?"
        first, last = journal.execute(query, (scope, f"{scope}/%")).fetchone()
    return round(last - first)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """All of it; the figures as printed and kept in out/evidence/survey.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=LIBRARY)
    parser.add_argument("--budget", default="80")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        report, whole = _whole(given.folder, place, given.budget)
        text = (place / "whole" / REPORT).read_text()
        result = {"whole": whole, "claimed": claimed(text), "counted": counted(given.folder)}
        print(json.dumps(result, indent=1), flush=True)
        again, figures = _killed(given.folder, place, given.budget, report["agents"])
        result["killed"] = {**figures, **_compared(place, report, again)}
    out = Path("out/evidence/survey.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1))
    print(json.dumps(result["killed"], indent=1))
    return result


if __name__ == "__main__":
    main()
