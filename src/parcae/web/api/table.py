"""Every endpoint of the read API in one table: what serves it, what it takes, what it tells. The routes, the OpenAPI
document and docs/api.md are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`name`: the function that serves it. `asks`, `takes`: parameters and body fields; `tells`: what a reply holds."""

    name: str
    path: str
    what: str
    tells: str
    method: str = "GET"
    asks: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    takes: Mapping[str, str] = field(default_factory=lambda: NOTHING)


PATH = {"path": "a file of the run"}
ENDPOINTS = (
    Endpoint(
        name="session",
        path="/api/session",
        what="Whether this browser is signed in, and its token for acts",
        tells="signed_in, needs_key, csrf",
    ),
    Endpoint(
        name="session",
        path="/api/session",
        method="POST",
        what="Sign in with a key; sets a cookie",
        takes={"key": "the key"},
        tells="signed_in, needs_key, csrf",
    ),
    Endpoint(name="session", path="/api/session", method="DELETE", what="Sign out", tells="signed_in"),
    Endpoint(
        name="overview",
        path="/api/overview",
        what="All runs, spend, savings as an estimate, the last incidents",
        tells="seq, runs, spent_usd, unpriced_runs, saved_usd (an estimate: the same tokens at the price of the "
        "strongest model of each plan), saved_runs, incidents",
    ),
    Endpoint(
        name="events",
        path="/api/events",
        what="Events of all runs as they are appended (server-sent)",
        asks={"after": "a place in the journal; Last-Event-ID counts more", "form": '"ticks": no bodies'},
        tells="seq, at, scope, kind, body",
    ),
    Endpoint(
        name="run",
        path="/api/runs/{run}",
        what="One run at a glance",
        tells="run, command, question, status, detail, began_at, last_at, attempts, steps, spent_usd, budget_usd, "
        "saved_usd, strongest, right, incidents",
    ),
    Endpoint(
        name="attempts",
        path="/api/runs/{run}/attempts",
        what="Attempts with every step, swaps, votes, forecasts",
        asks={"under": "a scope in the run, such as attempt-1 or company/boss/turn-1"},
        tells="seq, attempts (scope, model, rung, swaps, cost_usd, ending, steps with asked, text, calls, tokens, "
        "cost), votes, forecasts (p_fail, trust, reasons, looked_at), decisions",
    ),
    Endpoint(
        name="graph",
        path="/api/runs/{run}/graph",
        what="The attempts merged into one graph",
        asks={"under": "a scope in the run"},
        tells="nodes (tool, argument, visits, step, models), edges",
    ),
    Endpoint(
        name="organization",
        path="/api/runs/{run}/organization",
        what="The organisation of a run of parcae run",
        asks={"since": "a place in the journal: only employees and incidents that changed after it"},
        tells="seq, agents, depth, states, paused, cancelled, winding_up, ended, spent_usd, budget_usd, "
        "employees, waiting_hires, questions, incidents",
    ),
    Endpoint(
        name="employee",
        path="/api/runs/{run}/organization/{employee}",
        what="One employee",
        tells="task, checklist, waiting, letters, turns, reviews, result, incidents and the fields of its row",
    ),
    Endpoint(
        name="accounts",
        path="/api/runs/{run}/accounts",
        what="Budget and spend by account",
        tells="accounts (account, limit_usd, spent_usd: with all below it)",
    ),
    Endpoint(
        name="files",
        path="/api/runs/{run}/files",
        what="The files that the run made or changed",
        tells="files (path, commit, author, step, at, what)",
    ),
    Endpoint(
        name="history", path="/api/runs/{run}/files/history", what="The changes of a file", asks=PATH, tells="changes"
    ),
    Endpoint(
        name="blame",
        path="/api/runs/{run}/files/blame",
        what="The lines of a file with their authors",
        asks=PATH,
        tells="lines (line, author, step, text)",
    ),
    Endpoint(
        name="diff",
        path="/api/runs/{run}/files/diff",
        what="What one commit changed in a file",
        asks={**PATH, "commit": "a commit of the run"},
        tells="diff",
    ),
    Endpoint(
        name="events",
        path="/api/runs/{run}/events",
        what="Events of a run as they are appended (server-sent)",
        asks={"after": "a place in the journal; Last-Event-ID counts more", "form": '"ticks": no bodies'},
        tells="seq, at, scope, kind, body",
    ),
    Endpoint(name="act", path="/api/runs/{run}/pause", method="POST", what="Pause a run", tells="done"),
    Endpoint(name="act", path="/api/runs/{run}/resume", method="POST", what="Let it go on", tells="done"),
    Endpoint(name="act", path="/api/runs/{run}/cancel", method="POST", what="End it", tells="done"),
    Endpoint(
        name="act",
        path="/api/runs/{run}/message",
        method="POST",
        what="Write to an employee",
        takes={"to": "its name", "text": "the letter"},
        tells="done",
    ),
    Endpoint(
        name="act",
        path="/api/runs/{run}/approve",
        method="POST",
        what="Answer a question or an approval",
        takes={"about": "the key of the question", "text": 'the answer; "yes" or "no" for an approval'},
        tells="done",
    ),
    Endpoint(
        name="documents",
        path="/api/documents",
        what="Frontiers and allocations kept in the home",
        tells="documents (name, kind, at)",
    ),
    Endpoint(
        name="document",
        path="/api/documents/{name}",
        what="One of them (parcae.frontier/1, parcae.allocate/1)",
        tells="as its schema says",
    ),
    Endpoint(
        name="plan",
        path="/api/documents/{name}/plan",
        what="The plan behind a point of an allocation, as TOML",
        asks={"point": "its place on the frontier, from 0"},
        tells="TOML text",
    ),
    Endpoint(
        name="gateway",
        path="/api/gateway",
        what="Keys, budgets and runs of the gateway that this is part of",
        tells="here, keys (name, admin, limits, spent), runs, in_flight, models",
    ),
    Endpoint(name="openapi", path="/api/openapi.json", what="This list as an OpenAPI document", tells="openapi"),
)
