"""`parcae runs …` and `parcae outcome`: what the journal holds, and what is done with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from parcae.cli.numbers import NumberRange
from parcae.cli.output import OUTPUT_FILE
from parcae.core.errors import CallerMistake

HOME = click.option("--home", help="Where runs are kept (.parcae of this folder, else the platform's data folder).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def runs() -> None:
    """Every run is kept in a journal: list, show, resume, move and delete runs."""


@runs.command("list")
@HOME
@JSON
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest so many.")
@click.option("--status", help="Only these: done, no_answer, limit, failed, cancelled or unfinished.")
def list_(home: str | None, as_json: bool, limit: int, status: str | None) -> int:
    """List runs, newest first: when, which command, how they ended, what they cost."""
    from parcae.cli import runs_work

    return runs_work.list_runs(home, as_json=as_json, limit=limit, status=status)


@runs.command()
@click.argument("run")
@HOME
@JSON
@click.option("--html", type=OUTPUT_FILE, help="Write the run's page.")
def show(run: str, home: str | None, as_json: bool, html: Path | None) -> int:
    """Show what RUN found and cost, as its command printed it. Asks no model and needs no key."""
    from parcae.cli import runs_work

    return runs_work.show_run(run, home, as_json=as_json, html=html)


@runs.command()
@click.argument("run")
@HOME
@JSON
@click.option("--html", type=OUTPUT_FILE, help="Write the run's page.")
@click.option(
    "--apply", is_flag=True, help="For `parcae run`: write what was made into a folder that is no repository."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="For `parcae run`: write the whole result to a new folder."
)
@click.option("--web", is_flag=True, help="For `parcae run`: from here on agents may read pages of the public web.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def resume(
    run: str,
    home: str | None,
    as_json: bool,
    html: Path | None,
    apply: bool,
    out: Path | None,
    web: bool,
    quiet: bool,
) -> int:
    """Go on with RUN from where it was interrupted; nothing that was paid for is asked again."""
    from parcae.cli import runs_work

    company = runs_work.CompanyFlags(apply=apply, out=out, web=web)
    return runs_work.resume(run, home, as_json=as_json, html=html, company=company, quiet=quiet)


@runs.command()
@click.argument("run")
@HOME
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; without it, standard output.")
def export(run: str, home: str | None, out: Path | None) -> int:
    """Write RUN as JSON lines (parcae.run/1): a header, then every event in order."""
    from parcae.cli import runs_work

    return runs_work.export(run, home, out)


@runs.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@HOME
@JSON
@click.option("--as", "name", help="Call the run so here; needed when the journal has one of its name.")
def import_(file: Path, home: str | None, as_json: bool, name: str | None) -> int:
    """Take in a run from FILE ("-" for standard input), as `parcae runs export` wrote it."""
    from parcae.cli import runs_work

    return runs_work.import_(file, home, name=name, as_json=as_json)


@runs.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...")
@HOME
@JSON
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], home: str | None, as_json: bool, yes: bool) -> int:
    """Delete runs for good: every event of theirs is overwritten, and copies of files in the home are removed."""
    from parcae.cli import runs_work

    sure(f"delete {', '.join(names)} for good?", yes)
    return runs_work.delete(names, home, as_json=as_json)


@runs.command()
@click.option("--older-than", "days", type=NumberRange(min=0), required=True, help="Days since anything happened.")
@click.option("--status", help="Only runs that ended so; unfinished ones are kept unless named here.")
@HOME
@JSON
@click.option("--dry-run", is_flag=True, help="Say which; delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(days: float, status: str | None, home: str | None, as_json: bool, dry_run: bool, yes: bool) -> int:
    """Delete runs in which nothing happened for some days."""
    from parcae.cli import runs_work

    asks: Callable[[str], None] = lambda question: sure(question, yes)  # noqa: E731  # said once, used once
    return runs_work.prune(days, home, status=status, as_json=as_json, dry_run=dry_run, asks=asks)


@runs.command()
@HOME
@JSON
def salvage(home: str | None, as_json: bool) -> int:
    """Save what can still be read of a damaged journal; the damaged file is kept beside it."""
    from parcae.cli import runs_work

    return runs_work.salvage(home, as_json=as_json)


@runs.command()
@click.argument("run")
@HOME
@JSON
def files(run: str, home: str | None, as_json: bool) -> int:
    """List the files that RUN made or changed, with who did it last and in which step."""
    from parcae.cli.run_files import show_files

    return show_files(run, home, as_json=as_json)


@runs.command()
@click.argument("run")
@click.argument("path")
@HOME
@JSON
def blame(run: str, path: str, home: str | None, as_json: bool) -> int:
    """Show who wrote each line of the file PATH of RUN, and in which step."""
    from parcae.cli.run_files import show_blame

    return show_blame(run, path, home, as_json=as_json)


@runs.command()
@click.argument("run")
@click.argument("action", type=click.Choice(["pause", "resume", "cancel", "message", "answer", "questions"]))
@click.argument("text", default="")
@click.option("--to", default="", help="For a message: the agent.")
@click.option("--about", default="", help="For an answer: the number of the question, as `questions` shows it.")
@HOME
@JSON
def tell(run: str, action: str, text: str, to: str, about: str, home: str | None, as_json: bool) -> int:
    """Step in while `parcae run` works, from any terminal: pause, resume or cancel RUN, write to an agent, answer."""
    from parcae.cli.run_tell import tell_run

    return tell_run(run, action, text, to=to, about=about, home=home, as_json=as_json)


@click.command()
@click.argument("run")
@click.argument("what", type=click.Choice(["success", "failure"]))
@HOME
@JSON
def outcome(run: str, what: str, home: str | None, as_json: bool) -> int:
    """Say whether RUN's answer was right; forecasters learn from it."""
    from parcae.cli import runs_work

    return runs_work.outcome(run, home, success=what == "success", as_json=as_json)


def sure(question: str, yes: bool) -> None:
    """Ask unless told not to. Raises CallerMistake where nobody can answer, Abort if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CallerMistake("this deletes runs and nobody is there to be asked", "say --yes")
    click.confirm(question, abort=True, err=True)


def lines_of(file: Path) -> Any:
    """The lines of a file, or of standard input for "-".

    Raises:
        CallerMistake: it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} cannot be read: {error}", "name a file of `parcae runs export`") from None
