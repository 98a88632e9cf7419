"""What agents wrote is text in a terminal too."""

from __future__ import annotations

import pytest

from parcae.cli.show import show_report
from parcae.cli.terminal import tell
from parcae.jobs.report import Baseline, Report, Suspect

STEERING = "a\x1b[2J\x1b]52;c;eA==\x07 b\u202ec\rd \x9b2J"
SHOWN = "a\ufffd[2J\ufffd]52;c;eA==\ufffd b\ufffdc\ufffdd \ufffd2J"


def test_a_report_steers_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    name = f"[/x]{STEERING}"
    report = Report(
        run="run-1", kind="locate", title="t", question="q", status="done", confidence=1.0, cost_usd=0.01,
        suspects=(Suspect(name=name, score=1.0, file=None, line=None),), by_model={}, swaps=(), forecasts=(),
        baseline=Baseline(model="m", cost_usd=0.1, estimated=True), attempts=(), notes=(name,),
    )  # fmt: skip
    show_report(report)
    out = capsys.readouterr().out
    assert out.count("\ufffd[2J") == 2 and "]52;" in out
    assert not set(out) & set("\x07\x9b\r\u202e")
    assert "\x1b[2J" not in out and "\x1b]" not in out


def test_a_line_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"{STEERING}\r\n\tend")
    assert capsys.readouterr().out == f"{SHOWN}\r\n\tend\n"
