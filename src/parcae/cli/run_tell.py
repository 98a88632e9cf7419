"""`parcae runs tell`: a person steps in, through the journal, so that any terminal will do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import click

from parcae.cli.session import cards_only, looking
from parcae.cli.settings import settle
from parcae.cli.terminal import tell
from parcae.core.errors import CallerMistake
from parcae.jobs.world import World
from parcae.organization.events import Controlled, HumanAsked
from parcae.organization.job import COMPANY, read_options
from parcae.organization.office import Office
from parcae.organization.report import office_of
from parcae.organization.telling import Action, controlled


def tell_run(run: str, action: str, text: str, *, to: str, about: str, home: str | None, as_json: bool) -> int:
    """Append what the person wants; whoever works on the run reads it within a second."""
    settings = settle({"home": home}, env=os.environ, project=Path())

    async def tell(world: World) -> list[HumanAsked]:
        await read_options(run, world)
        office = await office_of(f"{run}/{COMPANY}", world.journal)
        if action != "questions":
            await world.journal.append([_event(run, action, text, to, about, office)])
        return list(office.questions.values())

    questions = looking(settings, cards_only(settings), tell)
    if action == "questions":
        _show(run, questions, as_json)
    elif as_json:
        click.echo(json.dumps({"schema": "parcae.told/1", "run": run, "action": action}))
    return 0


def _event(run: str, action: str, text: str, to: str, about: str, office: Office) -> Controlled:
    if action == "message" and to not in office.chart.employees:
        raise CallerMistake(f"nobody in {run!r} is called {to!r}", f"name one with --to; see `parcae runs show {run}`")
    if action == "answer":
        asked = list(office.questions)
        if not about.isdigit() or not 0 < int(about) <= len(asked):
            raise CallerMistake(f"there is no open question {about!r}", f"see `parcae runs tell {run} questions`")
        about = asked[int(about) - 1]
    return controlled(office, cast("Action", action), to=to, about=about, text=text)


def _show(run: str, questions: list[HumanAsked], as_json: bool) -> None:
    rows = [(number, one.scope.rpartition("/")[2], one.question) for number, one in enumerate(questions, 1)]
    if as_json:
        listed = [{"about": number, "who": who, "question": question} for number, who, question in rows]
        click.echo(json.dumps({"schema": "parcae.questions/1", "run": run, "questions": listed}))
        return
    for number, who, question in rows:
        tell(f"{number}. {who}: {question}")
    if not rows:
        click.echo("no open questions", err=True)
