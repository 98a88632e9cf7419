"""A Model Context Protocol server as a child process: JSON-RPC over its stdin and stdout, one message a line.

Source: the specification, https://modelcontextprotocol.io/specification/2025-06-18 (lifecycle, stdio transport, tools).
Knows nothing of effects or agents. The server gets none of our environment but PATH, HOME and a locale.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
from collections.abc import Mapping
from typing import Any

from parcae.core.errors import OutsideFailed

log = logging.getLogger(__name__)

VERSION = "2025-06-18"
LINE_BYTES = 16 << 20
_CLOSE_SECONDS = 2.0
_METHOD_NOT_FOUND = -32601
_MOST_PAGES = 100


class McpFailed(OutsideFailed):
    """The server could not be started, died, answered nonsense or not in time."""


class McpClient:
    """One running server. `start` it, then `list_tools` and `call`; `close` ends it and everything it started."""

    def __init__(self, name: str, command: tuple[str, ...], env: Mapping[str, str], timeout_seconds: float) -> None:
        self.name, self.command, self.env, self.timeout_seconds = name, command, env, timeout_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)

    async def start(self) -> None:
        """Start the server and shake hands.

        Raises:
            McpFailed: it does not start or does not speak the protocol.
        """
        own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**own, **self.env},
                limit=LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise McpFailed(f"the MCP server {self.name!r} does not start: {error}", "check its command") from error
        self._reader = asyncio.create_task(self._read())
        hello = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "parcae", "version": "1"}}
        try:
            await self.request("initialize", hello)
            await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        except BaseException:
            await self.close()
            raise

    async def list_tools(self) -> list[dict[str, Any]]:
        """Every tool that the server offers, as it describes them."""
        tools: list[dict[str, Any]] = []
        cursor: object = None
        for _ in range(_MOST_PAGES):
            page = await self.request("tools/list", {} if cursor is None else {"cursor": cursor})
            tools += [tool for tool in page.get("tools", []) if isinstance(tool, dict)]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        return tools

    async def request(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            McpFailed: an error, no answer in time, or the server died: then nobody knows what it did.
        """
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": dict(parameters)})
            async with asyncio.timeout(self.timeout_seconds):
                message = await answer
        except TimeoutError:
            gone = {"requestId": number, "reason": "timeout"}
            with contextlib.suppress(McpFailed):
                await self._send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": gone})
            raise McpFailed(
                f"the MCP server {self.name!r} gave no answer to {method} within {self.timeout_seconds:g} seconds",
                "give it a longer timeout_seconds, or check it",
            ) from None
        finally:
            self._waiting.pop(number, None)
        if "error" in message:
            raise McpFailed(f"the MCP server {self.name!r} refused {method}: {_said(message['error'])}", "check it")
        result = message.get("result")
        return result if isinstance(result, dict) else {}

    async def close(self) -> None:
        """End the server: politely, then for good."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._process = None

    # ---- the wire

    async def _send(self, message: Mapping[str, Any]) -> None:
        process = self._process
        silent = self._reader is not None and self._reader.done()  # its output ended: no answer can come any more
        if process is None or process.stdin is None or process.returncode is not None or silent:
            raise self._gone()
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
        except OSError:
            raise self._gone() from None

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                await self._take(line)
        except (ValueError, OSError) as error:  # a line longer than LINE_BYTES
            log.warning("MCP server %s: %s", self.name, error)
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(self._gone())

    async def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            log.warning("MCP server %s wrote a line that is no JSON", self.name)
            return
        if not isinstance(message, dict):
            return
        if "method" in message and "id" in message:
            with contextlib.suppress(McpFailed):
                await self._send(_answer_to(message))
            return
        number = message.get("id")
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _gone(self) -> McpFailed:
        return McpFailed(f"the MCP server {self.name!r} ended", "start its command by hand and see what it says")


def _answer_to(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a server may ask of us: whether we live. It gets no model, no files and no questions to the user."""
    if message["method"] == "ping":
        return {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    refused = {"code": _METHOD_NOT_FOUND, "message": "not offered"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": refused}


def _said(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
