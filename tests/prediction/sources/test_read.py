from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, ToolCallPart

from parcae.core.errors import CallerMistake
from parcae.core.events import (
    AttemptEquipped,
    AttemptStarted,
    OutcomeGiven,
    RunStarted,
    StepCompleted,
    StepObserved,
    StepReplied,
)
from parcae.core.plan import Plan, StagePlan, render
from parcae.core.plan_rungs import RungPlan
from parcae.core.protocols import Event
from parcae.core.task import Task
from parcae.core.trajectory import Ending, Observation
from parcae.graphs.tally import TaskFacts
from parcae.prediction.prefixes import Group, Look, Setup, fold_of
from parcae.prediction.rows import checked
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
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    file.write_bytes(text.encode(errors="surrogateescape"))
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
        (chat("u", True) | {"success": "true"}, "line 2: `success` must be true or false, not 'true'"),
        ('{"messages": "\udcff"}', "line 2: 'utf-8' codec can't decode"),
        ("[" * 200_000, "line 2: nested too deep"),
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


def test_what_names_a_task_and_its_verdict_may_be_0_half_a_character_or_in_the_metadata(tmp_path: Path) -> None:
    rows: list[object] = [
        chat("", None) | {"task_id": 0, "success": None, "metadata": {"success": False, "task_id": 7}},
        chat("", True) | {"task_id": None, "metadata": {"task_id": "m"}},
        chat("\ud800bad", True),
        chat("", True),
    ]
    found = read(lines(tmp_path, rows), WANTED).groups
    assert [group.task_id for group in found[:3]] == ["0", "m", "\ufffdbad"] and len(found[3].task_id) == 16
    assert found[0].failed is True
    assert {fold_of(group.task_id) for group in found} <= set(range(5))


def test_one_bad_trajectory_is_left_out_of_a_folder_only_if_asked(tmp_path: Path) -> None:
    good = {"info": {"resolved": True}, "messages": []}
    for name, document in (("good", good), ("odd", good | {"info": {"resolved": "yes"}}), ("list", [])):
        (tmp_path / f"{name}.traj.json").write_text(json.dumps(document))
    (tmp_path / "cut.traj.json").write_text('{"info":')
    with pytest.raises(CallerMistake, match=r"cut.traj.json: it cannot be read: .*leave such files out: --skip-broken"):
        read(tmp_path, WANTED)
    with pytest.raises(CallerMistake, match=r"odd.traj.json: `resolved` must be true or false, not 'yes'"):
        read(tmp_path / "odd.traj.json", WANTED)
    found = read(tmp_path, Wanted(skip=True))
    assert [group.task_id for group in found.groups] == ["good"]
    assert found.notes == ("3 broken files were left out: cut.traj.json; list.traj.json; odd.traj.json",)


def test_a_trajectory_of_another_shape_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.traj.json").write_text(json.dumps({"info": {}, "messages": ["none"]}))
    with pytest.raises(CallerMistake, match=r"a.traj.json: a trajectory of mini-swe-agent has"):
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
    with pytest.raises(CallerMistake, match=r"holds no \*.traj.json and no exported runs"):
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
    assert group.task_id == "bug-7" and group.failed is True and group.setup.tools == ()
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


def test_tools_are_those_that_were_offered_whichever_an_attempt_called(tmp_path: Path) -> None:
    offered = json.dumps([{"type": "function", "name": "read"}, {"type": "function", "name": "look"}])
    spans = []
    for trace, called in enumerate(("look", "read", "look")):
        asked = {"gen_ai.request.model": "gpt", "parcae.task": "t", "gen_ai.tool.definitions": offered}
        spans += [
            otlp(f"t{trace}", "chat", 1, asked),
            otlp(f"t{trace}", "execute_tool", 2, {"gen_ai.tool.name": called}),
        ]
    structured = {"kvlistValue": {"values": [{"key": "name", "value": {"stringValue": "look"}}]}}
    other = otlp("t9", "chat", 1, {"gen_ai.request.model": "gpt", "parcae.task": "t"})
    other["attributes"].append({"key": "gen_ai.tool.definitions", "value": {"arrayValue": {"values": [structured]}}})
    rows: list[object] = [{"resourceSpans": [{"scopeSpans": [{"spans": [*spans, other]}]}]}]
    one, alone = read(lines(tmp_path, rows), WANTED).groups
    assert one.setup.tools == ("look", "read") and len(one.attempts) == 3
    assert alone.setup.tools == ("look",)


def test_a_run_s_set_up_holds_what_its_attempts_were_offered_and_told() -> None:
    begun, *after = run_events("run-1")
    scopes = ("run-1/attempt-1", "run-1/attempt-2")
    told = [
        AttemptEquipped(scope=scope, tools=("read", "look")[place:], prompt="v1") for place, scope in enumerate(scopes)
    ]
    second = AttemptStarted(scope=scopes[1], model="tiny")
    [group] = groups_from([begun, told[0], *after, second, told[1]])
    assert group.setup == Setup(model="small and tiny", tools=("look", "read"), prompt="v1")
    assert groups_from(run_events("run-2"))[0].setup == Setup(model="small")


def printed(trace: str, start: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A span as the Python SDK's console exporter has it."""
    return {
        "name": "span",
        "context": {"trace_id": f"0x{trace}", "span_id": "0x1", "trace_state": "[]"},
        "start_time": start,
        "status": {"status_code": "UNSET"},
        "attributes": attributes,
    }


def test_spans_as_the_console_exporter_prints_them_one_after_another(tmp_path: Path) -> None:
    spans = [
        printed("a", "2026-01-31T12:00:00.000002Z", {"gen_ai.tool.name": "read", "parcae.success": True}),
        printed("a", "2026-01-31T12:00:00.000001Z", {"gen_ai.tool.name": "look", "parcae.task": 0}),
        printed("b", "2026-01-31T12:00:00.000001Z", {"gen_ai.tool.name": "look", "parcae.task": "t"}),
    ]
    for text in (
        "\n".join(json.dumps(span, indent=4) for span in spans),
        json.dumps(spans, indent=4),
        json.dumps(spans),
    ):
        file = tmp_path / "spans.json"
        file.write_text(text)
        first, second = read(file, WANTED).groups
        assert (first.task_id, first.failed, second.task_id) == ("0", False, "t")
        assert [turn.calls[0].tool for turn in first.attempts[0][:2]] == ["look", "read"]


def test_a_printed_span_that_is_broken_is_named_by_its_line_and_left_out_only_if_asked(tmp_path: Path) -> None:
    texts = [json.dumps(printed(name, "2026-01-31", {"gen_ai.tool.name": "look"}), indent=4) for name in "abc"]
    file = tmp_path / "spans.jsonl"
    file.write_text("\n".join([texts[0], texts[1].replace('"name"', "name"), texts[2]]))
    start = texts[0].count("\n") + 2
    with pytest.raises(CallerMistake, match=f"line {start}: Expecting"):
        read(file, WANTED)
    found = read(file, Wanted(skip=True))
    assert len(found.groups) == 2 and found.notes == (f"1 broken line was left out: spans.jsonl, line {start}",)


def test_spans_of_both_exporters_in_one_trace_are_put_in_order(tmp_path: Path) -> None:
    spans = [otlp("AB", "execute_tool", 1_769_860_800_000_002_000, {"gen_ai.tool.name": "read"})]
    rows: list[object] = [
        {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]},
        printed("ab", "2026-01-31T12:00:00.000003Z", {"gen_ai.tool.name": "write"}),
        printed("ab", "2026-01-31T12:00:00.000001Z", {"gen_ai.tool.name": "look"}),
    ]
    [group] = read(lines(tmp_path, rows), WANTED).groups
    assert [turn.calls[0].tool for turn in group.attempts[0][:3]] == ["look", "read", "write"]


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


def test_a_test_that_was_run_again_is_extra() -> None:
    again = [*run_events("r0", success=None), *run_events("r1"), *run_events("r2", success=False), *run_events("r3")]
    told = [replace(one, task=replace(one.task, id="t")) if isinstance(one, RunStarted) else one for one in again]
    groups = groups_from(told)
    assert [(group.failed, group.extra) for group in groups] == [
        (None, False),
        (False, False),
        (True, True),
        (False, True),
    ]


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


def exported(run: str, version: int = 1, task: str | None = None, **how: Any) -> list[dict[str, Any]]:
    started, *rest = run_events(run, **how)
    assert isinstance(started, RunStarted)
    events = [replace(started, task=replace(started.task, id=task or started.task.id)), *rest]
    header = {"schema": f"parcae.run/{version}", "run": run, "events": len(events), "parcae": "9.9"}
    at = float(run.removeprefix("r"))
    rows = [{"at": at, "scope": one.scope, "kind": one.kind, "body": json.loads(encode(one))} for one in events]
    return [header, *rows]


def test_a_folder_of_exported_runs_reads_like_one_file_of_them_in_the_order_of_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    lines(folder, [*exported("r10", task="t", success=False)], "a.jsonl")
    lines(folder, [*exported("r2", task="t"), *exported("r3")], "b.jsonl")
    groups = read(folder, WANTED).groups
    assert [(group.failed, group.extra) for group in groups] == [(False, False), (False, False), (True, True)]
    whole = lines(tmp_path, [*exported("r10", task="t", success=False), *exported("r2", task="t"), *exported("r3")])
    assert read(whole, WANTED).groups == groups
    lines(folder, [{"some": "thing"}], "c.jsonl")
    with pytest.raises(CallerMistake, match=r"c.jsonl: no exported run; .*--skip-broken"):
        read(folder, WANTED)
    assert read(folder, Wanted(skip=True)).groups == groups


BREAKS: list[tuple[Any, str]] = [
    (lambda rows: rows[8 + 3].update(body=[]), "line 12: an entry of kind 'step.replied/1'"),
    (lambda rows: rows[8 + 3].update(scope="other"), "line 12: 'other' is no part of run r2"),
    (lambda rows: rows[8 + 3].pop("scope"), "line 12: no 'scope'"),
    (lambda rows: rows[8 + 3].update(at=None), "line 12: not as recorded runs are"),
    (lambda rows: rows[8 + 4]["body"].update(step=7), "line 10: not as recorded runs are"),
    (lambda rows: rows.pop(8 + 3), "line 9: 8 events of r2 were announced, but 7 came"),
    (lambda rows: rows[8 + 0].update(run="r1", events=7), "line 9: run r1 was there before"),
]


@pytest.mark.parametrize(("change", "said"), BREAKS)
def test_an_exported_run_that_is_broken_is_named_and_left_out_whole_only_if_asked(
    tmp_path: Path, change: Any, said: str
) -> None:
    first, second, third = exported("r1", success=None), exported("r2"), exported("r3")
    rows: list[Any] = [*first, *second, *third]
    assert len(first) == 8 and len(second) == 9
    change(rows)
    with pytest.raises(CallerMistake, match=said):
        read(lines(tmp_path, rows), WANTED)
    assert {group.task_id for group in read(lines(tmp_path, rows), Wanted(skip=True)).groups} == {
        "task of r1",
        "task of r3",
    }


def test_a_run_of_a_newer_version_is_refused_whatever_was_asked(tmp_path: Path) -> None:
    for rows in (exported("r1", version=9), [*exported("r1"), *exported("r2", version=9)]):
        with pytest.raises(CallerMistake, match=r"exported by 9.9 as version 9; update Parcae"):
            read(lines(tmp_path, list(rows)), Wanted(skip=True))


def test_runs_of_another_kind_and_flags_that_mean_nothing_there_are_refused(tmp_path: Path) -> None:
    runs, log = lines(tmp_path, list(exported("r1"))), lines(tmp_path, [chat("t", True)], "chat.jsonl")
    assert len(read(runs, Wanted(agent="locate")).groups) == 1
    with pytest.raises(CallerMistake, match=r"no runs of kind 'nosuch' to learn from; say which: --agent locate"):
        read(runs, Wanted(agent="nosuch"))
    for file in (runs, log):
        with pytest.raises(CallerMistake, match="--samples is for AutoFL recordings, and these are"):
            read(file, Wanted(samples=2))
        with pytest.raises(CallerMistake, match="no attempts by 'nobody'; name another --model; there are"):
            read(file, Wanted(model="nobody"))
    rows: list[object] = [chat("t", True), {**chat("t", False), "model": "other"}]
    [group] = read(lines(tmp_path, rows), Wanted(model="other")).groups
    assert group.setup.model == "other" and group.failed is True


def test_each_format_says_how_its_attempts_get_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "a.traj.json").write_text(json.dumps({"info": {}, "messages": []}))
    asked = otlp("a", "chat", 1, {"gen_ai.request.model": "gpt"})
    spans: list[object] = [{"resourceSpans": [{"scopeSpans": [{"spans": [asked]}]}]}]
    sources = {
        "`success`": lines(tmp_path, [chat("t", None)], "chats.jsonl"),
        "`resolved`": tmp_path / "a.traj.json",
        "`parcae.success`": lines(tmp_path, spans, "spans.jsonl"),
        "parcae outcome RUN": lines(tmp_path, list(exported("r1", success=None)), "runs.jsonl"),
    }
    for label, file in sources.items():
        found = read(file, WANTED)
        with pytest.raises(CallerMistake, match=r"none of 1 tasks has a verdict; .*" + label):
            checked(found.groups, label=found.label)


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
