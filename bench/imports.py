"""How long it takes to import Parcae and to show its help: each in fresh processes, the shortest and the median.

    python bench/imports.py [--repeats 10] [--json]

The interpreter alone stands beside them. Bounds: `import parcae` 0.3 s, `parcae --help` 0.5 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

CASES = {
    "python alone": (["-c", "pass"], None),
    "import parcae": (["-c", "import parcae"], 0.3),
    "parcae --help": (["-m", "parcae", "--help"], 0.5),
    "parcae runs --help": (["-m", "parcae", "runs", "--help"], None),
}


def seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {name: [seconds(case) for _ in range(options.repeats)] for name, (case, _) in CASES.items()}
    if options.json:
        print(json.dumps({name: {"least": min(one), "median": statistics.median(one)} for name, one in found.items()}))
        return
    for name, one in found.items():
        bound = CASES[name][1]
        note = "" if bound is None else f"   bound {bound} s: {'held' if min(one) <= bound else 'MISSED'}"
        print(f"{name:<20} {min(one):6.3f} s least {statistics.median(one):6.3f} s median{note}")


if __name__ == "__main__":
    main()
