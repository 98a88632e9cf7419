"""What `parcae runs …` does: opens the journal of the home, calls one function of the store, prints."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from parcae.cli.session import cards_only, in_world, redactor, text_of
from parcae.cli.settings import Setting, settle
from parcae.core.errors import CallerMistake

if TYPE_CHECKING:
    from parcae.core.plan import StagePlan
    from parcae.core.protocols import Forecaster
    from parcae.store.runs import RunSummary
    from parcae.store.sqlite import SqliteJournal

T = TypeVar("T")
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyFlags:
    """What `parcae runs resume` takes for a run of `parcae run` only; each as `parcae run` itself has it."""

    apply: bool = False
    out: Path | None = None
    web: bool = False


def list_runs(home: str | None, *, as_json: bool, limit: int, status: str | None) -> int:
    """Print the newest runs."""
    found = [one for one in _summaries(home) if status in (None, one.status)][:limit]
    if as_json:
        _print({"schema": "parcae.runs/1", "runs": [asdict(one) for one in found]})
        return 0
    if not found:
        click.echo("no runs yet; begin with `parcae locate --help`", err=True)
    for one in found:
        click.echo(_line(one))
    return 0


def show_run(run: str, home: str | None, *, as_json: bool, html: Path | None) -> int:
    """Print a run as its command did; one of another command at a glance."""
    settings = _settings(home)

    async def look(journal: SqliteJournal) -> None:
        from parcae.store.runs import runs_in

        found = await runs_in(journal, run) if _names_a_run(run) else ()
        if not found:
            raise _no_run(run)
        if found[0].command == "locate":
            await _show_report(run, journal, settings, as_json=as_json, html=html)
        elif found[0].command == "run":
            from parcae.cli.run_work import show

            await show(run, journal, settings, as_json=as_json)
        else:
            _say({"schema": "parcae.run-summary/1", **asdict(found[0])}, _line(found[0]), as_json)

    _with_journal(settings, look)
    return 0


async def _show_report(
    run: str, journal: SqliteJournal, settings: Mapping[str, Setting], *, as_json: bool, html: Path | None
) -> None:
    from parcae.cli.locate_run import present
    from parcae.core.clock import WallClock
    from parcae.jobs.locate import report_of
    from parcae.jobs.world import World

    world = World(journal=journal, clock=WallClock(), open_model=cards_only(settings))
    present(await report_of(run, world), as_json=as_json, html=html)


def resume(
    run: str,
    home: str | None,
    *,
    as_json: bool,
    html: Path | None,
    company: CompanyFlags,
    quiet: bool,
) -> int:
    """Go on with a run and print what came of it; the exit code is that of its command.

    Raises:
        CallerMistake: there is no such run, or a flag is not for runs of its command.
    """
    settings = _settings(home)
    _existing(settings)
    command = _command_of(run, home)
    if command not in (None, "run") and company != CompanyFlags():
        raise CallerMistake(
            f"--apply, --out and --web are for `parcae run`, and {run!r} is of `parcae {command}`", "leave them out"
        )
    if command == "allocate":
        from parcae.cli.allocate_run import go_on as search_on

        return search_on(run, home, as_json=as_json, html=html, quiet=quiet)
    if command == "run":
        from parcae.cli.run_work import go_on

        return go_on(run, settings, company, as_json=as_json, quiet=quiet)
    from parcae.cli.live import watching
    from parcae.cli.locate_run import forecaster_for, present, reliability_of
    from parcae.jobs.resume import resume_run

    watched_by: list[Forecaster] = []  # by nobody, if the run needed no watch

    def trained(stage: StagePlan, agent: str) -> Forecaster:
        watched_by.append(forecaster_for(stage, settings, agent)[0])
        return watched_by[-1]

    with watching(None, quiet=quiet or as_json) as board:
        report = in_world(settings, board, lambda world: resume_run(run, world, trained))
    reliability = reliability_of(watched_by[-1]) if watched_by else ()
    return present(report, as_json=as_json, html=html, reliability=reliability)


def _command_of(run: str, home: str | None) -> str | None:
    """The command that began `run`; None if the journal does not know it."""
    return next((one.command for one in _summaries(home) if one.run == run), None)


def export(run: str, home: str | None, out: Path | None) -> int:
    """Write a run's lines to `out`, whole or not at all, or to standard output."""
    from parcae.store.transfer import export_run

    lines = _with_journal(_settings(home), lambda journal: export_run(journal, run))
    if out is None:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return 0
    draft = out.with_name(f".{out.name}.part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CallerMistake(f"{out} cannot be written: {error.strerror}", "name another --out") from None
    return 0


def import_(file: Path, home: str | None, *, name: str | None, as_json: bool) -> int:
    """Take a run in."""
    from parcae.cli.runs import lines_of
    from parcae.store.transfer import import_run

    lines = lines_of(file)
    run = _with_journal(_settings(home), lambda journal: import_run(journal, lines, name=name), made=True)
    _say({"schema": "parcae.imported/1", "run": run}, f"imported {run}", as_json)
    return 0


def delete(names: Sequence[str], home: str | None, *, as_json: bool) -> int:
    """Delete runs, and what the home keeps of their files."""
    from parcae.cli.run_deliver import forget_files
    from parcae.cli.run_work import outfit_to_look
    from parcae.store.forget import forget

    settings = _settings(home)
    gone = _with_journal(settings, lambda journal: forget(journal, list(dict.fromkeys(names))))
    copies = outfit_to_look(settings).copies
    for name in names:
        forget_files(copies, name)
    document = {"schema": "parcae.deleted/1", "runs": list(names), "events": gone}
    _say(document, f"deleted {len(names)} runs, {gone} events", as_json)
    return 0


def prune(
    days: float,
    home: str | None,
    *,
    status: str | None,
    as_json: bool,
    dry_run: bool,
    asks: Callable[[str], None],
) -> int:
    """Delete what nobody touched for `days`; unfinished runs only when `status` names them."""
    from parcae.store.runs import UNFINISHED

    before = time.time() - days * DAY_SECONDS
    old = [one for one in _summaries(home) if one.last_at < before]
    names = [one.run for one in old if (one.status == status if status else one.status != UNFINISHED)]
    if dry_run or not names:
        document = {"schema": "parcae.deleted/1", "runs": names if dry_run else [], "events": 0, "dry_run": dry_run}
        _say(document, "\n".join(names) or "nothing to delete", as_json)
        return 0
    asks(f"delete {len(names)} runs for good?")
    return delete(names, home, as_json=as_json)


def salvage(home: str | None, *, as_json: bool) -> int:
    """Save what can be read of a damaged journal."""
    from parcae.store import salvage as saving

    done = saving.salvage(_existing(_settings(home)))
    document = {"schema": "parcae.salvaged/1", "saved": done.saved, "lost": done.lost, "kept": str(done.kept)}
    _say(document, f"saved {done.saved} events, lost {done.lost}; the damaged file is {done.kept}", as_json)
    return 0


def outcome(run: str, home: str | None, *, success: bool, as_json: bool) -> int:
    """Write down whether a run's answer was right."""

    async def note(journal: SqliteJournal) -> None:
        from parcae.core.events import OutcomeGiven

        if not _names_a_run(run) or not await journal.rows(run):
            raise _no_run(run)
        await journal.append([OutcomeGiven(scope=run, success=success)])

    _with_journal(_settings(home), note)
    word = "success" if success else "failure"
    _say({"schema": "parcae.outcome/1", "run": run, "success": success}, f"{run}: {word}", as_json)
    return 0


# ---- the journal of a home ------------------------------------------------------------------------------------------


def _settings(home: str | None) -> Mapping[str, Setting]:
    return settle({"home": home}, env=os.environ, project=Path())


def _existing(settings: Mapping[str, Setting]) -> Path:
    """The journal file; nothing is made where there is none.

    Raises:
        CallerMistake: there is none.
    """
    from parcae.store.home import JOURNAL, find

    file = find(text_of(settings, "home") or None) / JOURNAL
    if not file.is_file():
        raise CallerMistake(f"there is no journal in {file.parent}", "name another --home, or begin a run")
    return file


def _with_journal(
    settings: Mapping[str, Setting], work: Callable[[SqliteJournal], Awaitable[T]], *, made: bool = False
) -> T:
    """What `work` gives for the journal of this home; `made`: the home may be new."""
    from parcae.store.home import journal_path
    from parcae.store.sqlite import SqliteJournal

    file = journal_path(text_of(settings, "home") or None) if made else _existing(settings)

    async def opened() -> T:
        async with SqliteJournal.open(file, redact=redactor(settings)) as journal:
            return await work(journal)

    return asyncio.run(opened())


def _summaries(home: str | None) -> Sequence[RunSummary]:
    from parcae.store.home import JOURNAL, find
    from parcae.store.runs import runs_in

    settings = _settings(home)
    if not (find(text_of(settings, "home") or None) / JOURNAL).is_file():
        return ()
    return _with_journal(settings, runs_in)


def _names_a_run(run: str) -> bool:
    return bool(run) and "/" not in run


def _no_run(run: str) -> CallerMistake:
    return CallerMistake(f"there is no run {run!r}", "see `parcae runs list`")


def _line(one: RunSummary) -> str:
    when = f"{datetime.fromtimestamp(one.began_at):%Y-%m-%d %H:%M}"
    spent = "price unknown" if one.spent_usd is None else f"${one.spent_usd:.4f}"
    right = {None: "", True: "  right", False: "  wrong"}[one.right]
    question = " ".join(one.question.split())[:60]
    counts = f"{one.attempts} attempts, {one.steps} steps"
    return f"{one.run}  {when}  {one.status:<10}  {counts}  {spent}{right}  {question}".rstrip()


def _say(document: Mapping[str, object], sentence: str, as_json: bool) -> None:
    _print(document) if as_json else click.echo(sentence)


def _print(document: Mapping[str, object]) -> None:
    click.echo(json.dumps(document))
