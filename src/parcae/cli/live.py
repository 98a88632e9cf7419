"""What a person sees while a job runs: one line an attempt, and the money. On stderr; lossy; decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.live import Live
from rich.table import Table

from parcae.cli.terminal import Terminal
from parcae.core.scope import LiveEvent


@dataclass(slots=True)
class _Line:
    """The latest of one attempt."""

    model: str = ""
    step: int = 0
    what: str = ""
    cost_usd: float | None = None


@dataclass(slots=True)
class Board:
    """Takes LiveEvents and draws them. `budget_usd` None: no limit in dollars."""

    budget_usd: float | None
    lines: dict[str, _Line] = field(default_factory=dict)
    spent_usd: float = 0.0

    def show(self, event: LiveEvent) -> None:
        """Take one event in."""
        if event.what == "spent" and event.cost_usd is not None:
            self.spent_usd = event.cost_usd
            return
        line = self.lines.setdefault(event.scope.rsplit("/", 1)[-1], _Line())
        line.model = event.model or line.model
        line.step = line.step if event.step is None else event.step
        line.what = f"{event.what} {event.text}".strip()[:60]
        line.cost_usd = event.cost_usd if event.cost_usd is not None else line.cost_usd

    def __rich__(self) -> Table:
        """One row an attempt."""
        budget = "" if self.budget_usd is None else f" of ${self.budget_usd:.2f}"
        table = Table(box=None, pad_edge=False, caption=f"spent ${self.spent_usd:.4f}{budget}", caption_justify="left")
        for head in ("attempt", "model", "step", "doing", "cost"):
            table.add_column(head, no_wrap=True, justify="right" if head in ("step", "cost") else "left")
        for name, line in sorted(self.lines.items(), key=lambda item: (len(item[0]), item[0])):
            cost = "" if line.cost_usd is None else f"${line.cost_usd:.4f}"
            table.add_row(name, line.model, str(line.step), line.what, cost)
        return table


@contextmanager
def watching(budget_usd: float | None, *, quiet: bool = False) -> Iterator[Board]:
    """A board that is drawn on stderr while the block runs; on a pipe nothing is drawn."""
    board = Board(budget_usd=budget_usd)
    console = Terminal(stderr=True)
    if quiet or not sys.stderr.isatty():
        yield board
        return
    with Live(board, console=console, refresh_per_second=8, transient=True):
        yield board
