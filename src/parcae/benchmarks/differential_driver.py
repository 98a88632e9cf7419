"""Runs one use of a library on many cases and prints what came of each as JSON. Runs in the sandbox, by itself.

Usage: python differential_driver.py REQUEST, where REQUEST is a JSON file: `root` (the folder with the library),
`package`, `source`, `function`, `cases` (Python literals as text), `trace` (whether to say which lines ran) and
`seconds` (for each case). It imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

Result = dict[str, str]


class _TooSlow(BaseException):
    """A signal from the timer to the case; no `except Exception` of a library swallows it."""


def main(request_file: str) -> None:
    """Read the request, run the cases, print the results."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    sys.path.insert(0, request["root"])
    inside = os.path.join(request["root"], request["package"]) + os.sep
    signal.signal(signal.SIGALRM, _too_slow)
    names: dict[str, Any] = {"__name__": "use"}
    exec(compile(request["source"], "<use>", "exec"), names)
    use, cases, seconds = names[request["function"]], request["cases"], request["seconds"]
    results, lines = _traced(use, cases, seconds, inside) if request["trace"] else (_run_all(use, cases, seconds), [])
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    files = sorted(name[len(request["root"]) + 1 :] for name in loaded if name.startswith(inside))
    sys.stdout.write(json.dumps({"results": results, "lines": lines, "files": files}))


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise _TooSlow


def _run_all(
    use: Callable[[Any], object], cases: list[str], seconds: float, before: Callable[[str], object] = str
) -> list[Result]:
    results: list[Result] = []
    for place, case in enumerate(cases):
        before(str(place))
        if results and results[-1]["status"] == "too slow":  # what hangs once will hang again
            results.append(results[-1])
        else:
            results.append(_run(use, eval(case), seconds))
    return results


def _run(use: Callable[[Any], object], case: Any, seconds: float) -> Result:
    status, value = "ok", ""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        outcome = use(case)
        value = repr(outcome)
        if eval(value) != outcome:
            status = "not comparable"
    except _TooSlow:
        status = "too slow"
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a broken library may raise anything: that is a result
        status, value = "raised", f"{type(error).__name__} in {_innermost(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {"status": status, "value": value}


def _innermost(error: BaseException) -> str:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step.tb_frame.f_code.co_name if step is not None else ""


def _traced(
    use: Callable[[Any], object], cases: list[str], seconds: float, inside: str
) -> tuple[list[Result], list[dict[str, list[int]]]]:
    """The results, and for each case the lines that it ran, by file of the library."""
    import coverage

    watch = coverage.Coverage(data_file=None, config_file=False, source=[inside])
    watch.start()
    results = _run_all(use, cases, seconds, watch.switch_context)
    watch.stop()
    data, lines = watch.get_data(), []
    for place in range(len(cases)):
        data.set_query_context(str(place))
        by_file = {file: data.lines(file) or [] for file in data.measured_files()}
        lines.append({file[len(inside) :]: sorted(found) for file, found in by_file.items() if found})
    return results, lines


if __name__ == "__main__":
    main(sys.argv[1])
