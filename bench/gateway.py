"""The gateway beside litellm's proxy: requests a second on one core, latency that is added, streams, memory.

    python bench/gateway.py [--seconds 5] [--litellm PATH_OF_ITS_PYTHON] [--json FILE]

Same upstream, same load generator, same key check, in turns; each server pinned to one core, upstream and generator on
the other. Ours runs as users run it: durable journal, one budgeted key, a logistic forecaster on
all features at every look. Requests are the steps
of runs: ten steps each, every step a longer history, as agents send them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from bench.load.generator import Result, flood, paced, post, streams  # noqa: E402  # run as a file, too
from bench.load.upstream import SAID  # noqa: E402  # as above

from parcae.graphs.features import FEATURES  # noqa: E402  # as above
from parcae.prediction.calibrate import no_calibration  # noqa: E402  # as above
from parcae.prediction.card import Card  # noqa: E402  # as above
from parcae.prediction.fitted import Fitted, save  # noqa: E402  # as above
from parcae.prediction.heads import Logistic  # noqa: E402  # as above

KEY = "sk-bench-0123456789abcdef0123456789abcdef"
CONFIG = """
listen = "127.0.0.1:{port}"
journal = "journal.db"
forecaster = "fitted.npz"
[upstreams.up]
base_url = "http://127.0.0.1:{upstream}/v1"
max_in_flight = 4096
[models.bench]
ladder = ["up:small", "up:large"]
policy = "parallel@4"
mode = "swap"
max_tokens = 256
[keys.bench]
secret_env = "BENCH_KEY"
day = {{ usd = 100000 }}
[prices."up:small"]
prompt_usd = 0.15
completion_usd = 0.60
[prices."up:large"]
prompt_usd = 2.5
completion_usd = 10
[limits]
default_max_tokens = 256
"""
LITELLM = """
model_list:
  - model_name: bench
    litellm_params: {{model: openai/small, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
litellm_settings: {{request_timeout: 600, set_verbose: false, json_logs: false, num_retries: 0}}
general_settings: {{master_key: {key}, disable_spend_logs: true, disable_error_logs: true}}
"""

LITELLM_ENV = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def small(stream: bool = False) -> Iterator[bytes]:
    """The steps of runs of ten, each longer than the one before, 2 kB on average."""
    system = {"role": "system", "content": "You are careful. " * 60}
    while True:
        history: list[dict[str, object]] = [system, {"role": "user", "content": f"task {uuid.uuid4()}"}]
        for step in range(10):
            yield _asking(history, stream)
            history += _turn(SAID, step)


def large() -> Iterator[bytes]:
    """Histories of 100 messages and 100 kB: runs of which all but the last steps were made elsewhere."""
    while True:
        history: list[dict[str, object]] = [{"role": "user", "content": f"task {uuid.uuid4()}"}]
        for step in range(45):
            history += _turn("x" * 2100, step)
        for step in range(45, 50):
            yield _asking(history, False)
            history += _turn(SAID, step)


def _turn(said: str, step: int) -> list[dict[str, object]]:
    return [{"role": "assistant", "content": said}, {"role": "user", "content": f"it says {step}: go on"}]


def _asking(messages: list[dict[str, object]], stream: bool) -> bytes:
    document: dict[str, object] = {"model": "bench", "messages": messages, "max_tokens": 256}
    body = json.dumps(document | ({"stream": True} if stream else {}), separators=(",", ":")).encode()
    return post("/v1/chat/completions", body, f"authorization: Bearer {KEY}\r\n")


def logistic() -> Fitted:
    """A forecaster of full size: every feature counts, none decides."""
    names = tuple(FEATURES)
    card = Card(
        kind="logistic", agent="gateway", tools=(), models=(), data_hash="", seed=1, folds=5, tasks=1, examples=1,
        failure_rate=0.5, looks=(), features=names, low=(0.0,) * len(names), high=(9.0,) * len(names),
    )  # fmt: skip
    weights = np.random.default_rng(1).normal(0.0, 0.1, len(names))
    return Fitted(card=card, head=Logistic(weights=weights, bias=-1.0), calibration=no_calibration())


class Served:
    """A server process on one core."""

    def __init__(self, command: list[str], port: int, folder: Path, env: dict[str, str], core: int) -> None:
        self.port = port
        self.log = (folder / f"{port}.log").open("w")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=folder,
            env={**os.environ, **env},
            stdout=self.log,
            stderr=self.log,
        )
        self.start_seconds = self._up(began)

    def _up(self, began: float) -> float:
        while time.perf_counter() - began < 300:
            for path in ("/healthz", "/health/liveliness"):
                url = f"http://127.0.0.1:{self.port}{path}"
                with contextlib.suppress(OSError, HTTPException), urllib.request.urlopen(url, timeout=1) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise SystemExit(f"the server did not start: {Path(self.log.name).read_text(encoding='utf-8')}")

    def rss_mb(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").split("VmRSS:")[1]
        return int(fields.split()[0]) / 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--soak", type=int, default=0, help="requests for the memory curve")
    parser.add_argument("--urgent", action="store_true", help="ahead of all else on this machine, while measuring")
    parser.add_argument("--litellm", default=str(ROOT / "out" / "litellm" / "bin" / "litellm"))
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(measure(given, Path(name)))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


async def measure(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    upstream = subprocess.Popen(
        ["taskset", "-c", "1", sys.executable, "-m", "bench.load.upstream"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert upstream.stdout is not None
    up = int(upstream.stdout.readline())
    servers = {"direct": up}
    running: list[Served] = []
    try:
        save(logistic(), folder / "fitted.npz")
        (folder / "gateway.toml").write_text(CONFIG.format(port=up + 1, upstream=up), encoding="utf-8")
        command = [sys.executable, "-m", "parcae", "serve", "--config", "gateway.toml"]
        env = {"BENCH_KEY": KEY, "PYTHONPATH": f"{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}"}
        ours = Served(command, up + 1, folder, env, 0)
        running.append(ours)
        servers["parcae"] = ours.port
        if Path(given.litellm).exists():
            (folder / "litellm.yaml").write_text(LITELLM.format(upstream=up, key=KEY), encoding="utf-8")
            theirs = [given.litellm, "--config", "litellm.yaml", "--port", str(up + 2), "--host", "127.0.0.1"]
            theirs += ["--num_workers", "1"]
            running.append(Served(theirs, up + 2, folder, LITELLM_ENV, 0))
            servers["litellm"] = up + 2
        found: dict[str, object] = {"python": platform.python_version(), "cpus": os.cpu_count()}
        found["start_seconds"] = {
            name: round(one.start_seconds, 2) for name, one in zip(list(servers)[1:], running, strict=True)
        }
        by_name = dict(zip(list(servers)[1:], running, strict=True))
        if given.urgent:
            for pid in (os.getpid(), upstream.pid, *(one.process.pid for one in running)):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), -20)  # not SCHED_RR: its turns last 0.1 s
        await warmed(servers)
        found |= await compared(given, servers, by_name)
        if given.soak:
            found["soak"] = await soak(given.soak, ours)
        return found
    finally:
        for one in running:
            one.stop()
        upstream.terminate()
        upstream.wait()


async def warmed(servers: dict[str, int]) -> None:
    """What is loaded at the first requests is no part of the figures."""
    for port in servers.values():
        await flood(port, small, connections=4, seconds=1.5)
        await flood(port, large, connections=2, seconds=0.5)


async def compared(given: argparse.Namespace, servers: dict[str, int], running: dict[str, Served]) -> dict[str, object]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    slow = {"litellm"}
    for _ in range(given.rounds):
        for name, port in servers.items():
            gc.collect()
            cpu = running[name].cpu_seconds() if name in running else 0.0
            got = await flood(port, small, connections=16 if name in slow else 64, seconds=given.seconds)
            cpu = running[name].cpu_seconds() - cpu if name in running else 0.0
            note(found, "2 kB, flood", name, got, cpu)
            got = await paced(port, small, rate=50 if name in slow else 200, seconds=given.seconds)
            note(found, "2 kB, paced", name, got)
            got = await flood(port, large, connections=16, seconds=given.seconds)
            note(found, "100 kB, flood", name, got)
            got = await paced(port, large, rate=20 if name in slow else 100, seconds=given.seconds)
            note(found, "100 kB, paced", name, got)
    for count in (500, 1000):
        for name, port in servers.items():
            if name not in slow:
                note(found, f"{count} streams of 1 s", name, await streams(port, small(stream=True), count=count))
    memory = {name: round(one.rss_mb(), 1) for name, one in running.items()}
    print(f"memory after it all (MB): {memory}")
    return {"figures": found, "rss_mb": memory}


def note(found: dict[str, dict[str, dict[str, float]]], case: str, name: str, got: Result, cpu: float = 0.0) -> None:
    """Keep the best rate and the best quantiles of all rounds: the machine is shared."""
    new = {
        "per_second": got.rate,
        "p50_ms": statistics.median(got.latencies) * 1e3 if got.latencies else float("nan"),
        "p99_ms": got.at(0.99) * 1e3 if got.latencies else float("nan"),
        "failed": got.failed,
    }
    if cpu and got.latencies:
        new["cpu_us"] = cpu / len(got.latencies) * 1e6
    old = found.setdefault(case, {}).get(name)
    if old is not None:
        best = {key: (max if key in ("per_second", "failed") else min)(old[key], value) for key, value in new.items()}
        new = best
    found[case][name] = {key: round(value, 3) for key, value in new.items()}
    shown = "  ".join(f"{key} {value:.2f}" for key, value in new.items())
    print(f"{case:22} {name:8} {shown}  {got.statuses}", flush=True)


async def soak(requests: int, ours: Served) -> list[tuple[int, float]]:
    """Memory after every tenth of so many requests."""
    curve, done = [(0, round(ours.rss_mb(), 1))], 0
    while done < requests:
        got = await flood(ours.port, small, connections=64, seconds=2.0)
        done += len(got.latencies)
        if done >= requests / 10 * len(curve):
            curve.append((done, round(ours.rss_mb(), 1)))
            print(f"after {done} requests: {curve[-1][1]} MB", flush=True)
    return curve


if __name__ == "__main__":
    main()
