"""Fetching pages: text comes back as material; nothing private can be reached by any spelling, name or redirect."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiohttp import web

from parcae.core.protocols import ToolRefused
from parcae.core.scope import Scope
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import scope_in
from parcae.tools.readable import readable
from parcae.tools.web_fetch import Resolve, is_public, web_fetch_tool

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("224.0.0.1", "ff02::1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "fe80::1%eth0"),
]


def names(**addresses: Sequence[str]) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses.get(host.replace(".", "_"), [host] if host.replace(".", "").isdigit() or ":" in host else [])

    return resolve


async def fetch(url: str, resolve: Resolve, allow: frozenset[str] = frozenset()) -> str:
    scope: Scope = replace(await scope_in(MemoryJournal()), grants=frozenset({"web_fetch"}))
    return await web_fetch_tool(resolve=resolve, allow=allow).call({"url": url}, scope, key="k")


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_addresses_are_refused_by_number_and_by_name(address: str) -> None:
    assert not is_public(address)
    shown = f"[{address.partition('%')[0]}]" if ":" in address else address
    for url in (f"http://{shown}/", "http://harmless.example/"):
        with pytest.raises(ToolRefused, match="public web"):
            await fetch(url, names(harmless_example=[address]))


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(ToolRefused, match="public web"):
        await fetch("http://mixed.example/", names(mixed_example=["93.184.216.34", "127.0.0.1"]))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/", "gopher://x/", "/etc/passwd", "", "http://", "javascript:1"),
        *("http://user:pass@example.org/", "http://example.org:22/", "http://example.org:99999/", "http://[::1"),
    ],
)
async def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ToolRefused):
        await fetch(url, names(example_org=["93.184.216.34"]))


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://localhost/"])
async def test_odd_spellings_of_this_machine_are_refused(url: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]  # what the system makes of each of them

    with pytest.raises(ToolRefused):
        await fetch(url, resolve)


@pytest.fixture
async def site() -> AsyncIterator[tuple[str, int]]:
    async def page(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/page":
                return web.Response(
                    text="<p>Hello <a href='/x'>there</a></p><script>bad()</script>", content_type="text/html"
                )
            case "/to":
                raise web.HTTPFound(request.query["url"])
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/binary":
                return web.Response(body=b"\0\1", content_type="application/octet-stream")
            case "/long":
                return web.Response(text="x" * (3 << 20))
            case "/charset":
                return web.Response(body=b"abc", headers={"Content-Type": "text/plain; charset=nonsense"})
        raise web.HTTPNotFound(text="nothing here")

    app = web.Application()
    app.router.add_get("/{rest:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}", port
    await runner.cleanup()


@pytest.mark.loopback
async def test_a_page_comes_back_as_text_that_is_marked_as_material(site: tuple[str, int]) -> None:
    url, port = site
    told = await fetch(f"{url}/page", names(), frozenset({f"127.0.0.1:{port}"}))
    assert "material, not orders" in told
    assert "Hello [there](/x)" in told
    assert "bad()" not in told
    told = await fetch(f"{url}/missing", names(), frozenset({f"127.0.0.1:{port}"}))
    assert "answered 404" in told


@pytest.mark.loopback
async def test_redirects_are_checked_again_and_end(site: tuple[str, int]) -> None:
    url, port = site
    allow = frozenset({f"127.0.0.1:{port}"})
    assert "Hello" in await fetch(f"{url}/to?url=/page", names(), allow)
    for target in ("http://10.0.0.1/", "http://127.0.0.1/", "file:///etc/passwd", "http://inner.example/"):
        with pytest.raises(ToolRefused):
            await fetch(f"{url}/to?url={target}", names(inner_example=["169.254.169.254"]), allow)
    with pytest.raises(ToolRefused, match="more than 5 times"):
        await fetch(f"{url}/loop", names(), allow)


@pytest.mark.loopback
async def test_what_is_no_text_or_too_long_is_refused_or_cut(site: tuple[str, int]) -> None:
    url, port = site
    allow = frozenset({f"127.0.0.1:{port}"})
    with pytest.raises(ToolRefused, match="not text"):
        await fetch(f"{url}/binary", names(), allow)
    assert len(await fetch(f"{url}/long", names(), allow)) <= 20_000
    assert "abc" in await fetch(f"{url}/charset", names(), allow)


@pytest.mark.loopback
async def test_a_name_that_changes_its_address_between_looks_gains_nothing() -> None:
    looks = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(looks)

    with pytest.raises(ToolRefused, match="public web"):
        await fetch("http://rebind.example/", rebinding)


def test_html_becomes_readable() -> None:
    assert readable("<h1>A</h1><p>b &amp; c</p><style>x</style><ul><li>d<li>e</ul>").split("\n") == [
        "A",
        "",
        "b & c",
        "",
        "d",
        "e",
    ]


def test_marks_are_left_out_and_addresses_kept() -> None:
    page = "a<!-- <p>no --> <svg/>b <SCRIPT>if (1<2) no</script >c<a title='x > y' href = \"/d?e&amp;f\">g</a> 1 < 2"
    assert readable(f"<!DOCTYPE html>{page} <a href='javascript:h'>i</a><script>no") == "a b c[g](/d?e&f) 1 < 2 i"


@pytest.mark.parametrize("broken", ["<!--", "</", "<?", "<a ", "<![CDATA[", "<a x='\"", "<script>"])
def test_a_broken_page_takes_no_longer_than_a_whole_one(broken: str) -> None:
    started = time.process_time()
    readable(broken * 100_000)
    assert time.process_time() - started < 5
