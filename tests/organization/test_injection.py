"""Faults put in on purpose: falsified notes and dropped starts of a survey, most of which must be caught and cured."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolCallPart

from parcae.agents.files import file_tools
from parcae.core.protocols import OnText, Reply, Request
from parcae.core.task import Task
from parcae.models.builtin import BuiltinModel
from parcae.models.builtin.survey_check import wrong_in
from parcae.organization.company import Company
from parcae.organization.events import Noticed, Reviewed
from parcae.organization.limits import CompanyLimits
from parcae.organization.mailbox import Mailbox
from parcae.organization.staff import RANKS, Staffing
from parcae.store.memory import MemoryJournal
from parcae.testing.workers import RUN, scope_in
from parcae.workspace import open_workspace

ROOT = Path(__file__).parents[2]


class Liar(BuiltinModel):
    """Falsifies the first note on every tenth module, in one of several ways."""

    def __init__(self) -> None:
        super().__init__("large")
        self.rng, self.lied, self.seen = random.Random(5), set[str](), 0

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        answered = await super().reply(request, on_text)
        parts = [self._falsified(part) if isinstance(part, ToolCallPart) else part for part in answered.message.parts]
        return replace(answered, message=replace(answered.message, parts=parts))

    def _falsified(self, part: ToolCallPart) -> ToolCallPart:
        arguments = part.args_as_dict()
        path = str(arguments.get("path"))
        if part.tool_name != "write_file" or "/note-" not in path or "based_on" in arguments:
            return part
        self.seen += 1
        if self.seen % 10:
            return part
        self.lied.add(path)
        note = json.loads(arguments["content"])
        if note["definitions"]:
            self.rng.choice(note["definitions"])[2] = "made_up"
        else:
            note["import_statements"] += 1
        return replace(part, args=arguments | {"content": json.dumps(note)})


async def test_falsified_notes_and_dropped_starts_are_caught_and_cured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, dropped, starts = Mailbox.deliver, set[str](), [0]

    def lossy(self: Mailbox, letter: object) -> bool:
        woken = real(self, letter)  # type: ignore[arg-type]
        if woken and letter.what == "task":  # type: ignore[attr-defined]
            starts[0] += 1
            if starts[0] % 20 == 0:
                dropped.add(letter.to)  # type: ignore[attr-defined]
                return False
        return woken

    monkeypatch.setattr(Mailbox, "deliver", lossy)  # patching: the mailbox itself cannot lose a wake-up
    main = open_workspace(tmp_path / "work", "run", durable=False).main
    sources = sorted((ROOT / "src/parcae").rglob("*.py"))[:60]
    for source in sources:
        main.write(str(source.relative_to(ROOT / "src/parcae")), source.read_bytes())
    main.commit("sources", author="test")
    journal, liar = MemoryJournal(), Liar()
    staffing = Staffing(ladders=dict.fromkeys(RANKS, (liar,)), tools=file_tools())
    scope = replace(await scope_in(journal, usd=50.0), workspace=main)
    task = Task(id="survey", kind="goal", question="Survey this code base", comparable=False)

    ending = None
    async for step in Company(staffing=staffing, limits=CompanyLimits()).attempt(task, model=liar, scope=scope):
        ending = step.ending

    assert ending is not None and ending.reason == "answered"
    rejected = {one.event.scope for one in await journal.read(RUN, [Reviewed]) if not one.event.accepted}
    assert len(liar.lied) >= 6
    assert len(rejected) >= 0.95 * len(liar.lied)
    never = {one.event.scope for one in await journal.read(RUN, [Noticed]) if one.event.detector == "never_started"}
    assert len(dropped) >= 3
    assert len(never) >= 0.95 * len(dropped)
    for source in sources:
        path = source.relative_to(ROOT / "src/parcae")
        note = main.read(str(Path("notes") / path.parent / f"note-{path.stem}.json")).decode()
        assert wrong_in(note, source.read_text(), str(path)) == []
