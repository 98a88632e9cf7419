"""HTTP to upstreams through aiohttp, which knows the way through proxies; loaded only where the environment names one.

Knows nothing of runs, money or dialects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp

from parcae.core.errors import OutcomeUnknown, ProviderFailed
from parcae.gateway.upstream import Answer, Upstream
from parcae.models.ways import Way, way_to


class AiohttpClient:
    """One session of aiohttp for all upstreams: slower than `wire.WireClient`, but it goes through proxies."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._ways: dict[str, Way] = {}

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, upstream: Upstream
    ) -> Answer:
        """The response as soon as its head is here."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=upstream.connect_seconds, sock_read=upstream.timeout_seconds
        )
        way = self._ways.get(url)
        if way is None:
            way = self._ways[url] = way_to(url)
        try:
            response = await self._open().request(
                method,
                way.url,
                data=body,
                headers=headers,
                timeout=timeout,
                proxy=way.proxy,
                allow_redirects=False,  # else an upstream could send our key on to another host
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ProviderFailed(
                f"{upstream.name} cannot be reached: {error}", "check its base_url", may_retry=True
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{upstream.name} broke off: {type(error).__name__}", may_retry=True) from None
        return _AiohttpAnswer(response, upstream.name)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
            self._session = aiohttp.ClientSession(
                connector=connector, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse, name: str) -> None:
        self._response, self._name = response, name
        self.status = response.status
        self.headers = {key.lower(): value for key, value in response.headers.items()}

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{self._name} broke off: {type(error).__name__}", may_retry=True) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{self._name} broke off: {type(error).__name__}", may_retry=True) from None

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
