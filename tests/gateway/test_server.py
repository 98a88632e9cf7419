from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

import aiohttp
import pytest
from tests.gateway.process import ROOT, process, toml
from tests.gateway.upstream import Document, chat, chat_stream, turns, upstream

from parcae.core.events import Settled
from parcae.core.usage import Limits
from parcae.gateway.flights import Flights
from parcae.gateway.revive import recover
from parcae.ledger.restore import restore
from parcae.store.sqlite import SqliteJournal

pytestmark = pytest.mark.loopback
KEY = "sk-alice-secret-key-1"
PRICE = {"prompt_usd": 1.0, "completion_usd": 2.0}


def config(url: str) -> Document:
    return {
        "journal": "gateway.db",
        "upstreams": {"up": {"base_url": url, "retries": 0}},
        "models": {"thrifty": {"ladder": ["up:small", "up:large"], "policy": "parallel@3", "mode": "swap"}},
        "prices": {"up:small": PRICE, "up:large": PRICE},
        "keys": {"alice": {"secret_env": "ALICE", "day": {"usd": 100}}},
        "limits": {"shutdown_seconds": 20},
    }


def written(folder: Path, document: Document) -> Path:
    file = folder / "gateway.toml"
    file.write_text(toml(document), encoding="utf-8")
    return file


async def test_the_guide_s_agent_is_swapped_in_the_middle_of_its_run_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        (ROOT / "examples" / "gateway.toml").read_text(encoding="utf-8").replace("../.parcae/", ""), encoding="utf-8"
    )
    async with process(file) as served:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples" / "gateway_agent.py"),
            env={**os.environ, "OPENAI_BASE_URL": f"{served.url}/v1", "OPENAI_API_KEY": "none"},
            stdout=asyncio.subprocess.PIPE,
        )
        said = (await child.communicate())[0].decode().splitlines()
        assert await served.end(signal.SIGTERM) == 0
    models = [line.split()[2] for line in said if line.startswith("step")]
    assert models[:4] == ["builtin:small"] * 4 and set(models[4:]) == {"builtin:large"}
    assert "most likely fails because of" in said[-1]


async def test_a_stream_that_has_begun_is_finished_before_the_process_ends(tmp_path: Path) -> None:
    async with upstream(lambda path, document: chat_stream("a story")) as up:
        up.pause_after = 2
        async with (
            process(written(tmp_path, config(up.url)), env={"ALICE": KEY}) as served,
            aiohttp.ClientSession() as http,
        ):
            body: Document = {"model": "thrifty", "stream": True, "messages": [{"role": "user", "content": "x"}]}
            headers = {"authorization": f"Bearer {KEY}"}
            async with http.post(f"{served.url}/v1/chat/completions", json=body, headers=headers) as response:
                first = await response.content.readany()
                ending = asyncio.ensure_future(served.end(signal.SIGTERM))
                await asyncio.sleep(0)
                up.release.set()
                rest = await response.content.read()
            assert await ending == 0
    assert first and (first + rest).endswith(b"data: [DONE]\n\n")


async def test_after_a_kill_runs_go_on_under_their_names_and_no_money_is_forgotten(tmp_path: Path) -> None:
    """Clients work; the process is killed; another one takes over. Small form of experiments/gateway/kill.py."""
    numbers = count()

    def reply(path: str, document: Document) -> object:
        if turns(document) >= 8:
            return chat("done", usage=(900, 10))
        return chat(None, (f"call_{next(numbers):024d}", "look", json.dumps({"at": turns(document)})), usage=(900, 10))

    agents = [Agent(number) for number in range(6)]
    async with upstream(reply) as up:
        file = written(tmp_path, config(up.url))
        async with process(file, env={"ALICE": KEY}) as served:
            working = [asyncio.ensure_future(agent.work(served.url)) for agent in agents]
            while len(up.seen) < 25:  # noqa: ASYNC110  # the upstream has no event for it
                await asyncio.sleep(0.001)
            await served.end(signal.SIGKILL)
            await asyncio.wait(working)
        before, spent_calls, spent_usd = len(up.seen), *await told(tmp_path)
        assert before <= spent_calls <= before + len(agents)
        assert spent_usd >= before * 920e-6
        async with process(file, env={"ALICE": KEY}) as served:
            await asyncio.gather(*(agent.work(served.url) for agent in agents))
    assert all(agent.done for agent in agents)
    assert all(len(agent.runs) == 1 for agent in agents), [agent.runs for agent in agents]
    assert len(set.union(*(agent.runs for agent in agents))) == len(agents)
    calls, _ = await told(tmp_path)
    assert len(up.seen) <= calls <= len(up.seen) + len(agents)


async def told(folder: Path) -> tuple[int, float]:
    """What the journal, with the table of calls under way, says was spent: calls and dollars."""
    async with SqliteJournal.open(folder / "gateway.db") as journal:
        table = Flights(folder / "gateway.db-flights")
        await recover(journal, table)
        scopes = {entry.event.scope for entry in await journal.read("gateway/days", [Settled])}
        (scope,) = scopes
        account = await restore(scope, Limits(usd=100), journal, drawn=table.left(scope))
        table.taken_up(scope)
        table.close()
        return account.spent.calls, account.spent.usd


class Agent:
    """A client that goes on with its conversation wherever it was cut off, and notes what the gateway calls it."""

    def __init__(self, number: int) -> None:
        self.turns: list[Document] = [{"role": "user", "content": f"task {number}"}]
        self.runs: set[str] = set()
        self.done = False

    async def work(self, url: str) -> None:
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession(headers={"authorization": f"Bearer {KEY}"}) as http:
                while not self.done:
                    await self._step(http, url)

    async def _step(self, http: aiohttp.ClientSession, url: str) -> None:
        body = {"model": "thrifty", "messages": self.turns, "max_tokens": 50}
        async with http.post(f"{url}/v1/chat/completions", json=body) as response:
            reply = await response.json()
            assert response.status == 200, reply
        self.runs.add(response.headers["x-parcae-run"])
        message = reply["choices"][0]["message"]
        self.turns.append(message)
        self.turns += [
            {"role": "tool", "tool_call_id": call["id"], "content": "dark"} for call in message.get("tool_calls", [])
        ]
        self.done = not message.get("tool_calls")
