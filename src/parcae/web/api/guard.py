"""Who may see and do what: sessions, keys, forged requests, and the headers that every answer carries.

Without a key the dashboard is for this machine only: then the name in `Host` must be a loopback one, so that no page
of another site can reach it under a name of its own. Every act needs a token that only our own pages can read.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

COOKIE = "parcae_session"
SESSION_SECONDS = 12 * 3600.0
MOST_SESSIONS = 1_000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ("cache-control", "no-store"),
)
ASGI = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(slots=True)
class Session:
    """One signed-in browser."""

    csrf: str
    ends_at: float


@dataclass(slots=True)
class Guard:
    """Stands before the application. `admits` tells whether a key opens it; None: no key is needed."""

    app: ASGI
    admits: Callable[[str], bool] | None = None
    now: Callable[[], float] = time.time
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    sessions: dict[str, Session] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((a.encode(), b.encode()) for a, b in HEADERS)]
            await send(message)

        request = Request(scope, receive)
        refused = self._refusal(request)
        if refused is not None:
            await refused(scope, receive, guarded)
        elif _path(request) == "/api/session":
            answer = await self._session(request)
            await answer(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        """Why a request goes no further; None if it may."""
        if self.admits is None and _host(request.headers.get("host", "")) not in LOOPBACK:
            return refuse(403, "without a key the dashboard answers to 127.0.0.1 and localhost only")
        acts = request.method not in ("GET", "HEAD")
        if acts and not _same_origin(request):
            return refuse(403, "this request comes from another site")
        if not _path(request).startswith("/api/") or _path(request) == "/api/session":
            return None
        if self._has_key(request):
            return None
        session = self._signed_in(request)
        if self.admits is not None and session is None:
            return refuse(401, "sign in, or send a key as `Authorization: Bearer`")
        expected = self.csrf if session is None else session.csrf
        if acts and not hmac.compare_digest(request.headers.get("x-parcae-csrf", "").encode(), expected.encode()):
            return refuse(403, "the header x-parcae-csrf is missing or wrong; read it from api/session")
        return None

    def _has_key(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return self.admits is not None and scheme.lower() == "bearer" and self.admits(key.strip())

    def _signed_in(self, request: Request) -> Session | None:
        found = self.sessions.get(request.cookies.get(COOKIE, ""))
        return found if found is not None and found.ends_at > self.now() else None

    async def _session(self, request: Request) -> Response:
        """Tell of the session, begin one, or end it."""
        if request.method == "POST":
            return await self._sign_in(request)
        if request.method == "DELETE":
            self.sessions.pop(request.cookies.get(COOKIE, ""), None)
            gone = JSONResponse({"signed_in": False})
            gone.delete_cookie(COOKIE, path=_root(request))
            return gone
        session = self._signed_in(request)
        free = self.admits is None
        csrf = self.csrf if free else (None if session is None else session.csrf)
        return JSONResponse({"signed_in": free or session is not None, "needs_key": not free, "csrf": csrf})

    async def _sign_in(self, request: Request) -> Response:
        try:
            key = (await request.json())["key"]
        except (ValueError, KeyError, TypeError):
            return refuse(400, 'send {"key": ...}')
        if self.admits is None or not isinstance(key, str) or not self.admits(key):
            return refuse(401, "this key does not open the dashboard")
        self._forget()
        name = secrets.token_urlsafe(32)
        session = self.sessions[name] = Session(csrf=secrets.token_urlsafe(24), ends_at=self.now() + SESSION_SECONDS)
        answer = JSONResponse({"signed_in": True, "needs_key": True, "csrf": session.csrf})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, name, path=_root(request), httponly=True, samesite="strict", secure=secure)
        return answer

    def _forget(self) -> None:
        """Drop sessions that are over, and the oldest where there are too many."""
        self.sessions = {name: one for name, one in self.sessions.items() if one.ends_at > self.now()}
        while len(self.sessions) >= MOST_SESSIONS:
            self.sessions.pop(next(iter(self.sessions)))


def refuse(status: int, sentence: str) -> Response:
    """An error as every endpoint writes it."""
    return JSONResponse({"schema": "parcae.error/1", "error": sentence}, status)


def _path(request: Request) -> str:
    return str(request.scope["path"]).removeprefix(str(request.scope.get("root_path", "")))


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")) or "/"


def _host(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "") if host else ""


def _same_origin(request: Request) -> bool:
    """Whether a browser says that the request is its page's own; other clients say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
