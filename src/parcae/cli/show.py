"""A report as people read it in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parcae.cli.terminal import Terminal
from parcae.jobs.report import Report

MOST_SUSPECTS = 10


def show_report(report: Report, console: Console | None = None) -> None:
    """Suspects, costs, swaps and the all-strong baseline, on stdout."""
    console = console or Terminal(highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    console.print(_suspects(report) if report.suspects else "No attempt named a suspect.")
    console.print(f"confidence {report.confidence:.2f}, {len(report.attempts)} attempts, status {report.status}")
    for name, cost in report.by_model.items():
        nominal = " (nominal)" if cost.nominal else ""
        tokens = f"{cost.usage.prompt_tokens:,} + {cost.usage.completion_tokens:,} tokens"
        console.print(f"{name}: {cost.calls} calls, {tokens}, {dollars(cost.cost_usd)}{nominal}", markup=False)
    for swap in report.swaps:
        who = f"{len(swap.attempts)} attempts" if len(swap.attempts) != 1 else "1 attempt"
        console.print(f"{swap.action}: {who} to {swap.to_model}: {swap.why}", markup=False)
    console.print(f"total {dollars(report.cost_usd)}; {_baseline(report)}", markup=False)
    console.print(f"run {report.run}", style="dim")


def _suspects(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("", "suspect", "where", "share"):
        table.add_column(head, justify="right" if head in ("", "share") else "left")
    for rank, suspect in enumerate(report.suspects[:MOST_SUSPECTS], start=1):
        where = "" if suspect.file is None else f"{suspect.file}:{suspect.line}"
        table.add_row(str(rank), Text(suspect.name), Text(where), f"{suspect.score:.2f}")
    return table


def _baseline(report: Report) -> str:
    baseline = report.baseline
    how = "estimated from this run's tokens" if baseline.estimated else "measured"
    text = f"all attempts on {baseline.model} would have cost {dollars(baseline.cost_usd)} ({how})"
    if baseline.answer:
        text += f" and named {baseline.answer[0].name}"
    return text


def dollars(cost_usd: float | None) -> str:
    """A sum of money for people; an unknown one says so."""
    return "an unknown amount" if cost_usd is None else f"${cost_usd:.4f}"
