"""An address, and the proxy that the environment names for it: looked up once, not in a thread at every call.

aiohttp's own `trust_env` reads ~/.netrc, too, and refuses its credentials beside the key that every call carries. Knows
nothing of what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """An address taken apart, and the proxy on the way to it."""

    url: URL
    proxy: URL | None = None


def way_to(url: str) -> Way:
    """The way to `url`, with the credentials for its proxy, if it needs any."""
    address = URL(url)
    try:
        proxy, who = get_env_proxy_for_url(address)
    except LookupError:
        return Way(url=address)
    return Way(url=address, proxy=proxy if who is None else proxy.with_user(who.login).with_password(who.password))
