"""`wait`: the turn ends, and the next one begins when a letter comes. An idle employee costs nothing."""

from __future__ import annotations

from parcae.core.protocols import Tool
from parcae.tools.function import function_tool

WAIT = "wait"


def wait() -> str:
    """End your turn: you go on when a letter comes, such as a result of somebody whom you hired."""
    return "your turn ends; a letter wakes you"


def waiting_tools() -> tuple[Tool, ...]:
    """`wait`."""
    return (function_tool(wait, effect="read"),)
