from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.prediction.made import made_groups

from parcae.cli.main import run
from parcae.graphs.turns import Turn


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


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("logs") / "log.jsonl"
    rows = [
        {
            "task_id": group.task_id,
            "model": "cheap",
            "success": not group.failed,
            "messages": [{"role": "user", "content": "?"}, *(one for turn in turns for one in message(turn))],
        }
        for group in made_groups(40)
        for turns in group.attempts
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


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


def test_train_keeps_what_is_better_or_says_that_the_rule_stays(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "kept.npz"
    assert run(["train", str(log), "--kind", "logistic", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("train-1"))
    assert document["schema"] == "parcae.train/1" and document["better"] is out.exists()
    assert document["card"]["tools"] == ["look"] and "rule" in document["card"]["metrics"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "{none}"], "there is no"),
        (["evaluate", "--home", "{home}"], "there is no journal"),
        (["train", "{one}"], "only 1 tasks have a verdict"),
        (["evaluate", "{log}", "--only", "logistic,oracle"], "there is no forecaster 'oracle'"),
        (["train", "{log}", "--kind", "oracle"], "there is no forecaster 'oracle'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one.jsonl"
    one.write_text(log.read_text().splitlines()[0])
    places = {"none": tmp_path / "none", "home": tmp_path / "home", "one": one, "log": log}
    assert run([argument.format(**places) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and "Traceback" not in captured.err and captured.out == ""
