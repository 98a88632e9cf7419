"""Runs plain test functions, each request in a process of its own. Runs inside the sandbox, without Parcae."""

import importlib.util
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
CPU_SECONDS = 2
WALL_SECONDS = 20


def run(test):
    """{test id: what went wrong, or None} of a file or of one function in it."""
    path, _, only = test.partition("::")
    spec = importlib.util.spec_from_file_location("tests_here", HERE / path)
    module = importlib.util.module_from_spec(spec)
    found = {}
    try:
        spec.loader.exec_module(module)
    except BaseException:  # noqa: BLE001  # whatever a test does is its verdict
        return {test: traceback.format_exc()}
    for name in [only] if only else [name for name in vars(module) if name.startswith("test_")]:
        try:
            getattr(module, name)()
            found[f"{path}::{name}"] = None
        except BaseException:  # noqa: BLE001  # whatever a test does is its verdict
            found[f"{path}::{name}"] = traceback.format_exc(limit=-6)
    return found


def apart(tests):
    """`run` in a child; a child that says nothing failed."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(WALL_SECONDS)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        found = {}
        for test in tests:
            found.update(run(test))
        with os.fdopen(sink, "w") as file:
            json.dump(found, file)
        os._exit(0)
    os.close(sink)
    with os.fdopen(source) as file:
        text = file.read()
    os.waitpid(child, 0)
    try:
        return json.loads(text)
    except ValueError:
        return dict.fromkeys(tests, "it did not end in time")


def main():
    """Answer what `.asked.json` asks, in one line of JSON."""
    sys.path.insert(0, str(HERE))
    asked = json.loads((HERE / ".asked.json").read_text())
    if "orders" in asked:
        target, passes = HERE / asked["path"], {}
        for order in asked["orders"]:
            for version in order:
                if version not in passes:
                    target.write_text(version)
                    passes[version] = not any(apart(asked["tests"]).values())
                if passes[version]:
                    break
        print(json.dumps({"passes": passes}))
        return
    found = apart(asked["tests"])
    failed = {test: wrong for test, wrong in found.items() if wrong}
    output = "\n".join(failed.values())[-4000:]
    print(json.dumps({"passed": sorted(set(found) - set(failed)), "failed": sorted(failed), "output": output}))


main()
