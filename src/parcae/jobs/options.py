"""What a user says of one job over several attempts, and how the journal keeps it so that the job can be resumed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from parcae.core.plan import Plan, StagePlan, parse, render
from parcae.core.usage import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """A project, a failing test, and how it is attempted. `budget_usd` None: none but the plan's.

    `copies`: where the files of a project that is no repository are copied to, for jobs that change files.
    """

    repo: Path
    test: str
    stage: StagePlan
    budget_usd: float | None = 1.0
    seed: int = 1
    python: Path | None = None
    compare_strong: bool = False
    timeout_seconds: float = 60.0
    no_sandbox: bool = False
    copies: Path | None = None

    @property
    def limits(self) -> Limits:
        """What the whole run may use: the tighter of the plan and the budget."""
        return self.stage.limits.tightest(Limits(usd=self.budget_usd))


def as_text(options: JobOptions) -> dict[str, str]:
    """The options as the journal keeps them: a stage is a plan in TOML, like everywhere."""
    return {
        "repo": str(options.repo.resolve()),
        "test": options.test,
        "plan": render(Plan(default=options.stage)),
        "budget_usd": "" if options.budget_usd is None else repr(options.budget_usd),
        "seed": str(options.seed),
        "python": "" if options.python is None else str(options.python),
        "compare_strong": "yes" if options.compare_strong else "",
        "timeout_seconds": repr(options.timeout_seconds),
        "no_sandbox": "yes" if options.no_sandbox else "",
        "copies": "" if options.copies is None else str(options.copies.resolve()),
    }


def from_text(text: Mapping[str, str]) -> JobOptions:
    """What `as_text` wrote; fields that an older journal lacks take their defaults."""
    return JobOptions(
        repo=Path(text["repo"]),
        test=text["test"],
        stage=parse(tomllib.loads(text["plan"]), possible=False).default,
        budget_usd=float(text["budget_usd"]) if text["budget_usd"] else None,
        seed=int(text["seed"]),
        python=Path(text["python"]) if text["python"] else None,
        compare_strong=bool(text["compare_strong"]),
        timeout_seconds=float(text.get("timeout_seconds") or 60.0),
        no_sandbox=bool(text.get("no_sandbox")),
        copies=Path(text["copies"]) if text.get("copies") else None,
    )
