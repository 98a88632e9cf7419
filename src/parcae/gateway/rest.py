"""Everything that is not a chat endpoint: health, metrics, the list of models, outcomes, what runs are doing.

Through Starlette; nothing here is hot. Knows nothing of upstreams.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from parcae.core.errors import ParcaeError
from parcae.core.events import OutcomeGiven, StepCompleted
from parcae.core.protocols import Event
from parcae.core.trajectory import Ending
from parcae.core.usage import Amount
from parcae.gateway.dialect import dumps, field_of, parse
from parcae.gateway.http import Http
from parcae.gateway.refusal import Refusal, bad
from parcae.gateway.runs import Run
from parcae.gateway.state import Gateway

_MOST_RUNS = 200
Endpoint = Callable[[Gateway, Request], Awaitable[Response]]


def rest(gateway: Gateway) -> Starlette:
    """The application of these endpoints."""

    def route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(gateway, request)
            except Refusal as refusal:
                return _json({"error": {"message": str(refusal), "code": refusal.code}}, refusal.status)
            except ParcaeError as error:
                return _json({"error": {"message": str(error), "code": "unavailable"}}, 503)

        return Route(path, answer, methods=[method])

    return Starlette(
        routes=[
            route("/openapi.json", _openapi),
            route("/healthz", _healthz),
            route("/readyz", _readyz),
            route("/metrics", _metrics),
            route("/v1/models", _models),
            route("/v1/models/{name:path}", _model),
            route("/v1/outcomes", _outcomes, "POST"),
            route("/v1/runs", _runs),
            route("/v1/budget", _budget),
        ],
        exception_handlers={404: _unknown, 405: _unknown},
    )


async def _unknown(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    sentence = f"{request.method} {request.url.path} is not served here; see docs/guide/gateway.md"
    return _json({"error": {"message": sentence, "type": "invalid_request_error", "code": "unknown_url"}}, status)


async def _openapi(gateway: Gateway, request: Request) -> Response:
    from parcae.gateway.openapi import document

    return _json(document(tuple(gateway.config.models)))


async def _healthz(gateway: Gateway, request: Request) -> Response:
    return PlainTextResponse("ok")


async def _readyz(gateway: Gateway, request: Request) -> Response:
    if gateway.recorder.failed is not None:
        return PlainTextResponse(f"the journal failed: {gateway.recorder.failed}", 503)
    if gateway.closing:
        return PlainTextResponse("shutting down", 503)
    return PlainTextResponse("ready")


async def _metrics(gateway: Gateway, request: Request) -> Response:
    gateway.keyring.check_admin(_http(request))
    gauges = {
        "runs_followed": len(gateway.runs),
        "ambiguous_requests": gateway.runs.ambiguous,
        "journal_waiting": gateway.recorder.waiting,
    }
    in_flight = {name: gate.in_flight for name, gate in gateway.targets.gates.items()}
    return PlainTextResponse(gateway.metrics.text(gauges, in_flight), media_type="text/plain; version=0.0.4")


async def _models(gateway: Gateway, request: Request) -> Response:
    key = gateway.keyring.check(_http(request))
    names = [name for name in gateway.config.models if key is None or key.models is None or name in key.models]
    return _json({"object": "list", "data": [_model_document(name) for name in names], "has_more": False})


async def _model(gateway: Gateway, request: Request) -> Response:
    key = gateway.keyring.check(_http(request))
    return _json(_model_document(gateway.virtual(request.path_params["name"], key).name))


def _model_document(name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "parcae",
        "type": "model",
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
    }


async def _outcomes(gateway: Gateway, request: Request) -> Response:
    """A label: whether a run's, or with `task` a task's, answer was right."""
    key = gateway.keyring.check(_http(request))
    document = parse(await request.body())
    run, task = field_of(document, "run", str), field_of(document, "task", str)
    success = field_of(document, "success", bool, required=True)
    source = field_of(document, "source", str) or "user"
    owner, known = "open" if key is None else key.name, None
    if run is not None:
        known = next((one for one in gateway.runs.all() if one.name == run and _belongs(one, owner, key)), None)
        if known is None:
            raise Refusal(
                404, "not_found", "run_not_found", f"no run {run!r} is known; it may be older than the memory"
            )
        scope = known.scope
    elif task is not None:
        scope = f"gateway/runs/{owner}/{task}"
        if not any(one.scope.startswith(f"{scope}/") for one in gateway.runs.all()):
            raise Refusal(
                404, "not_found", "task_not_found", f"no task {task!r} is known; it may be older than the memory"
            )
    else:
        raise bad("name the `run` or the `task`", "missing_field")
    outcome = OutcomeGiven(scope=scope, success=bool(success), source=str(source)[:100])
    gateway.recorder.put([*(() if run is None else _ended(known)), outcome])
    await gateway.recorder.flush()
    if gateway.recorder.failed is not None:
        raise gateway.recorder.failed
    return _json({"recorded": True, "scope": scope})


def _ended(run: Run | None) -> Sequence[Event]:
    """Whoever judges a run says that it is over: its last reply is its answer."""
    pending = None if run is None else run.pending
    if run is None or pending is None or pending.said.calls:
        return ()
    run.pending = None
    ending = Ending(reason="answered", answer=(pending.said.text,))
    run.completed += 1
    return (StepCompleted(scope=run.scope, step=run.completed - 1, model=pending.model, ending=ending),)


def _belongs(run: Run, owner: str, key: object) -> bool:
    return run.scope.startswith(f"gateway/runs/{owner}/") or getattr(key, "admin", False) is True


async def _runs(gateway: Gateway, request: Request) -> Response:
    """What is followed now, the newest first."""
    gateway.keyring.check_admin(_http(request))
    newest = gateway.runs.all()[::-1][:_MOST_RUNS]
    return _json({"schema": "parcae.gateway.runs/1", "runs": [run_document(run) for run in newest]})


def run_document(run: Run) -> dict[str, object]:
    """One followed run as the API tells it."""
    return {
        "run": run.name,
        "task": run.task,
        "model": run.virtual.name,
        "answered_by": run.target.name,
        "rung": run.rung,
        "steps": run.completed,
        "sure": run.sure,
        "private": run.private,
        "stopped": run.stopped,
        "p_fail": None if run.forecast is None else run.forecast.p_fail,
        "cost_usd": run.cost_usd,
        "quiet_seconds": round(max(time.time() - run.seen_at, 0.0), 3),
    }


async def _budget(gateway: Gateway, request: Request) -> Response:
    """What the caller's key has spent."""
    key = gateway.keyring.check(_http(request))
    spent = await gateway.bank.spent(key)
    name = None if key is None else key.name
    return _json({"key": name, "spent": {when: _amount(amount) for when, amount in spent.items()}})


def _amount(amount: Amount) -> dict[str, object]:
    return {"usd": amount.usd, "tokens": amount.tokens, "requests": amount.calls}


def _http(request: Request) -> Http:
    return Http(request.scope, request.receive, request._send)


def _json(document: object, status: int = 200) -> Response:
    return Response(dumps(document), status, media_type="application/json")
