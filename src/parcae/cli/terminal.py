"""What agents wrote, shown in a terminal as text: it can neither steer the terminal nor hide lines or turn them round.

Knows nothing of what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

# control characters but for tab and line feed, and those that turn the direction of writing
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")


def plain(text: str) -> str:
    """`text` with a mark in the place of each character that steers."""
    return _STEERING.sub("\ufffd", text)


def tell(text: str) -> None:
    """A line on stdout."""
    click.echo(plain(text))


class Terminal(Console):
    """A console whose own colours and moves are kept, and nobody else's."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is to be written, made plain."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)
