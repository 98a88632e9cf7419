"""Tools of MCP servers that the user configured, as Tools. What a server says of itself grants nothing.

Every tool acts outside unless the user's configuration declares another effect: a server's own hints are not believed.
Configuration, in the user's file and never in a project's:

    [mcp.tickets]
    command = ["ticket-server", "--stdio"]
    effects = { search = "read" }
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast, get_args

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Effect, JsonValue, Tool, ToolRefused, ToolSpec
from parcae.core.scope import Scope
from parcae.tools.function import cut
from parcae.tools.mcp_client import McpClient, McpFailed

MAX_CHARS = 12_000
_DESCRIPTION_CHARS = 2_000
_NAME_CHARS = 64
_KEYS = {"command", "env", "effects", "timeout_seconds", "tools"}


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """A server of the user's. `effects` declares what is not "outside"; `tools` names the only ones to take, if any."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    effects: Mapping[str, Effect] = field(default_factory=lambda: MappingProxyType({}))
    tools: frozenset[str] | None = None
    timeout_seconds: float = 60.0


def parse_servers(document: Mapping[str, object], source: str = "the configuration") -> tuple[McpServer, ...]:
    """The servers in a parsed `[mcp]` table.

    Raises:
        CallerMistake: a wrong key or type, named with the cure.
    """
    return tuple(_server(name, body, f"{source}: mcp.{name}") for name, body in document.items())


@contextlib.asynccontextmanager
async def mcp_tools(servers: Sequence[McpServer]) -> AsyncIterator[tuple[Tool, ...]]:
    """The tools of all `servers`, which run until the block ends.

    Raises:
        McpFailed: one does not start.
        CallerMistake: a configured tool does not exist.
    """
    async with contextlib.AsyncExitStack() as stack:
        tools: list[Tool] = []
        for server in servers:
            client = McpClient(server.name, server.command, server.env, server.timeout_seconds)
            await client.start()
            stack.push_async_callback(client.close)
            tools += _tools_of(server, client, await client.list_tools())
        yield tuple(tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class _McpTool:
    spec: ToolSpec
    remote: str
    client: McpClient

    async def call(self, arguments: Mapping[str, JsonValue], scope: Scope, *, key: str) -> str:
        parameters = {"name": self.remote, "arguments": dict(arguments), "_meta": {"idempotencyKey": key}}
        try:
            result = await self.client.request("tools/call", parameters)
        except McpFailed as failed:
            raise ToolRefused(f"{self.spec.name}: {failed}; what it did is unknown") from failed
        text = cut(_text(result), self.spec.max_chars)
        if result.get("isError"):
            raise ToolRefused(text or f"{self.spec.name} failed")
        return text


def _tools_of(server: McpServer, client: McpClient, offered: Sequence[Mapping[str, Any]]) -> list[Tool]:
    named = {str(tool.get("name", "")): tool for tool in offered if tool.get("name")}
    wanted = set(server.effects) | (server.tools or set())
    if unknown := sorted(wanted - set(named)):
        raise CallerMistake(
            f"the MCP server {server.name!r} has no tool {unknown[0]!r}; it has {', '.join(sorted(named)) or 'none'}",
            "mend the configuration",
        )
    taken = [name for name in named if server.tools is None or name in server.tools]
    return [_McpTool(spec=_spec(server, name, named[name]), remote=name, client=client) for name in taken]


def _spec(server: McpServer, name: str, tool: Mapping[str, Any]) -> ToolSpec:
    schema = tool.get("inputSchema")
    return ToolSpec(
        name=re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.name}__{name}")[:_NAME_CHARS],
        description=cut(str(tool.get("description") or name), _DESCRIPTION_CHARS),
        parameters=schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
        effect=server.effects.get(name, "outside"),
        max_chars=MAX_CHARS,
    )


def _text(result: Mapping[str, Any]) -> str:
    """The text of a result; what is not text is named."""
    parts = []
    for part in result.get("content", []):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            parts.append(str(part.get("text", "")))
        elif kind == "resource" and isinstance(part.get("resource"), dict) and "text" in part["resource"]:
            parts.append(str(part["resource"]["text"]))
        else:
            parts.append(f"[{kind or 'something'} that is not text]")
    return "\n".join(parts)


def _server(name: str, body: object, where: str) -> McpServer:
    if not isinstance(body, Mapping):
        raise CallerMistake(f"{where} is no table", 'write [mcp.NAME] with command = ["program", "argument"]')
    if unknown := sorted(set(body) - _KEYS):
        raise CallerMistake(f"{where} has an unknown key {unknown[0]!r}", f"known are {', '.join(sorted(_KEYS))}")
    command, effects, timeout = body.get("command"), body.get("effects", {}), body.get("timeout_seconds", 60.0)
    if not isinstance(command, list) or not command or not all(isinstance(one, str) for one in command):
        raise CallerMistake(f"{where}: `command` must be a list of texts", 'such as ["program", "argument"]')
    if not isinstance(effects, Mapping) or not all(effect in get_args(Effect) for effect in effects.values()):
        raise CallerMistake(f"{where}: `effects` must name read, workspace or outside", 'such as { search = "read" }')
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        raise CallerMistake(f"{where}: `timeout_seconds` must be a number above 0", "such as 60")
    env, tools = body.get("env", {}), body.get("tools")
    if not isinstance(env, Mapping) or not all(isinstance(value, str) for value in env.values()):
        raise CallerMistake(f"{where}: `env` must be a table of texts", 'such as { TOKEN_FILE = "..." }')
    if tools is not None and not (isinstance(tools, list) and all(isinstance(one, str) for one in tools)):
        raise CallerMistake(f"{where}: `tools` must be a list of names", "leave it out to take all")
    return McpServer(
        name=name,
        command=tuple(command),
        env=dict(env),
        effects=cast("dict[str, Effect]", dict(effects)),
        tools=None if tools is None else frozenset(tools),
        timeout_seconds=float(timeout),
    )
