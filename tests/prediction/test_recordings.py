from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from parcae.core.errors import CallerMistake
from parcae.prediction.recordings import (
    RecordedRun,
    RecordedTask,
    Recordings,
    best_gold_rank,
    bugs_file_of,
    gold_share,
    ranking,
    read_recordings,
)


@pytest.fixture(scope="module")
def recordings(shared_data: Path) -> Recordings:
    return read_recordings(shared_data / "autofl_d4j.jsonl.gz")


def test_recorded_scores_come_out_exactly(recordings: Recordings, shared_data: Path) -> None:
    stated = json.loads((shared_data / "recorded_scores.json").read_text())["scores"]
    for score in stated:
        first, last = map(int, score["repetitions"].split(".."))
        top, ranks = 0.0, []
        for task_id, runs in recordings.of(score["model"], gold=False).items():
            chosen = [run for run in runs if first <= run.repetition <= last]
            task = recordings.tasks[task_id]
            top += gold_share(task, [run.predicted for run in chosen])
            ranks.append(best_gold_rank(task, chosen))
        assert len(ranks) == score["bugs"]
        assert round(top, 1) == score["top_vote_is_gold"], score["model"]
        for k in (1, 3, 5):
            assert sum(rank is not None and rank <= k for rank in ranks) == score[f"acc@{k}"], (score["model"], k)


def test_by_five_turns_most_small_attempts_have_answered(recordings: Recordings) -> None:
    runs = [run for runs in recordings.of("llama3", gold=False).values() for run in runs]
    answered = sum(any(turn.answer is not None for turn in run.turns[:5]) for run in runs) / len(runs)
    assert answered == pytest.approx(0.765, abs=0.001)


def run(predicted: tuple[str, ...], seen: dict[str, int] | None = None) -> RecordedRun:
    return RecordedRun(
        task_id="t", model="m", repetition=1, status="ok", turns=(), predicted=predicted, seen=seen or {}, calls=(),
        seconds=None,
    )  # fmt: skip


def test_ties_go_to_covering_tests_then_to_what_was_looked_at() -> None:
    task = RecordedTask(id="t", gold=frozenset({"c"}), covering={"a": 1, "b": 2, "c": 1, "d": 1}, classes=1)
    assert ranking(task, [run(("a", "b"))]) == ["b", "a", "c", "d"]
    assert ranking(task, [run(("a",), {"d": 3, "c": 1})]) == ["a", "b", "d", "c"]
    assert best_gold_rank(task, [run(("a",), {"d": 3, "c": 1})]) == 4


def test_the_vote_alone_shares_a_tie() -> None:
    task = RecordedTask(id="t", gold=frozenset({"a"}), covering={"a": 1, "b": 1}, classes=1)
    assert gold_share(task, [("a", "b")]) == 0.5
    assert gold_share(task, [(), ()]) == 0.0


def write(folder: Path, rows: list[str], bugs: list[dict[str, Any]]) -> Path:
    file = folder / "some.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.write("\n".join(rows))
    with gzip.open(bugs_file_of(file), "wt") as out:
        out.write("\n".join(json.dumps(bug) for bug in bugs))
    return file


BUG = {"bug": "B_1", "gold": ["a"], "candidate_methods": [["a", 1]], "candidate_class_count": 1}
ROW = {
    "bug": "B_1", "model": "m", "repetition": 1, "status": "ok", "predicted": ["a"], "methods_seen": [[0, 2]],
    "steps": [], "calls": [], "seconds": None,
}  # fmt: skip

HUGE = 10**400
SIZES = [
    (None, "line 2: `observation_chars` must be a whole number from 0, not None"),
    *((bad, r"line 2: `\w+` must be a whole number from 0") for bad in (-5, "12", float("nan"), float("inf"), HUGE)),
]


def step(**other: Any) -> dict[str, Any]:
    return {"tool": "look", "arguments": {}, "observation_chars": 1, "observation_is_error": False} | other


def call(**other: Any) -> dict[str, Any]:
    unknown = {"prompt_tokens": None, "completion_tokens": None, "seconds": None}
    return {"purpose": "step", "prompt_chars": 1, "response_chars": 1} | unknown | other


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{broken", "line 2"),
        (json.dumps(ROW), "line 2: repetition 1 of m on B_1 was there before"),
        (json.dumps(ROW | {"bug": "B_2"}), "line 2: no task 'B_2'"),
        ("[]", "not a JSON object"),
        (json.dumps({"bug": "B_1", "model": "m"}), "line 2: no 'predicted'|line 2: no 'status'"),
        (json.dumps(ROW | {"repetition": 2, "steps": None}), "line 2: not as recorded runs are"),
        (json.dumps(ROW | {"repetition": 2, "methods_seen": [[7, 1]]}), "places among 1 candidates, not \\[7, 1\\]"),
        (json.dumps(ROW | {"repetition": 2, "methods_seen": [[-1, 1]]}), "places among 1 candidates"),
        (json.dumps(ROW | {"repetition": "0"}), "line 2: `repetition` must be a whole number from 0, not '0'"),
        (json.dumps(ROW | {"repetition": 2, "model": None}), "line 2: `model` must be a text, not None"),
        (json.dumps(ROW | {"repetition": 2, "model": ["m"]}), "line 2: `model` must be a text"),
        (json.dumps(ROW | {"repetition": 2, "predicted": [5]}), "line 2: `predicted` must be a list of texts"),
        (json.dumps(ROW | {"repetition": 2, "predicted": "a.b"}), "line 2: `predicted` must be a list of texts"),
        (json.dumps(ROW | {"repetition": 2, "predicted": [1, None]}), "line 2: `predicted` must be a list of texts"),
        (json.dumps(ROW | {"repetition": 2, "seconds": float("inf")}), "line 2: `seconds` must be a number from 0"),
        *((json.dumps(ROW | {"repetition": 2, "steps": [step(observation_chars=bad)]}), said) for bad, said in SIZES),
        (json.dumps(ROW | {"repetition": 2, "steps": [step(tool=None)]}), "line 2: `tool` must be a text"),
        *((json.dumps(ROW | {"repetition": 2, "calls": [call(prompt_chars=bad)]}), said) for bad, said in SIZES[1:]),
        (json.dumps(ROW | {"repetition": 2, "calls": [call(prompt_chars=-5)]}), "line 2: `prompt_chars` must be"),
        ("[" * 200_000, "line 2: nested too deep"),
    ],
)
def test_a_bad_line_is_named_and_left_out_only_if_asked(tmp_path: Path, bad: str, said: str) -> None:
    file = write(tmp_path, [json.dumps(ROW), bad], [BUG])
    with pytest.raises(CallerMistake, match=said):
        read_recordings(file)
    broken: list[str] = []
    assert len(read_recordings(file, broken=broken).of("m")["B_1"]) == 1
    assert broken == ["some.jsonl.gz, line 2"]


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        (BUG, "line 2: task B_1 was there before"),
        ({"bug": "B_2"}, "line 2: no 'gold'"),
        (BUG | {"bug": "B_2", "gold": "a"}, "line 2: `gold` must be a list of texts, not 'a'"),
        (BUG | {"bug": "B_2", "candidate_methods": None}, "line 2: `candidate_methods` must be a list of pairs"),
        (BUG | {"bug": "B_2", "candidate_methods": "a"}, "line 2: `candidate_methods` must be a list of pairs"),
        (BUG | {"bug": "B_2", "candidate_methods": [["a", None]]}, "line 2: `candidate_methods` must be"),
        (BUG | {"bug": 2}, "line 2: `bug` must be a text, not 2"),
    ],
)
def test_a_bad_task_is_named_and_left_out_only_if_asked(tmp_path: Path, bug: dict[str, Any], said: str) -> None:
    file = write(tmp_path, [json.dumps(ROW)], [BUG, bug])
    with pytest.raises(CallerMistake, match=said):
        read_recordings(file)
    broken: list[str] = []
    assert set(read_recordings(file, broken=broken).tasks) == {"B_1"} and broken == ["some_bugs.jsonl.gz, line 2"]


def test_a_missing_file_and_an_unknown_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match=r"there is no .*none\.jsonl\.gz"):
        read_recordings(tmp_path / "none.jsonl.gz")
    good = read_recordings(write(tmp_path, [json.dumps(ROW)], [BUG]))
    assert good.of("m")["B_1"][0].seen == {"a": 2}
    with pytest.raises(CallerMistake, match="recorded are m"):
        good.of("other")
    none = read_recordings(write(tmp_path, [json.dumps(ROW)], [BUG]), models=["other"])
    with pytest.raises(CallerMistake, match="recorded are m"):
        none.of("other")


def test_a_line_that_is_no_utf_8_is_named_and_left_out_only_if_asked(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    bugs_file_of(file).write_text(json.dumps(BUG))
    file.write_bytes(json.dumps(ROW).encode() + b'\n{"bug": "\xff"}\n' + json.dumps(ROW | {"repetition": 2}).encode())
    with pytest.raises(CallerMistake, match=r"line 2: 'utf-8' codec can't decode byte 0xff"):
        read_recordings(file)
    broken: list[str] = []
    assert len(read_recordings(file, broken=broken).of("m")["B_1"]) == 2 and broken == ["some.jsonl, line 2"]


def test_a_packed_file_that_is_cut_or_damaged_is_said(tmp_path: Path) -> None:
    file = write(tmp_path, [json.dumps(ROW | {"repetition": number}) for number in range(99)], [BUG])
    whole = file.read_bytes()
    for damaged in (whole[:-9], whole[:20] + bytes([whole[20] ^ 0xFF, whole[21] ^ 0xFF]) + whole[22:]):
        file.write_bytes(damaged)
        with pytest.raises(CallerMistake, match=r"cannot be read|line 1"):
            read_recordings(file)
