"""What a request costs before the gateway does anything: the floor under `bench/gateway.py`, in CPU of one core.

    python bench/gateway_floor.py [--seconds 2] [--rounds 3]

An application that answers at once behind uvicorn's own protocol ("asgi") and behind ours ("straight"), and one that
asks the upstream first ("through"). Beside it, in this process, the journal's lines of a request ("commit").
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from bench.gateway import Served, small  # noqa: E402  # run as a file, too
from bench.load.generator import flood  # noqa: E402  # as above
from bench.load.upstream import REPLY  # noqa: E402  # as above

from parcae.gateway.connection import Connection  # noqa: E402  # as above
from parcae.gateway.http import JSON, Http  # noqa: E402  # as above
from parcae.gateway.serve import Application  # noqa: E402  # as above
from parcae.gateway.upstream import Upstream  # noqa: E402  # as above
from parcae.gateway.wire import WireClient  # noqa: E402  # as above
from parcae.store.connection import connect  # noqa: E402  # as above
from parcae.store.writer import INSERT  # noqa: E402  # as above

ROWS = (("settled/1", 250), ("step.replied/1", 450), ("gateway.served/1", 520), ("step.completed/1", 35))


class Floor(Application):
    """Reads the body and answers; asks an upstream first, where there is one."""

    def __init__(self, upstream: int) -> None:
        bounds = SimpleNamespace(body_bytes=1 << 25)
        super().__init__(SimpleNamespace(config=SimpleNamespace(bounds=bounds)), self._health)  # type: ignore[arg-type]  # a floor has no gateway
        self._client, self._up = WireClient(), None
        if upstream:
            self._up = Upstream(name="up", family="openai", base_url=f"http://127.0.0.1:{upstream}/v1")

    async def answer(self, http: Http) -> None:
        body, reply = await http.body(1 << 25), REPLY
        if self._up is not None:
            url = f"{self._up.base_url}/chat/completions"
            answer = await self._client.send("POST", url, {}, body, upstream=self._up)
            reply = await answer.read()
            answer.close()
        await http.respond(200, [JSON], reply)

    async def _health(self, scope: Any, receive: Any, send: Any) -> None:
        await Http(scope, receive, send).respond(200, [JSON], b"{}")


def serve(kind: str, port: int, upstream: int) -> None:
    """Until it is told to stop."""
    import uvicorn

    protocol: Any = "httptools" if kind == "asgi" else Connection
    app = Floor(upstream if kind == "through" else 0)
    uvicorn.run(
        app, port=port, loop="uvloop", http=protocol, lifespan="off", log_level="error", access_log=False, ws="none"
    )


async def measured(seconds: float, rounds: int) -> None:
    """Prints CPU and rate of each."""
    command = ["taskset", "-c", "1", sys.executable, "-m", "bench.load.upstream"]
    upstream = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert upstream.stdout is not None
    up = int(upstream.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        for number, kind in enumerate(("asgi", "straight", "through"), 1):
            port = up + number
            arguments = [sys.executable, str(Path(__file__)), "--serve", kind, str(port), str(up)]
            served = Served(arguments, port, Path(folder), {}, 0)
            cost, rate = [], []
            for _ in range(rounds):
                cpu = served.cpu_seconds()
                got = await flood(port, small, connections=64, seconds=seconds)
                cost.append((served.cpu_seconds() - cpu) / len(got.latencies) * 1e6)
                rate.append(got.rate)
            served.stop()
            print(f"{kind:9} {min(cost):6.0f} us of CPU a request, {max(rate):6.0f} a second", flush=True)
    upstream.terminate()
    upstream.wait()


def commit(requests: int = 32, commits: int = 60) -> None:
    """Prints what SQLite takes for the lines of `requests` requests in one commit, at best and usually."""
    with tempfile.TemporaryDirectory() as folder:
        connection = connect(Path(folder) / "journal.db", busy_seconds=0)
        costs = sorted(_commit(connection, requests) for _ in range(commits))
        connection.close()
    print(f"commit    {costs[0]:6.0f} us of CPU a request at best, {costs[len(costs) // 2]:.0f} usually")


def _commit(connection: sqlite3.Connection, requests: int) -> float:
    rows = []
    for _ in range(requests):
        scope = f"gateway/runs/bench/{uuid.uuid4().hex[:24]}/{uuid.uuid4().hex[:24]}-1"
        rows += [(time.time(), scope, kind, "x" * size) for kind, size in ROWS]
    began = time.thread_time()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")
    return (time.thread_time() - began) / requests * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "PORT", "UPSTREAM"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], int(given.serve[1]), int(given.serve[2]))
        return
    os.sched_setaffinity(0, {1})
    asyncio.run(measured(given.seconds, given.rounds))
    commit()


if __name__ == "__main__":
    main()
