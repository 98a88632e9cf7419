"""The dashboard of `parcae serve`, at /dashboard: for the gateway's admin keys, over the gateway's journal.

Its pages, and all that they look at, are loaded when somebody first opens them: a gateway that nobody looks at starts
four times as fast and needs half the memory.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from parcae.gateway.serve import App
from parcae.gateway.state import Gateway

PATH = "/dashboard"


def with_dashboard(gateway: Gateway, rest: App) -> App:
    """`rest`, and the dashboard below its path."""
    pages: asyncio.Future[App] | None = None

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        nonlocal pages
        if scope["type"] != "http" or not (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/")):
            await rest(scope, receive, send)
            return
        if pages is None:  # in a thread: requests to models do not wait for it
            pages = asyncio.get_running_loop().run_in_executor(None, _pages, gateway)
        await (await asyncio.shield(pages))(scope, receive, send)

    return serve


def _pages(gateway: Gateway) -> App:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import RedirectResponse
    from starlette.routing import Mount, Route

    from parcae.cli.dashboard_run import house
    from parcae.cli.settings import settle
    from parcae.web.api.gateway_state import state_of
    from parcae.web.api.routes import application
    from parcae.web.api.told import Document

    async def state() -> Document:
        return await state_of(gateway)

    async def enter(request: Request) -> RedirectResponse:
        return RedirectResponse(f"{PATH}/")

    settings = settle({"home": None}, env=os.environ, project=Path())
    looked_at = house(settings, gateway.journal, lambda: gateway.closing, state)
    app = application(looked_at, None if gateway.keyring.is_open else gateway.keyring.admits)
    return Starlette(routes=[Route(PATH, enter), Mount(PATH, app)])
