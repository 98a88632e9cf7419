"""The dashboard of `parcae serve`, at /dashboard: for the gateway's admin keys, over the gateway's journal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from parcae.cli.dashboard_run import house
from parcae.cli.settings import settle
from parcae.gateway.serve import App
from parcae.gateway.state import Gateway
from parcae.web.api.gateway_state import state_of
from parcae.web.api.routes import application
from parcae.web.api.told import Document

PATH = "/dashboard"


def with_dashboard(gateway: Gateway, rest: App) -> App:
    """`rest`, and the dashboard below its path."""
    settings = settle({"home": None}, env=os.environ, project=Path())

    async def state() -> Document:
        return await state_of(gateway)

    looked_at = house(settings, gateway.journal, lambda: gateway.closing, state)
    app = application(looked_at, None if gateway.keyring.is_open else gateway.keyring.admits)
    mounted = Starlette(routes=[Route(PATH, _enter), Mount(PATH, app)])

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["type"] == "http" and (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/"))
        await (mounted if ours else rest)(scope, receive, send)

    return serve


async def _enter(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{PATH}/")
