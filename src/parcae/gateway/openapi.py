"""The gateway's own OpenAPI document: what it reads of a request, and every status that it answers with.

Fields that it does not read go through to the upstream, so no object here is closed. Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Mapping

from parcae import __version__

Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000_000}
FLAG: Schema = {"type": ["boolean", "null"]}
OBJECT: Schema = {"type": "object"}
_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$"}
_HEADERS = [
    {"name": f"x-parcae-{name}", "in": "header", "required": False, "schema": schema, "description": text}
    for name, schema, text in (
        ("task", _NAME, "the task that this run is an attempt at"),
        ("run", _NAME, "the run that this request belongs to"),
        ("prompt", _NAME, "the version of this agent's prompt, by which runs are compared"),
        ("private", {"enum": ["0", "1"]}, "1: no model that is not local may see it"),
    )
]
_STATUSES = {
    "400": "the request is malformed",
    "401": "no key of this gateway was sent",
    "402": "a budget does not hold the call's worst case",
    "403": "the key may not use this",
    "404": "there is no such model, run or task",
    "413": "the body is too large",
    "422": "the run was stopped: its forecast says that it will fail",
    "429": "too many requests wait for the upstream",
    "502": "the upstream failed",
    "503": "the journal failed, or the gateway is shutting down",
}


def _list(of: Schema, least: int = 1) -> Schema:
    return {"type": "array", "minItems": least, "items": of}


def _body(required: tuple[str, ...], **fields: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": fields}


_PARTS = {"type": ["string", "array", "null"], "items": _body(("type",), type=TEXT, text=TEXT)}
_CALL = _body(
    ("id", "function"),
    id=TEXT,
    type={"const": "function"},
    function=_body(("name", "arguments"), name=TEXT, arguments=TEXT),
)
_TURN = _body(
    ("role",),
    role={"enum": ["system", "developer", "user", "assistant", "tool"]},
    content=_PARTS,
    tool_calls=_list(_CALL),
    tool_call_id=TEXT,
)
_BLOCKS = {"type": ["string", "array"], "items": _body(("type",), type=TEXT, text=TEXT)}
_ITEM = _body((), type=TEXT, role=TEXT, content=_PARTS, call_id=TEXT, name=TEXT, arguments=TEXT, output=TEXT)
_METADATA = {"type": ["object", "null"], "additionalProperties": TEXT}

CHAT = _body(
    ("model", "messages"),
    model=TEXT,
    messages=_list(_TURN),
    stream=FLAG,
    max_tokens=COUNT,
    max_completion_tokens=COUNT,
    n=COUNT,
    tools=_list(
        _body(("type", "function"), type={"const": "function"}, function=_body(("name",), name=TEXT, parameters=OBJECT))
    ),
    metadata=_METADATA,
    user=TEXT,
)
RESPONSES = _body(
    ("model", "input"),
    model=TEXT,
    input={"oneOf": [{"type": "string"}, _list(_ITEM)]},
    instructions={"type": ["string", "null"]},
    stream=FLAG,
    max_output_tokens=COUNT,
    metadata=_METADATA,
)
MESSAGES = _body(
    ("model", "messages", "max_tokens"),
    model=TEXT,
    messages=_list(_body(("role", "content"), role={"enum": ["user", "assistant"]}, content=_BLOCKS)),
    max_tokens={**COUNT, "type": "integer"},
    system=_BLOCKS,
    stream=FLAG,
    tools=_list(_body(("name",), name=TEXT, input_schema=OBJECT), 0),
    metadata={"type": ["object", "null"], "properties": {"user_id": TEXT}},
)
EMBEDDINGS = _body(("model", "input"), model=TEXT, input={"type": ["string", "array"]})
OUTCOME = _body(("success",), run=TEXT, task=TEXT, success={"type": "boolean"}, source=TEXT)


def document(models: tuple[str, ...]) -> Schema:
    """The document; `models` are the names that clients may put in `model`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "parcae serve", "version": __version__},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}, {}],
        "paths": {
            "/v1/chat/completions": _post("OpenAI's chat completions", _named(CHAT, models), headers=True),
            "/v1/responses": _post("OpenAI's responses, stateless", _named(RESPONSES, models), headers=True),
            "/v1/messages": _post("Anthropic's messages", _named(MESSAGES, models), headers=True),
            "/v1/embeddings": _post("OpenAI's embeddings", _named(EMBEDDINGS, models), headers=True),
            "/v1/outcomes": _post("say whether a run's or a task's answer was right", OUTCOME),
            "/v1/models": _get("the models of this gateway"),
            "/v1/models/{name}": _get("one of them", "name"),
            "/v1/runs": _get("the runs that are followed now (admin)"),
            "/v1/budget": _get("what the caller's key has spent"),
            "/metrics": _get("Prometheus' page (admin)", kind="text/plain"),
            "/healthz": _get("whether the process lives", kind="text/plain"),
            "/readyz": _get("whether it takes requests", kind="text/plain"),
        },
    }


def _named(body: Schema, models: tuple[str, ...]) -> Schema:
    fields = body["properties"]
    assert isinstance(fields, dict)
    return {**body, "properties": {**fields, "model": {"type": "string", "examples": list(models)}}}


def _post(summary: str, body: Schema, *, headers: bool = False) -> Schema:
    request = {"required": True, "content": {"application/json": {"schema": body}}}
    answers = {"application/json": {"schema": OBJECT}} | ({"text/event-stream": {}} if headers else {})
    found = {"summary": summary, "requestBody": request, "responses": _responses(answers)}
    return {"post": {**found, "parameters": _HEADERS} if headers else found}


def _get(summary: str, parameter: str | None = None, *, kind: str = "application/json") -> Schema:
    found: dict[str, object] = {"summary": summary, "responses": _responses({kind: {}, "application/json": {}})}
    if parameter is not None:
        found["parameters"] = [{"name": parameter, "in": "path", "required": True, "schema": TEXT}]
    return {"get": found}


def _responses(answers: Mapping[str, object]) -> Schema:
    refused = {"application/json": {"schema": OBJECT}, "text/plain": {}}
    found: dict[str, object] = {"200": {"description": "done", "content": answers}}
    return found | {status: {"description": text, "content": refused} for status, text in _STATUSES.items()}
