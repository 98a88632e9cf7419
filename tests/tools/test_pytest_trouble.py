"""What is said of a run of pytest without a failing test."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcae.core.errors import CallerMistake
from parcae.tools.pytest_run import Report
from parcae.tools.pytest_trouble import check_failing
from parcae.tools.sandbox import Finished

WARNING = """/x/site-packages/plugin.py:207: PytestDeprecationWarning: The option "scope" is unset.
It will be set.

  warnings.warn(PytestDeprecationWarning(UNSET))
"""


@pytest.mark.parametrize(
    ("stdout", "stderr", "cause"),
    [
        ("", WARNING, "it said nothing"),
        ("the database is not there\n", WARNING, "the database is not there"),
        ("", f"the database is not there\n{WARNING}", "the database is not there"),
        ("", f"{WARNING}{WARNING}Fatal: no database\n", "Fatal: no database"),
    ],
)
def test_a_warning_is_not_the_cause(stdout: str, stderr: str, cause: str) -> None:
    finished = Finished(exit_code=3, stdout=stdout, stderr=stderr, seconds=1.0)
    with pytest.raises(CallerMistake, match=rf"exit code 3\): {cause};"):
        check_failing(Report(finished=finished), Path("project"), "tests/test_x.py")
