"""The OpenAPI document and the page of docs/api.md, both made from the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping

from parcae import __version__
from parcae.web.api.table import ENDPOINTS, Endpoint

Schema = dict[str, object]
_TEXT: Schema = {"type": "string"}
_STATUSES = {
    "400": "the request is malformed",
    "401": "no session and no key",
    "403": "forged, or from another site",
    "404": "there is no such run, employee, file or document",
    "409": "the run is over",
    "503": "the journal cannot be read or written",
}


def document() -> Schema:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, object]] = {}
    for one in ENDPOINTS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "parcae dashboard", "version": __version__},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}, {}],
        "paths": paths,
    }


def _operation(one: Endpoint) -> Schema:
    kind = "text/event-stream" if one.name == "events" else "text/plain" if one.name == "plan" else "application/json"
    refused: Schema = {"application/json": {"schema": {"type": "object", "properties": {"error": _TEXT}}}}
    answers: Schema = {"200": {"description": one.tells, "content": {kind: {}}}}
    answers |= {status: {"description": text, "content": refused} for status, text in _STATUSES.items()}
    found: Schema = {"summary": one.what, "parameters": [*_parameters(one)], "responses": answers}
    if one.takes:
        fields = {name: {**_TEXT, "description": text} for name, text in one.takes.items()}
        body = {"type": "object", "required": [*one.takes], "properties": fields}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _parameters(one: Endpoint) -> list[Schema]:
    inside = [_parameter(name, "path", "", True) for name in re.findall(r"{(\w+)}", one.path)]
    return inside + [_parameter(name, "query", text, False) for name, text in one.asks.items()]


def _parameter(name: str, place: str, text: str, needed: bool) -> Schema:
    return {"name": name, "in": place, "required": needed, "description": text, "schema": _TEXT}


def reference() -> str:
    """The table of endpoints in Markdown."""
    rows = ["| | what it does | takes | tells |", "|---|---|---|---|"]
    for one in ENDPOINTS:
        rows.append(f"| `{one.method} {one.path}` | {one.what} | {_told({**one.asks, **one.takes})} | {one.tells} |")
    return "\n".join(rows) + "\n"


def _told(fields: Mapping[str, str]) -> str:
    return "; ".join(f"`{name}`: {text}" for name, text in fields.items())
