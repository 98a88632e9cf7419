from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from tests.conftest import missing
from tests.prediction.made import constant, made_groups

from parcae.cli.evaluate_show import show_evaluations
from parcae.cli.main import run
from parcae.graphs.nodes import Call
from parcae.graphs.turns import Turn
from parcae.prediction.evaluate import LEAKING, NO_FIGURE, evaluate, scored
from parcae.prediction.fitted import load, save
from parcae.prediction.prefixes import Group, Look, fold_of
from parcae.prediction.shelf import shelf_file
from parcae.prediction.sources.read import Found


def schema(name: str) -> Any:
    return json.loads((Path(__file__).parents[2] / "docs" / "schemas" / f"{name}.json").read_text())


def message(turn: Turn) -> list[dict[str, Any]]:
    if turn.answer is not None:
        return [{"role": "assistant", "content": " ".join(turn.answer)}]
    calls = [
        {"id": "1", "type": "function", "function": {"name": call.tool, "arguments": call.arguments}}
        for call in turn.calls
    ]
    content = ("Error " if turn.errors else "") + "x" * turn.observed_chars
    return [{"role": "assistant", "tool_calls": calls}, {"role": "tool", "tool_call_id": "1", "content": content}]


def logged(file: Path, groups: Sequence[Group]) -> Path:
    """`groups` as a chat log."""
    rows = [
        {
            "task_id": group.task_id,
            "model": "cheap",
            "success": not group.failed,
            "messages": [{"role": "user", "content": "?"}, *(one for turn in turns for one in message(turn))],
        }
        for group in groups
        for turns in group.attempts
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logged(tmp_path_factory.mktemp("logs") / "log.jsonl", made_groups(40))


def test_evaluate_prints_one_document(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(log), "--at", "3", "--no-gcn", "--only", "prior,logistic", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("evaluate-1"))
    assert document["schema"] == "parcae.evaluate/1" and document["tasks"] == 40 and document["look"] == "parallel@3"
    names = {one["name"] for one in document["forecasters"]}
    assert {"prior", "confidence", "rule", "logistic", "selected"} == names
    for one in document["forecasters"]:
        assert {"accuracy", "auc", "aupr", "fpr_at_95_tpr", "brier", "low", "high", "reliability"} <= set(one)
    assert document["setups"][0]["setup"]["model"] == "cheap"


def test_a_task_that_several_set_ups_tried_counts_once(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    several = tmp_path / "several.jsonl"
    several.write_text("\n".join(json.dumps({**row, "model": model}) for model in ("cheap", "other") for row in rows))
    command = ["evaluate", str(several), "--no-gcn", "--only", "majority"]
    assert run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("evaluate-1"))
    assert (document["tasks"], document["groups"], len(document["setups"])) == (40, 80, 2)
    assert run(command) == 0
    assert "full: 40 tasks in 80 groups, " in capsys.readouterr().out


@pytest.mark.parametrize("better", [True, False])
def test_train_keeps_what_is_better_or_says_that_the_rule_stays(
    better: bool, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is better knows a task that failed by what is asked first; what is not knows nothing of the verdicts."""
    rows, out = [json.loads(line) for line in log.read_text().splitlines()], tmp_path / "kept.npz"
    for row in rows:
        number = int(row["task_id"].removeprefix("task-"))
        row["success"] = number % 2 == 0 if better else number * 7 % 11 < 5
        if better and not row["success"]:
            row["messages"][1:1] = message(Turn(calls=(Call(tool="look", arguments='{"name": "a.m0"}'),), errors=1)) * 3
    told = tmp_path / "told.jsonl"
    told.write_text("\n".join(json.dumps(row) for row in rows))
    assert run(["train", str(told), "--kind", "logistic", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("train-1"))
    assert document["schema"] == "parcae.train/1"
    assert document["better"] is better and out.exists() is better
    assert document["file"] == (str(out) if better else None)
    assert ("is better than the rule" if better else "not better") in document["why"]
    assert document["card"]["tools"] == ["look"] and "rule" in document["card"]["metrics"]


IN_ONE_FOLD = (name for name in (f"t{number}" for number in range(1000)) if fold_of(name) == 3)
ONE_FOLD = dict(zip((group.task_id for group in made_groups(40)), IN_ONE_FOLD, strict=False))
BAD: dict[str, Callable[[list[dict[str, Any]]], list[Any]]] = {
    "one": lambda rows: rows[:1],
    "few": lambda rows: rows[:40],
    "unlabelled": lambda rows: [{**row, "success": None} for row in rows],
    "lost": lambda rows: [{**row, "success": False} for row in rows],
    "together": lambda rows: [{**row, "task_id": ONE_FOLD[row["task_id"]]} for row in rows],
    "broken": lambda rows: [*rows[:3], "{broken", *rows[3:]],
    "shapeless": lambda rows: [*rows[:3], {"messages": [{"role": "assistant", "tool_calls": "oops"}]}, *rows[3:]],
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "{none}"], "there is no"),
        (["evaluate", "--home", "{home}"], "there is no journal"),
        (["train", "{one}"], "only 1 tasks have a verdict"),
        (["train", "{few}"], "only 10 tasks have a verdict"),
        (["evaluate", "{few}"], "only 10 tasks have a verdict"),
        (["train", "{unlabelled}"], "none of 40 tasks has a verdict; give lines `success`: true or false"),
        (["evaluate", "{unlabelled}"], "none of 40 tasks has a verdict"),
        (["train", "{lost}"], "all 40 groups failed"),
        (["evaluate", "{lost}"], "all 40 groups failed, fails from the start: cheap with its tools: 100% of 40 tasks"),
        (["evaluate", "{together}"], "all 40 tasks fall into one of 5 folds"),
        (["train", "{together}"], "all 40 tasks fall into one of 5 folds"),
        (["train", "{broken}"], "broken.jsonl, line 4: Expecting property name"),
        (["evaluate", "{broken}"], "leave such lines out: --skip-broken"),
        (["train", "{shapeless}"], "shapeless.jsonl, line 4: not as recorded runs are"),
        (["evaluate", "{log}", "--only", "logistic,oracle"], "there is no forecaster 'oracle'"),
        (["train", "{log}", "--kind", "oracle"], "there is no forecaster 'oracle'"),
        (["train", "{log}", "--embedder", "fasttext"], "only the graph network reads texts"),
        (["evaluate", "{log}", "--no-gcn", "--embedder", "fasttext"], "only the graph network reads texts"),
        (["evaluate", "{log}", "--no-gcn", "--paper-compatible"], "leave out --no-gcn"),
        (["evaluate", "{log}", "--sequential"], "--sequential says what --at counts, and there is no --at"),
        (["evaluate", "{log}", "--agent", "locate"], "--agent is for journals and exported runs, and these are chat"),
        (["evaluate", "{log}", "--samples", "2"], "--samples is for AutoFL recordings, and these are chat logs"),
        (
            ["train", "{log}", "--model", "none"],
            "there are no attempts by 'none'; name another --model; there are cheap",
        ),
        (["train", "{log}", "--agent", "../evil"], "'../evil' is no kind of task"),
        (["train", "{log}", "--seed", "-5"], "-5 is not in the range"),
        (["evaluate", "{log}", "--seed", "4294967296"], "4294967296 is not in the range"),
        (["train", "{log}", "--kind", "gcn", "--embedder", "wordnet"], "there is no embedder 'wordnet'"),
        (["train", "{log}", "--kind", "gcn", "--embedder", "nobody:none"], "no embedding model 'nobody:none'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written_over(
    arguments: list[str], said: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "gcn" in arguments and importlib.util.find_spec("torch_geometric") is None:
        missing("PyTorch Geometric (the `train` extra)")
    places = {"home": tmp_path / "home", "none": tmp_path / "none", "log": log}
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for name, change in BAD.items():
        places[name] = tmp_path / f"{name}.jsonl"
        texts = (row if isinstance(row, str) else json.dumps(row) for row in change(rows))
        places[name].write_text("\n".join(texts))
    kept = tmp_path / "kept.npz"
    save(constant("locate"), kept)
    before = kept.read_bytes()
    out = ["--out", str(kept)] if arguments[0] == "train" else []
    assert run([argument.format(**places) for argument in arguments] + out) == 2
    captured = capsys.readouterr()
    assert said in captured.err and "Traceback" not in captured.err and captured.out == ""
    assert kept.read_bytes() == before


def test_the_rest_of_a_broken_log_is_used_if_the_user_says_so(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text("{broken\n" + log.read_text())
    arguments = ["evaluate", str(file), "--no-gcn", "--only", "prior", "--json", "--skip-broken"]
    assert run(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tasks"] == 40 and document["notes"] == ["1 broken line was left out: log.jsonl, line 1"]


def test_training_writes_over_nothing_but_a_forecaster_for_the_same_tasks(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, notes, newer = tmp_path / "other.npz", tmp_path / "notes.txt", tmp_path / "newer.npz"
    save(constant("repair"), other)
    notes.write_text("mine")
    later = constant("locate")
    save(dataclasses.replace(later, card=dataclasses.replace(later.card, format="parcae.forecaster/9")), newer)
    said = {other: "trained on tasks of kind 'repair'", notes: "is no forecaster", newer: "parcae.forecaster/9"}
    for file, why in said.items():
        before = file.read_bytes()
        assert run(["train", str(log), "--kind", "prior", "--out", str(file)]) == 2
        err = capsys.readouterr().err
        assert why in err and "name another --out" in err and file.read_bytes() == before


def earlier(file: Path) -> bytes:
    """A forecaster for "locate" of the first format."""
    whole = constant("locate")
    save(dataclasses.replace(whole, card=dataclasses.replace(whole.card, format="parcae.forecaster/1")), file)
    return file.read_bytes()


def test_the_shelf_is_kept_as_safe_as_any_other_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, log = shelf_file(tmp_path, "locate"), logged(tmp_path / "log.jsonl", made_groups(80, signal=0.95))
    later = constant("locate")
    save(dataclasses.replace(later, card=dataclasses.replace(later.card, format="parcae.forecaster/9")), file)
    before, train = file.read_bytes(), ["train", str(log), "--kind", "logistic", "--home", str(tmp_path)]
    assert run(train) == 2
    assert "parcae.forecaster/9" in capsys.readouterr().err and file.read_bytes() == before
    file.write_text("mine")
    assert run(train) == 2
    assert "is not written over" in capsys.readouterr().err and file.read_text() == "mine"
    earlier(file)
    assert run([*train, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["better"] and document["file"] == str(file) and document["stays"] is None
    assert load(file).card.kind == "logistic"


def test_an_agents_name_leads_to_nothing_outside_the_home(log: Path, tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    assert run(["train", str(log), "--kind", "logistic", "--home", str(home), "--agent", "../../evil"]) == 2
    assert list(tmp_path.rglob("*")) == []


def test_training_that_brings_nothing_says_what_stays(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    verdicts = {row["task_id"]: row["success"] for row in rows}
    shuffled = list(verdicts.values())
    random.Random(3).shuffle(shuffled)
    chance = dict(zip(verdicts, shuffled, strict=True))
    noise, home = tmp_path / "noise.jsonl", tmp_path / "home"
    noise.write_text("\n".join(json.dumps(row | {"success": chance[row["task_id"]]}) for row in rows))
    file = shelf_file(home, "locate")
    train = ["train", str(noise), "--kind", "prior", "--home", str(home)]
    assert run(train) == 0 and capsys.readouterr().out.endswith("the rule stays\n")
    save(constant("locate"), file)
    for out in ([], ["--out", str(tmp_path / "out.npz")]):
        assert run([*train, *out]) == 0
        assert capsys.readouterr().out.endswith(f"the forecaster in {file} stays in use\n")
    assert run([*train, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("train-1"))
    assert (document["file"], document["stays"]) == (None, str(file))
    before = earlier(file)
    assert run(train) == 0 and capsys.readouterr().out.endswith("the rule stays\n")
    assert file.read_bytes() == before


def test_one_failing_task_is_enough_to_be_evaluated(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    lost = rows[0]["task_id"]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(json.dumps(row | {"success": row["task_id"] != lost}) for row in rows))
    assert run(["evaluate", str(file), "--no-gcn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failing"] == 1
    assert run(["train", str(file), "--kind", "blend", "--home", str(tmp_path), "--json"]) == 0


def test_the_table_is_whole_at_80_columns_and_marks_the_authors_protocol(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # what a terminal says of itself
    groups = made_groups(40)
    found = evaluate(groups, Look(at=3), gcn=None, heads=("majority",))
    leaking = scored(LEAKING, found.tasks, np.array(found.failed), found.p_fail["rule"], 1, (NO_FIGURE,))
    shown = dataclasses.replace(found, forecasters=(*found.forecasters, leaking))
    show_evaluations(Found(format="chat logs", groups=tuple(groups)), [shown], [])
    out = capsys.readouterr().out
    table = [line for line in out.splitlines() if line.startswith(("forecaster", "rule", "gcn (leaks) "))]
    assert len(table) == 3 and all(len(line.rstrip()) <= 80 for line in table)
    figures = [f"{leaking.accuracy:.3f}", f"{leaking.auc:.3f}", f"{leaking.aupr:.3f}", f"{leaking.brier:.3f}"]
    assert all(figure in line.split() for line in table[1:] for figure in figures)
    assert f"gcn (leaks): {LEAKING}, {NO_FIGURE}" in out and "\u2026" not in out
