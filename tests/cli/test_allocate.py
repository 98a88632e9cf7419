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

from parcae.allocation.pipeline import Item
from parcae.allocation.result import Scored, plan_of
from parcae.allocation.samples import Sampled
from parcae.allocation.toml import load_pipeline
from parcae.cli.main import run
from parcae.core.plan import render
from parcae.store.sqlite import SqliteJournal
from parcae.tools.bubblewrap import trouble

EXAMPLE = str(ROOT / "examples/pipelines/locate_twice.toml")
REPAIR = ROOT / "examples/pipelines/locate_repair.toml"
TEST = "tests/test_ledger.py::test_closing_balance"
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


def test_a_search_named_by_a_relative_path_goes_on_from_another_folder(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    home = str(tmp_path / "home")
    monkeypatch.chdir(ROOT / "examples")
    begun = ["allocate", "pipelines/locate_twice.toml", "--models", MODELS, "--items", "2", "--max-calls", "2"]
    first = run([*begun, "--home", home, "--json"])
    name = json.loads(capsys.readouterr().out)["run"]
    monkeypatch.chdir(tmp_path)
    assert run(["runs", "resume", name, "--home", home, "--json"]) == first
    assert json.loads(capsys.readouterr().out)["calls"] <= 2


def nan(item: Item, output: str) -> float:
    return float("nan")


def two(item: Item, output: str) -> float:
    return 2.0


def raises(item: Item, output: str) -> float:
    raise ZeroDivisionError("division by zero")


PROMPT = 'prompt = "x"\nmodels = ["builtin:small", "builtin:large"]\nsamples = [1, 2]'
GONE = "openai:gone@http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("more", "stage", "flags", "says"),
    [
        ("", PROMPT, ["--item-budget", "1e-9"], "the cheapest, answer: builtin:small x1, costs"),
        ('metric = "tests.cli.test_allocate:nan"', PROMPT, [], "gave nan on item"),
        ('metric = "tests.cli.test_allocate:two"', PROMPT, [], "gave 2.0 on item"),
        ('metric = "tests.cli.test_allocate:raises"', PROMPT, [], "ZeroDivisionError: division by zero"),
        ("", f'prompt = "x"\nmodels = ["{GONE}"]', ["--budget", "inf", "--max-calls", "3"], f"model '{GONE}' failed"),
    ],
    ids=["nothing fits", "nan", "outside", "raises", "nobody answers"],
)
@pytest.mark.loopback
def test_what_goes_wrong_after_the_first_sample_says_what_was_spent_and_kept(
    more: str, stage: str, flags: list[str], says: str, tmp_path: Path, capsys: Captured
) -> None:
    code = run(["allocate", pipeline(tmp_path, more=more, stage=stage), "--home", str(tmp_path / "home"), *flags])
    captured = capsys.readouterr()
    assert code == 2
    assert says in captured.err
    assert "samples are kept" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.loopback
def test_unknown_prices_are_refused_and_the_cure_that_is_named_works(tmp_path: Path, capsys: Captured) -> None:
    stage = f'prompt = "x"\nmodels = ["builtin:small", "{GONE}"]\nsamples = [1]'
    arguments = ["allocate", pipeline(tmp_path, stage=stage), "--home", str(tmp_path / "home"), "--json"]
    assert run(arguments) == 2
    assert f"no price is known for {GONE}" in (said := capsys.readouterr().out)
    assert "--budget inf --max-calls N" in said
    assert run([*arguments, "--budget", "inf", "--max-calls", "6"]) == 0
    document = json.loads(capsys.readouterr().out)
    [dropped] = document["dropped"]
    assert (dropped["stage"], dropped["model"]) == ("answer", GONE)
    assert "cannot be reached" in dropped["why"]
    assert document["best"]["stages"]["answer"]["model"] == "builtin:small"


def test_too_few_items_are_refused(tmp_path: Path, capsys: Captured) -> None:
    file = pipeline(tmp_path)
    (tmp_path / "items.jsonl").write_text('{"id": "1", "gold": "a", "question": "q"}\n')
    assert run(["allocate", file, "--home", str(tmp_path / "home")]) == 2
    assert "there are 1 items: too few" in capsys.readouterr().err


def test_the_exported_plan_gives_each_command_its_own_stage(tmp_path: Path, capsys: Captured) -> None:
    result = scored({"locate": ("builtin:large", 3), "repair": ("builtin:small", 2)})
    file = tmp_path / "plan.toml"
    file.write_text(render(plan_of(load_pipeline(REPAIR, models=MODELS.split(",")), result)))
    for command, ladder, samples in (("locate", ["builtin:large"], 3), ("repair", ["builtin:small"], 2)):
        arguments = [command, str(ROOT / "examples/ledgerbook"), TEST, "--plan", str(file), "--dry-run", "--json"]
        assert run(arguments) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["ladder"], said["samples"]) == (ladder, samples)


def scored(stages: dict[str, tuple[str, int]]) -> Scored:
    told = tuple((name, model, samples) for name, (model, samples) in stages.items())
    return Scored(configuration=0, stages=told, score=1.0, low=0.0, high=1.0, cost=0.1, items=2)
