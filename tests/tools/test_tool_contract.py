"""Typed functions as tools keep the contract of Tools."""

from __future__ import annotations

from parcae.core.protocols import Tool
from parcae.testing.tools import Arguments, ToolContract
from parcae.tools.function import CallKey, function_tool


class TestReading(ToolContract):
    """A function that reads."""

    bad = ({}, {"path": 3}, {"path": "a", "lines": "many"}, {"path": None})

    def tool(self) -> Tool:
        async def read(path: str, lines: int = 10) -> list[str]:
            """Read a file.

            Args:
                path: which.
                lines: how many.
            """
            return [path] * lines

        return function_tool(read, effect="read")

    def good(self) -> Arguments:
        return {"path": "a.py", "lines": 3}


class TestLongResults(TestReading):
    """A result that is too long is cut."""

    def good(self) -> Arguments:
        return {"path": "a" * 1000, "lines": 100}


class TestSending(ToolContract):
    """A function that acts outside under its key."""

    bad = ({}, {"text": 1})

    def tool(self) -> Tool:
        self.sent: dict[str, str] = {}

        def send(text: str, key: CallKey) -> str:
            """Send a letter."""
            self.sent.setdefault(key, text)
            return f"sent {len(self.sent)}"

        return function_tool(send, effect="outside", keyed=True)

    def good(self) -> Arguments:
        return {"text": "hello"}

    def world(self, tool: Tool) -> object:
        return dict(self.sent)
