"""Where what a run made goes: never over the user's work, and into a folder of theirs only when they said so."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.organization.report import RunReport
from parcae.workspace import Opened, deliver
from parcae.workspace.branch import escaped
from parcae.workspace.delivery import lay_out, lay_out_branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line said. `keep` is a folder in the home for this run; `out` a new one that the user named."""

    keep: Path
    apply: bool = False
    out: Path | None = None


def refuse_full(out: Path | None) -> None:
    """Before anything is spent.

    Raises:
        CallerMistake: `out` is a file or a folder that is not empty.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CallerMistake(f"--out {out} is not an empty folder", "name one that does not exist yet")


def kept_at(copies: Path, run: str) -> Path:
    """The folder in the home for what `run` made."""
    return copies / escaped(run)


def forget_files(copies: Path, run: str) -> None:
    """Remove what the home keeps of the files of a deleted run. A worktree stays: the user may have worked in it.

    Raises:
        StoreFailed: something cannot be removed.
    """
    laid_out = kept_at(copies, run)
    for folder in (laid_out.with_name(f"{laid_out.name}.git"), laid_out):
        if folder.is_dir() and not (folder / ".git").exists():
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise StoreFailed(f"{folder} cannot be removed: {error.strerror}", "remove it yourself") from error


def hand_over(report: RunReport, opened: Opened, wanted: Wanted) -> tuple[RunReport, Path | None, list[str]]:
    """Put what an ended run made where it was wanted: the report with what is left to do, the folder, what to say.

    Raises:
        StoreFailed: the disk failed or is full.
    """
    if report.status == "cancelled" or not report.files:
        return report, None, []
    if wanted.out is not None:
        lay_out(opened, wanted.out)
        return replace(report, merge=""), wanted.out, []  # nothing is left to do
    if opened.plain and not wanted.apply:
        lay_out(opened, wanted.keep, made=frozenset(one.path for one in report.files))
        return report, wanted.keep, [f"{opened.folder} was not touched (--apply writes into it)"]
    delivery = deliver(opened)
    left = replace(report, merge=delivery.command or "")
    if delivery.written or delivery.kept_back:
        back = ", ".join(delivery.kept_back[:5])
        said = [f"you changed these meanwhile, so they stay as they are: {back}"] if back else []
        return left, opened.folder if delivery.written else None, said
    if opened.uncommitted:
        lay_out_branch(opened, wanted.keep)
        return left, wanted.keep, []
    return left, None, []
