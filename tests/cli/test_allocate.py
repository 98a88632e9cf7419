"""`parcae allocate` as people run it: live on the built-in models, killed and resumed, and what is wrong on the way."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from tests.conftest import ROOT, missing

from parcae.allocation.samples import Sampled
from parcae.cli.main import run
from parcae.store.sqlite import SqliteJournal
from parcae.tools.bubblewrap import trouble

EXAMPLE = str(ROOT / "examples/pipelines/locate_twice.toml")
MODELS = "builtin:small,builtin:large"
SCHEMA = json.loads((ROOT / "docs/schemas/allocate-1.json").read_text(encoding="utf-8"))
Captured = pytest.CaptureFixture[str]


def keys(home: Path, name: str) -> list[str]:
    async def read() -> list[str]:
        async with SqliteJournal.open(home / "journal.sqlite") as journal:
            return [one.event.key for one in await journal.read(name, [Sampled])]

    return asyncio.run(read())


@pytest.mark.timeout(300)
def test_a_live_search_that_is_killed_goes_on_and_pays_for_no_sample_twice(tmp_path: Path, capsys: Captured) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    home = tmp_path / "home"
    arguments = ["allocate", EXAMPLE, "--models", MODELS, "--items", "2", "--max-calls", "12", "--home", str(home)]
    child = subprocess.Popen([sys.executable, "-m", "parcae", *arguments], stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    name = child.stderr.readline().split()[1].rstrip(";")
    child.stderr.readline()  # the first round is over
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = keys(home, name)
    assert before

    page = tmp_path / "page.html"
    assert run(["runs", "resume", name, "--home", str(home), "--json", "--html", str(page)]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    after = keys(home, name)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)
    assert document["calls"] == len(after) <= 12
    assert document["best"] is not None
    assert document["frontier"]
    assert "<svg" in page.read_text(encoding="utf-8")


def pipeline(folder: Path, *, more: str = "", stage: str = 'prompt = "{question}"\nmodels = ["builtin:small"]') -> str:
    (folder / "items.jsonl").write_text('{"id": "1", "gold": "a", "question": "q"}\n{"id": "2", "gold": "b"}\n')
    file = folder / "pipeline.toml"
    file.write_text(f'items = "items.jsonl"\n{more}\n[stages.answer]\n{stage}\n')
    return str(file)


@pytest.mark.parametrize(
    ("stage", "flags", "says"),
    [
        ('prompt = "{question}"', [], "has no models"),
        ('prompt = "x"\nmodels = ["builtin:small"]\ninputs = ["answer"]', [], "in a circle"),
        ('prompt = "x"\nmodels = ["builtin:small"]\nsamples = [2, 1]', [], "do not ascend"),
        ('prompt = "x"\nmodels = ["builtin:small"]\ncolour = "red"', [], "unknown key `colour`"),
        ('prompt = "x"\nmodels = ["nobody:nothing"]', [], "nobody"),
        ('prompt = "x"\nmodels = ["builtin:small"]', ["--strategy", "dream"], "there is no strategy 'dream'"),
        ('prompt = "x"\nmodels = ["builtin:small"]', ["--strategy", "agenttts"], "--agent"),
        ('prompt = "x"\nmodels = ["builtin:small"]', ["--held-out", "2"], "too few are left"),
        ('prompt = "x"\nmodels = ["builtin:small"]', ["--resume", "allocate-none"], "there is no run"),
    ],
)
def test_bad_input_is_one_sentence_with_the_cure(
    stage: str, flags: list[str], says: str, tmp_path: Path, capsys: Captured
) -> None:
    code = run(["allocate", pipeline(tmp_path, stage=stage), "--home", str(tmp_path / "home"), *flags])
    captured = capsys.readouterr()
    assert code == 2
    assert says in captured.err
    assert "Traceback" not in captured.err


def test_a_pipeline_that_changed_is_not_resumed_and_the_difference_is_named(tmp_path: Path, capsys: Captured) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    shutil.copytree(ROOT / "examples/pipelines", tmp_path / "pipelines")
    file = tmp_path / "pipelines" / "locate_twice.toml"
    home = str(tmp_path / "home")
    flags = ["--models", MODELS, "--items", "2", "--max-calls", "2", "--home", home]
    run(["allocate", str(file), *flags, "--json"])
    name = json.loads(capsys.readouterr().out)["run"]
    file.write_text(file.read_text().replace("samples = [1, 2, 4]", "samples = [1, 2]"))
    assert run(["runs", "resume", name, "--home", home]) == 2
    assert "changed in scout.samples" in capsys.readouterr().err
