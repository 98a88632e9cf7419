from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, ToolCallPart

from parcae.core.errors import CallerMistake
from parcae.core.events import AttemptStarted, OutcomeGiven, RunStarted, StepCompleted, StepObserved, StepReplied
from parcae.core.plan import Plan, RungPlan, StagePlan, render
from parcae.core.protocols import Event
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Observation
from parcae.graphs.tally import TaskFacts
from parcae.prediction.prefixes import Group, Look
from parcae.prediction.sources.journal import groups_from
from parcae.prediction.sources.read import Wanted, read
from parcae.store.codec import encode

WANTED = Wanted()


def chat(task: str, success: bool | None, answer: str = "x.y") -> dict[str, Any]:
    called = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"name": "a"}'}}
    return {
        "task_id": task,
        "model": "gpt",
        "success": success,
        "messages": [
            {"role": "system", "content": "be good"},
            {"role": "user", "content": "where?"},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "1", "content": "Error: no a"},
            {"role": "assistant", "content": answer},
        ],
    }


def lines(folder: Path, rows: list[object], name: str = "log.jsonl") -> Path:
    file = folder / name
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


def test_chats_at_one_task_become_one_group_with_the_verdict_on_its_vote(tmp_path: Path) -> None:
    rows = [chat("t", False, "wrong"), chat("t", True, "X.y "), chat("t", True, "x.y"), chat("u", None)]
    found = read(lines(tmp_path, rows), WANTED)
    first, second = found.groups
    assert found.format == "chat logs" and first.failed is False and second.failed is None
    turn, ending = first.attempts[1]
    assert turn.calls[0].tool == "look" and turn.observed_chars == 11 and turn.errors == 1
    assert ending.answer == ("x.y",)


def test_a_broken_line_is_named_and_left_out_only_if_asked(tmp_path: Path) -> None:
    file = lines(tmp_path, [chat("t", True), "{broken", chat("u", False)])
    with pytest.raises(CallerMistake, match=r"line 2.*--skip-broken"):
        read(file, WANTED)
    found = read(file, Wanted(skip=True))
    assert len(found.groups) == 2 and found.notes == (f"1 broken line was left out: {file.name}, line 2",)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"messages": "none"}, "line 2: `messages` must be"),
        ({"messages": [{"role": "assistant", "tool_calls": "oops"}]}, "line 2: not as recorded runs are"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": 3}]}]}, "line 2: not as recorded runs are"),
        ({"messages": [{"role": "user", "content": "?"}], "metadata": "none"}, "line 2: not as recorded runs are"),
    ],
)
def test_a_chat_that_is_none_is_named_and_left_out_only_if_asked(tmp_path: Path, bad: object, said: str) -> None:
    file = lines(tmp_path, [chat("t", True), bad])
    with pytest.raises(CallerMistake, match=said):
        read(file, WANTED)
    assert len(read(file, Wanted(skip=True)).groups) == 1


def test_a_trajectory_of_another_shape_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.traj.json").write_text(json.dumps({"info": {}, "messages": ["none"]}))
    with pytest.raises(CallerMistake, match=r"a.traj.json cannot be read"):
        read(tmp_path, WANTED)


def test_a_file_without_rows_is_said(tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="holds no rows"):
        read(lines(tmp_path, []), WANTED)


def test_trajectories_of_mini_swe_agent(tmp_path: Path) -> None:
    document = {
        "info": {
            "exit_status": "Submitted",
            "submission": "diff --git a b",
            "resolved": True,
            "config": {"model": {"model_name": "claude"}},
        },
        "messages": [
            {"role": "user", "content": "fix it"},
            {"role": "assistant", "content": "THOUGHT\n```bash\nls -la\n```"},
            {"role": "user", "content": "<returncode>1</returncode><output>no</output>"},
            {"role": "assistant", "content": "```bash\nsubmit\n```"},
        ],
        "instance_id": "django__1",
    }
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.traj.json").write_text(json.dumps(document))
    [group] = read(tmp_path / "runs", WANTED).groups
    assert group.task_id == "django__1" and group.setup.model == "claude" and group.failed is False
    [turns] = group.attempts
    assert [turn.calls[0].arguments for turn in turns[:2]] == ['{"command": "ls -la"}', '{"command": "submit"}']
    assert turns[0].errors == 1 and turns[-1].answer == ("diff --git a b",)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CallerMistake, match=r"holds no \*.traj.json"):
        read(tmp_path / "empty", WANTED)


def otlp(trace: str, name: str, start: int, attributes: dict[str, Any], *, failed: bool = False) -> dict[str, Any]:
    def wrapped(value: Any) -> dict[str, Any]:
        return {"boolValue": value} if isinstance(value, bool) else {"stringValue": value}

    return {
        "traceId": trace,
        "name": name,
        "startTimeUnixNano": str(start),
        "status": {"code": 2} if failed else {},
        "attributes": [{"key": key, "value": wrapped(value)} for key, value in attributes.items()],
    }


def test_spans_of_opentelemetry(tmp_path: Path) -> None:
    spans = [
        otlp(
            "t1", "execute_tool look", 2, {"gen_ai.tool.name": "look", "gen_ai.tool.call.result": "four"}, failed=True
        ),
        otlp("t1", "chat", 1, {"gen_ai.request.model": "gpt", "parcae.task": "bug-7", "parcae.success": False}),
        otlp(
            "t1", "execute_tool read", 3, {"gen_ai.tool.name": "read", "gen_ai.tool.call.arguments": '{"b": 1, "a": 2}'}
        ),
        otlp("t2", "GET /", 1, {"http.method": "GET"}),
    ]
    [group] = read(lines(tmp_path, [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}]), WANTED).groups
    assert group.task_id == "bug-7" and group.failed is True and group.setup.tools == ("look", "read")
    [turns] = group.attempts
    assert (turns[0].errors, turns[0].observed_chars) == (1, 4)
    assert turns[1].calls[0].arguments == '{"a": 2, "b": 1}' and turns[2].answer == ()


def run_events(run: str, *, success: bool | None = True, rung: int = 0) -> list[Event]:
    task = Task(id=f"task of {run}", kind="locate", question="?", details={"functions": "12"})
    scope = f"{run}/attempt-1"
    reply = ModelResponse(parts=[ToolCallPart("look", {"name": "a"}, "c1")])
    events: list[Event] = [
        RunStarted(scope=run, command="locate", task=task, seed=1),
        AttemptStarted(scope=scope, model="small", rung=rung),
        StepReplied(scope=scope, step=0, model="small", reply=reply),
        StepObserved(scope=scope, step=0, observation=Observation(call_id="c1", tool="look", content="seen")),
        StepCompleted(scope=scope, step=0, model="small"),
        StepReplied(scope=scope, step=1, model="small", reply=ModelResponse(parts=[])),
        StepCompleted(scope=scope, step=1, model="small", ending=Ending(reason="answered", answer=("a",))),
    ]
    return events if success is None else [*events, OutcomeGiven(scope=run, success=success)]


def test_runs_of_the_journal_become_groups_but_swapped_ones_do_not() -> None:
    events = [
        *run_events("r1"),
        *run_events("r2", success=False),
        *run_events("r3", success=None),
        *run_events("r4", rung=1),
    ]
    groups = groups_from(events, agent="locate")
    assert [group.failed for group in groups] == [False, True, None]
    [turns] = groups[0].attempts
    assert turns[0].observed_chars == 4 and turns[1].answer == ("a",)
    assert groups[0].facts.candidates == 12 and groups[0].setup.model == "small"
    assert groups_from(events, agent="repair") == []


def test_a_run_that_ended_early_is_one_of_as_many_attempts_as_were_planned() -> None:
    first, *rest = run_events("r1")
    assert isinstance(first, RunStarted)
    climb = (RungPlan(attempts=4), RungPlan(attempts=5))
    for stage, planned in (
        (StagePlan(ladder=("small",), attempts=10, policy="adaptive@1"), 10),
        (StagePlan(ladder=("small", "large"), policy="climb", climb=climb), 4),
    ):
        [group] = groups_from([replace(first, options={"plan": render(Plan(default=stage))}), *rest])
        assert len(group.attempts) == 1
        assert group.prefix(Look()).samples == group.prefix(Look(at=1)).samples == planned
    for options in ({}, {"plan": "no plan"}, {"plan": "version = 99"}):
        [group] = groups_from([replace(first, options=options), *rest])
        assert group.prefix(Look()).samples == 1


def test_the_candidates_of_a_run_are_known_by_name() -> None:
    first, *rest = run_events("r1")
    assert isinstance(first, RunStarted)
    named = replace(first, task=replace(first.task, covering={"a": 2, "b": 1}))
    [group] = groups_from([named, *rest])
    assert group.facts == TaskFacts.of({"a": 2, "b": 1}) and group.facts.known.reached_as_much("a") == 1


def test_an_exported_run_reads_like_the_journal(tmp_path: Path) -> None:
    events = run_events("r1")
    header = {"schema": "parcae.run/1", "run": "r1", "events": len(events)}
    rows = [{"at": 1.0, "scope": one.scope, "kind": one.kind, "body": json.loads(encode(one))} for one in events]
    found = read(lines(tmp_path, [header, *rows]), WANTED)
    assert found.format == "exported run" and list(found.groups) == groups_from(events)


def test_what_is_of_no_known_format_is_said(tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="no known format"):
        read(lines(tmp_path, [{"a": 1}]), WANTED)
    with pytest.raises(CallerMistake, match="there is no"):
        read(tmp_path / "none", WANTED)


def test_a_strangers_source_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(task_id="t", setup=groups_from(run_events("r"))[0].setup, attempts=((),), failed=True)

    class Point:
        name = "mine"

        def load(self) -> Any:
            return lambda path: [group] if path.suffix == ".mine" else None

    file = lines(tmp_path, ["{}"], "a.mine")
    monkeypatch.setattr("parcae.prediction.sources.read.entry_points", lambda group: [Point()])  # an installed package
    assert read(file, WANTED).groups == (group,)
