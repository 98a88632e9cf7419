"""Sends a JSON body that is bytes already, and gives back what came: nothing is parsed, kept or tried again.

aiohttp, since it takes a fifth of the CPU that httpx takes for the same exchange (`bench/openai_path.py`). The proxy
that the environment names is looked up once an address, not in a thread at every call, and ~/.netrc is not read: its
credentials cannot stand beside the key that every call carries. Knows nothing of models.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_ai.exceptions import ModelConnectionError

if TYPE_CHECKING:
    import aiohttp

    from parcae.models.ways import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """One pool of connections, opened at the first call; made anew when another event loop runs."""

    def __init__(self, connect_seconds: float) -> None:
        self.connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ways: dict[str, Way] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, model: str) -> Answer:
        """POST `body`; the caller sets the time limit.

        Raises:
            ModelConnectionError: phase "connect" if nothing was sent, else "read".
        """
        import aiohttp

        from parcae.models.ways import way_to

        way = self._ways.get(url)
        if way is None:
            way = self._ways[url] = way_to(url)
        try:
            async with self._opened().post(
                way.url, data=body, headers=headers, allow_redirects=False, proxy=way.proxy
            ) as response:
                return Answer(status=response.status, headers=response.headers, body=await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ModelConnectionError(model, str(error), phase="connect") from error
        except aiohttp.ClientError as error:
            raise ModelConnectionError(model, str(error), phase="read") from error

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            connector = aiohttp.TCPConnector(limit=0, ssl=_trusted())
            limits = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_seconds)
            self._session = aiohttp.ClientSession(connector=connector, timeout=limits)
            self._loop = loop
        return self._session


def _trusted() -> ssl.SSLContext:
    """The same certificates as every other provider's client."""
    import httpx2

    return httpx2.create_ssl_context()
