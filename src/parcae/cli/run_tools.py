"""Tools of MCP servers for `parcae run`: those of the user's parcae.toml, and of a project's once it is trusted."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from parcae.cli.settings import FILE, config_folder, is_trusted, read_settings
from parcae.core.protocols import Tool
from parcae.tools.mcp import McpServer, mcp_tools, parse_servers

TABLE = "mcp"


@contextlib.asynccontextmanager
async def configured_tools(project: Path, notes: list[str]) -> AsyncIterator[tuple[Tool, ...]]:
    """The tools of the configured servers, which run until the block ends; `notes` is told what did not count.

    Raises:
        CallerMistake: the configuration is wrong, with the file that holds it.
        McpFailed: a server does not start.
    """
    servers, ignored = configured_servers(project)
    notes.extend(ignored)
    async with mcp_tools(servers) as tools:
        yield tools


def configured_servers(project: Path, config: Path | None = None) -> tuple[tuple[McpServer, ...], list[str]]:
    """The servers that count, a trusted project's before the user's of the same name; and what was ignored and why.

    Raises:
        CallerMistake: the configuration is wrong, with the file that holds it.
    """
    config = config or config_folder()
    mine, theirs = config / FILE, project / FILE
    found = {server.name: server for server in _servers_in(mine)}
    if not read_settings(theirs).get(TABLE):
        return tuple(found.values()), []
    if not is_trusted(theirs, config):
        cure = f"read it, then run `parcae trust {project}`"
        return tuple(found.values()), [f"the MCP servers of {theirs} were not started: it is not trusted; {cure}"]
    found |= {server.name: server for server in _servers_in(theirs)}
    return tuple(found.values()), []


def _servers_in(file: Path) -> tuple[McpServer, ...]:
    table = read_settings(file).get(TABLE, {})
    assert isinstance(table, dict)  # read_settings saw to it
    return parse_servers(table, str(file))
