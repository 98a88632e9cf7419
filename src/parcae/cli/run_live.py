"""What a person sees while an organisation works: its tree with who, state, step, cost and last action. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.live import Live
from rich.table import Table

from parcae.cli.live import Board
from parcae.cli.terminal import Terminal
from parcae.core.scope import LiveEvent

SHOWN = 24


@dataclass(slots=True)
class _Row:
    depth: int
    what: str = ""
    status: str = ""
    turn: int = 0
    cost_usd: float = 0.0
    seen: int = 0


@dataclass(slots=True)
class CompanyBoard(Board):
    """Takes LiveEvents of employees and draws the tree; when it is large, those who did something last."""

    rows: dict[str, _Row] = field(default_factory=dict)
    note: str = ""
    count: int = 0

    def show(self, event: LiveEvent) -> None:
        """Take one event in."""
        self.count += 1
        _, _, inside = event.scope.partition("/company")
        names = [name for name in inside.split("/") if name and not name.startswith(("turn-", "attempt-"))]
        if not names:
            self.note = event.what
            return
        if event.text in ("", None) or "turn-" in event.scope:
            return
        row = self.rows.setdefault("/".join(names), _Row(depth=len(names)))
        row.what, row.status, row.turn, row.seen = event.what, event.text, event.step or 0, self.count
        row.cost_usd = event.cost_usd or 0.0
        if len(names) == 1:
            self.spent_usd = max(self.spent_usd, row.cost_usd)

    def __rich__(self) -> Table:
        """One row an employee, indented by rank."""
        done = sum(row.status == "done" for row in self.rows.values())
        budget = "" if self.budget_usd is None else f" of ${self.budget_usd:.2f}"
        caption = f"{len(self.rows)} employees, {done} done, spent ${self.spent_usd:.4f}{budget} {self.note}"
        table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
        for head in ("who", "state", "turn", "did", "cost"):
            table.add_column(head, no_wrap=True, justify="right" if head in ("turn", "cost") else "left")
        latest = sorted(self.rows, key=lambda name: -self.rows[name].seen)[:SHOWN]
        for name in sorted(latest):
            row = self.rows[name]
            indent = "  " * (row.depth - 1)
            cost = f"${row.cost_usd:.4f}"
            table.add_row(indent + name.rpartition("/")[2], row.status, str(row.turn), row.what[:50], cost)
        return table


@contextmanager
def watching_company(budget_usd: float | None, *, quiet: bool = False) -> Iterator[CompanyBoard]:
    """A board that is drawn on stderr while the block runs; on a pipe nothing is drawn."""
    board = CompanyBoard(budget_usd=budget_usd)
    if quiet or not sys.stderr.isatty():
        yield board
        return
    with Live(board, console=Terminal(stderr=True), refresh_per_second=8, transient=True):
        yield board
