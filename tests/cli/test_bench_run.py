"""`parcae bench run` against a provider on loopback: four formats, the figures, going on, what is refused."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.conftest import ROOT, missing

from parcae.benchmarks.items import KINDS, Item, Kind, read_items
from parcae.benchmarks.task_bench import pass_at
from parcae.cli.main import run
from parcae.models.scripted import say
from parcae.testing.servers import Server, serving
from parcae.tools.bubblewrap import trouble

Captured = pytest.CaptureFixture[str]
SHIPPED = ROOT / "examples" / "items"


@contextmanager
def provider(texts: Sequence[str]) -> Iterator[Server]:
    """A server in a thread of its own, so that the command can have the main one."""
    ready, at = threading.Event(), list[tuple[Server, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        async with serving([say(text) for text in texts]) as server:
            done = asyncio.Event()
            at.append((server, asyncio.get_running_loop(), done))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    server, loop, done = at[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> str:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    return str(tmp_path / "home")


def right(item: Item) -> str:
    return f"Thus \\boxed{{{item.expected}}}." if item.tests is None else f"```python\n{item.expected}\n```"


def wrong(item: Item) -> str:
    return r"Perhaps \boxed{-77}." if item.tests is None else "```python\nraise SystemExit\n```"


def bench(kind: str, items: Path, home: str, ladder: Sequence[str], *more: str) -> int:
    options = ["--items", str(items), "--home", home, "--models", ",".join(ladder), "--timeout", "5", "--quiet"]
    return run(["bench", "run", kind, *options, *more])


def ladder_at(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    names = [f"openai:{size}@{server.url}/v1" for size in ("weak", "strong")]
    prices = [f'[models."{name}"]\nprompt_usd = 1\ncompletion_usd = 2\n' for name in names]
    (tmp_path / "catalog.toml").write_text("".join(prices))
    monkeypatch.setenv("PARCAE_CATALOG", str(tmp_path / "catalog.toml"))
    return names


@pytest.mark.loopback
@pytest.mark.parametrize("kind", KINDS)
def test_each_format_runs_to_its_figures_and_going_on_asks_nobody(
    kind: Kind, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    items = read_items(kind, SHIPPED / f"{kind}.jsonl")[:2]
    weak_then_strong = [[right(one), wrong(one), wrong(one), right(one), right(one), right(one)] for one in items]
    with provider([text for texts in weak_then_strong for text in texts]) as server:
        ladder = ladder_at(server, monkeypatch, tmp_path)
        more = ["--limit", "2", "--samples", "3", "--name", "mine", "--json"]
        assert bench(kind, SHIPPED / f"{kind}.jsonl", home, ladder, *more) == 0
        table = json.loads(capsys.readouterr().out)
        weak, strong = table["rows"]
        jsonschema.validate(table, json.loads((ROOT / "docs/schemas/bench-run-1.json").read_text()))
        assert table["schema"] == "parcae.bench.run/1" and table["items"] == 2
        assert weak["pass_at"]["1"]["mean"] == pytest.approx(1 / 3)
        assert weak["pass_at"]["2"]["mean"] == pytest.approx(2 / 3)
        assert weak["majority"]["mean"] == 0.0 and weak["usd_per_solved"] is None
        assert strong["pass_at"]["1"]["mean"] == strong["majority"]["mean"] == 1.0
        assert strong["usd_per_solved"]["mean"] == pytest.approx(strong["cost_usd"] / 2)
        assert len(server.requests) == 12 and not server.complaints
        assert bench(kind, SHIPPED / f"{kind}.jsonl", home, ladder, *more) == 0
        assert json.loads(capsys.readouterr().out) == table
        assert len(server.requests) == 12
    hidden = [line for one in items for line in (one.tests or "").splitlines() if line.startswith("assert")]
    said = json.dumps([request.body["messages"] for request in server.requests])
    assert not any(json.dumps(line)[1:-1] in said for line in hidden)


@pytest.mark.loopback
def test_people_see_a_table_and_which_items_are_left_out(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    bad: dict[str, Any] = {
        "task_id": "bad",
        "text": "Add.",
        "code": "def f():\n    return 1",
        "test_list": ["assert f() == 2"],
    }
    good = {**bad, "task_id": "good", "test_list": ["assert f() == 1"]}
    file = tmp_path / "items.jsonl"
    file.write_text(f"{json.dumps(bad)}\n{json.dumps(good)}\n")
    with provider(["```python\ndef f():\n    return 1\n```"]) as server:
        weak = ladder_at(server, monkeypatch, tmp_path)[:1]
        assert bench("mbpp", file, home, weak, "--samples", "1") == 0
    captured = capsys.readouterr()
    assert "item bad is left out: its own solution does not solve it here (a test fails)" in captured.err
    assert "1 mbpp items" in captured.out and "pass@1    1.0000 [1.0000, 1.0000]" in captured.out
    assert "$ for a solved item" in captured.out


@pytest.mark.loopback
def test_the_command_of_the_guide_runs(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    guide = (ROOT / "docs" / "guide" / "public-items.md").read_text()
    [shown] = [part for part in guide.split("\n\n") if part.startswith("    parcae bench run")]
    with provider([r"\boxed{12}"] * 12 * 3 * 5) as server:
        ladder = ladder_at(server, monkeypatch, tmp_path)
        named = shown.replace("openai:gpt-4o-mini,openai:gpt-4o", ",".join(ladder)).replace("\\\n", " ")
        monkeypatch.chdir(ROOT)
        assert run([*shlex.split(named)[1:], "--home", home, "--quiet"]) == 0
    shown_table = capsys.readouterr().out
    assert "12 gsm8k items" in shown_table and "pass@5    0.0833" in shown_table and "adaptive@2" in shown_table


def test_builtin_models_are_refused_with_the_cure(home: str, capsys: Captured) -> None:
    assert bench("gsm8k", SHIPPED / "gsm8k.jsonl", home, ["builtin:small"]) == 2
    assert "builtin:small has no skill for gsm8k items; name language models with --models" in capsys.readouterr().err


def test_a_file_that_holds_no_items_is_refused(home: str, tmp_path: Path, capsys: Captured) -> None:
    assert bench("math", tmp_path / "none.jsonl", home, ["openai:any@http://127.0.0.1:9/v1"]) == 2
    assert "none.jsonl cannot be read" in capsys.readouterr().err


def test_pass_at_k_is_the_unbiased_estimate() -> None:
    assert pass_at(1, [True, False, False, False]) == pytest.approx(0.25)
    assert pass_at(2, [True, False, False, False]) == pytest.approx(0.5)
    assert pass_at(3, [True, True, False, False]) == 1.0
    assert pass_at(2, [False, False]) == 0.0
    with pytest.raises(ValueError, match="2 attempts"):
        pass_at(3, [True, True])
