"""The report of an organisation as people read it in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parcae.cli.show import dollars
from parcae.cli.terminal import Terminal
from parcae.organization.report import RunReport, Worked, side_by_side

MOST_ROWS = 30
MOST_INCIDENTS = 10


def show_company(
    report: RunReport, notes: Sequence[str] = (), console: Console | None = None, *, where: Path | None = None
) -> None:
    """What was made, by whom, reviews, costs, incidents and cures, on stdout."""
    console = console or Terminal(highlight=False, soft_wrap=True)

    def say(text: str) -> None:
        console.print(text, markup=False)

    for note in (*report.notes, *notes):
        say(f"note: {note}")
    say(f"status {report.status}{f': {report.detail}' if report.detail else ''}")
    for text in report.answer[:1]:
        say(text)
    console.print(_employees(report.employees))
    say(f"{len(report.employees)} agents, {report.depth} levels, {report.seconds:.1f} seconds")
    for file in report.files[:MOST_ROWS]:
        say(f"file {file.path} (by {file.author})")
    if len(report.files) > MOST_ROWS:
        say(f"and {len(report.files) - MOST_ROWS} more files: parcae runs files {report.run}")
    accepted = sum(one.accepted for one in report.reviews)
    say(f"reviews: {len(report.reviews)}, {accepted} accepted, {len(report.reviews) - accepted} sent back")
    _incidents(report, console)
    for name, cost in report.by_model.items():
        nominal = " (nominal)" if cost.nominal else ""
        tokens = f"{cost.usage.prompt_tokens:,} + {cost.usage.completion_tokens:,} tokens"
        say(f"{name}: {cost.calls} calls, {tokens}, {dollars(cost.cost_usd)}{nominal}")
    no_single = "" if report.single else "; no single agent ran beside it (--compare-single)"
    say(f"total {dollars(report.cost_usd)}{no_single}")
    if report.single is not None:
        console.print(_beside(report))
    if where is not None:
        say(f"the files lie in {where}")
    if report.merge and report.files:
        say(f"take the files over: {report.merge}")
    console.print(f"run {report.run}", style="dim")


def _employees(employees: Sequence[Worked]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("who", "state", "turns", "cost", "result"):
        table.add_column(head, justify="right" if head in ("turns", "cost") else "left")
    shown = sorted(employees, key=lambda one: one.depth)[:MOST_ROWS]
    for one in shown:
        result = Text(" ".join(one.result.split())[:70])  # as Text: an agent's brackets are no markup
        table.add_row("  " * (one.depth - 1) + one.name, one.status, str(one.turns), dollars(one.cost_usd), result)
    if len(employees) > MOST_ROWS:
        table.add_row(f"and {len(employees) - MOST_ROWS} more", "", "", "", "")
    return table


def _incidents(report: RunReport, console: Console) -> None:
    counts = Counter((one.detector, one.cure) for one in report.incidents)
    for (detector, cure), count in counts.most_common(MOST_INCIDENTS):
        console.print(f"incident {detector} x {count}: {cure}", markup=False)
    for text in report.money_incidents:
        console.print(f"incident money: {text}", markup=False)


def _beside(report: RunReport) -> Table:
    """The organisation and one agent alone, a row each."""
    table = Table(box=None, pad_edge=False)
    for head in ("who tried", "status", "cost", "seconds", "steps", "result"):
        table.add_column(head, justify="right" if head in ("cost", "seconds", "steps") else "left")
    for one in side_by_side(report):
        figures = (dollars(one.cost_usd), f"{one.seconds:.1f}", str(one.steps))
        table.add_row(one.who, one.status, *figures, Text(" ".join(one.result.split())[:70]))
    return table
