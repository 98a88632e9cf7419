"""The endpoints: each asks a fold or a file of the run and tells what it finds. Knows nothing of sessions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from parcae.core.errors import CallerMistake, ParcaeError
from parcae.core.protocols import Journal
from parcae.graphs.build import build
from parcae.organization.report import office_of
from parcae.organization.telling import Action, controlled
from parcae.store.replay import rebuild
from parcae.web.api import documents, files, openapi
from parcae.web.api.follow import Follower
from parcae.web.api.guard import Guard, refuse
from parcae.web.api.overview import CardOf
from parcae.web.api.stream import tail
from parcae.web.api.table import ENDPOINTS
from parcae.web.api.told import Document
from parcae.workspace import Branch

STATIC = Path(__file__).parents[1] / "static"
MOST_BODY = 100_000
ACTIONS: dict[str, Action] = {
    "pause": "pause", "resume": "resume", "cancel": "cancel", "message": "message", "approve": "answer",
}  # fmt: skip
_RUN = re.compile(r"[A-Za-z0-9._-]{1,200}")


class NotFound(Exception):
    """There is no such thing here."""


class Over(Exception):
    """The run has ended: nobody would read what a person writes to it."""


@dataclass(frozen=True, kw_only=True)
class House:
    """What the endpoints look at. `branch_of` opens the files of a run; `gateway` tells of the gateway beside it."""

    journal: Journal
    card_of: CardOf
    branch_of: Callable[[str], Awaitable[Branch | None]]
    documents: Path
    gateway: Callable[[], Awaitable[Document]] | None = None
    closing: Callable[[], bool] = lambda: False


def application(house: House, admits: Callable[[str], bool] | None = None) -> Guard:
    """The dashboard: its pages and its API. `admits` tells whether a key opens it; None: for this machine only."""
    api = Api(house)

    def route(name: str, path: str, method: str) -> Route:
        serve: Callable[[Request], Awaitable[Response]] = getattr(api, name)

        async def answer(request: Request) -> Response:
            try:
                return await serve(request)
            except NotFound as error:
                return refuse(404, str(error))
            except Over as error:
                return refuse(409, str(error))
            except CallerMistake as error:
                return refuse(400, str(error))
            except ParcaeError as error:
                return refuse(503, str(error))

        return Route(path, answer, methods=[method])

    routes = [route(one.name, one.path, one.method) for one in ENDPOINTS if one.name != "session"]
    return Guard(Starlette(routes=[*routes, Mount("/", StaticFiles(directory=STATIC, html=True))]), admits)


class Api:
    """One method an endpoint."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.follow = Follower(house.journal, house.card_of)

    async def overview(self, request: Request) -> Response:
        """All runs."""
        return JSONResponse((await self.follow.overview()).document())

    async def run(self, request: Request) -> Response:
        """One run."""
        return JSONResponse(await self._known(request))

    async def attempts(self, request: Request) -> Response:
        """Attempts with their steps."""
        run, under = await self._scope(request)
        fold = await self.follow.attempts(run, f"{run}/{under}".rstrip("/"))
        return JSONResponse(fold.document(under))

    async def graph(self, request: Request) -> Response:
        """The merged graph of the attempts."""
        run, under = await self._scope(request)
        fold = await self.follow.attempts(run, f"{run}/{under}".rstrip("/"))
        scopes = [one.scope for one in fold.attempts.values() if one.model]
        found = build([await rebuild(self.house.journal, scope, run) for scope in scopes[:200]], answers=True)
        nodes = [
            {
                "tool": node.tool,
                "argument": node.argument[:300],
                "visits": found.visits[place],
                "step": found.step_sums[place] / found.visits[place],
                "models": dict(found.models[place]),
            }
            for place, node in enumerate(found.nodes)
        ]
        edges = [{"from": a, "to": b, "weight": count} for (a, b), count in found.edges.items()]
        return JSONResponse({"schema": "parcae.graph/1", "run": run, "nodes": nodes, "edges": edges})

    async def organization(self, request: Request) -> Response:
        """The organisation of a run."""
        run = (await self._known(request))["run"]
        return JSONResponse((await self.follow.company(run)).document(_number(request, "since")))

    async def employee(self, request: Request) -> Response:
        """One employee."""
        run = (await self._known(request))["run"]
        found = (await self.follow.company(run)).employee(request.path_params["employee"])
        if found is None:
            raise NotFound(f"nobody of {run!r} is called so")
        return JSONResponse(found)

    async def accounts(self, request: Request) -> Response:
        """Budget by account."""
        run = (await self._known(request))["run"]
        return JSONResponse((await self.follow.company(run)).accounts())

    async def files(self, request: Request) -> Response:
        """Files of the run."""
        return await self._of_files(request, files.files)

    async def history(self, request: Request) -> Response:
        """Changes of a file."""
        return await self._of_files(request, lambda branch: files.changes(branch, _text(request, "path")))

    async def blame(self, request: Request) -> Response:
        """Lines with their authors."""
        return await self._of_files(request, lambda branch: files.lines(branch, _text(request, "path")))

    async def diff(self, request: Request) -> Response:
        """One change of a file."""
        commit, path = _text(request, "commit"), _text(request, "path")
        return await self._of_files(request, lambda branch: files.diff(branch, commit, path))

    async def _of_files(self, request: Request, look: Callable[[Branch], Document]) -> Response:
        run = (await self._known(request))["run"]
        branch = await self.house.branch_of(run)
        if branch is None:
            return JSONResponse({"schema": "parcae.files/1", "run": run, "files": []})
        return JSONResponse({"run": run, **await asyncio.to_thread(look, branch)})

    async def events(self, request: Request) -> Response:
        """The tail of the journal."""
        run = (await self._known(request))["run"] if "run" in request.path_params else ""
        last = request.headers.get("last-event-id", "")
        after = int(last) if _is_number(last) else _number(request, "after")
        ticks = request.query_params.get("form") == "ticks"
        told = tail(self.house.journal, run, after, ticks=ticks, over=self.house.closing)
        return StreamingResponse(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def act(self, request: Request) -> Response:
        """What a person does to a run."""
        known = await self._known(request)
        run, body = known["run"], await _body(request)
        if known["command"] != "run":
            raise CallerMistake(f"{run!r} is no organisation", "only runs of `parcae run` can be told something")
        if known["status"] != "unfinished":
            raise Over(f"{run!r} is over: {known['status']}")
        office = await office_of(f"{run}/company", self.house.journal)
        action = ACTIONS[request.url.path.rpartition("/")[2]]
        said = {name: str(body.get(name, "")) for name in ("to", "about", "text")}
        await self.house.journal.append([controlled(office, action, **said)])
        return JSONResponse({"schema": "parcae.told/1", "run": run, "done": action})

    async def documents(self, request: Request) -> Response:
        """Kept frontiers and allocations."""
        return JSONResponse(documents.listed(self.house.documents))

    async def document(self, request: Request) -> Response:
        """One of them."""
        return JSONResponse(documents.document(self.house.documents, request.path_params["name"]))

    async def plan(self, request: Request) -> Response:
        """The plan behind a point."""
        name, point = request.path_params["name"], _number(request, "point")
        return PlainTextResponse(documents.plan(self.house.documents, name, point))

    async def gateway(self, request: Request) -> Response:
        """The gateway beside it."""
        told = {} if self.house.gateway is None else await self.house.gateway()
        return JSONResponse({"schema": "parcae.gateway-state/1", "here": self.house.gateway is not None, **told})

    async def openapi(self, request: Request) -> Response:
        """The list of endpoints."""
        return JSONResponse(openapi.document())

    async def _known(self, request: Request) -> Document:
        name = request.path_params["run"]
        found = (await self.follow.overview()).run(name) if _RUN.fullmatch(name) else None
        if found is None:
            raise NotFound(f"there is no run {name!r}")
        return found

    async def _scope(self, request: Request) -> tuple[str, str]:
        return (await self._known(request))["run"], request.query_params.get("under", "").strip("/")


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not _is_number(text):
        raise CallerMistake(f"`{name}` must be a whole number, not {text[:40]!r}", "leave it out for 0")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= 15


def _text(request: Request, name: str) -> str:
    found = request.query_params.get(name, "")
    if not found:
        raise CallerMistake(f"`{name}` is missing", f"add ?{name}=")
    return found


async def _body(request: Request) -> Document:
    raw = await request.body()
    if len(raw) > MOST_BODY:
        raise CallerMistake("the body is too large", f"send at most {MOST_BODY} bytes")
    try:
        found = await request.json() if raw else {}
    except ValueError:
        raise CallerMistake("the body is not JSON", "send a JSON object") from None
    if not isinstance(found, dict):
        raise CallerMistake("the body is no object", "send a JSON object")
    return found
