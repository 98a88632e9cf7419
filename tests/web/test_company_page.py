"""The page of an organisation's run: everything is there, and nothing that agents wrote is markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from parcae.core.events import Decided
from parcae.core.usage import Usage
from parcae.jobs.report import ModelCost
from parcae.organization.events import Noticed, Reviewed
from parcae.organization.report import MadeFile, RunReport, Single, Worked
from parcae.web.company_page import company_page

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TURN = "run-1/company/boss/writer/turn-2"


def worked(name: str, by: str, depth: int) -> Worked:
    return Worked(
        name=name, by=by, role=ATTACK, task=ATTACK, status="done", depth=depth, turns=2, steps=3, cost_usd=0.25,
        models=("builtin:small",), result=ATTACK,
    )  # fmt: skip


def report() -> RunReport:
    decided = Decided(scope=TURN, action="swap", rung=1, attempts=(0,), why=f"the vote looks lost {ATTACK}")
    return RunReport(
        run="run-1",
        goal=ATTACK,
        status="done",
        detail="",
        answer=(ATTACK, "ant.txt"),
        depth=2,
        cost_usd=0.5,
        seconds=3.0,
        employees=(worked("boss", "", 1), worked("writer", "boss", 2)),
        by_model={"builtin:small": ModelCost(calls=6, usage=Usage(prompt_tokens=10), cost_usd=0.5, nominal=True)},
        files=(MadeFile(path="ant.txt", author="writer", step=1), MadeFile(path="ant.bin", author="writer", step=2)),
        incidents=(Noticed(scope="run-1/company/boss", detector="silent", what=ATTACK, cure="nudge", level=0),),
        reviews=(Reviewed(scope="run-1/company/boss/writer", key="k", by="boss", accepted=False, reasons=ATTACK),),
        decisions=((decided, 0.83),),
        single=Single(status="done", cost_usd=0.1, steps=4, seconds=2.0, answer=(ATTACK,)),
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)


def test_nothing_that_agents_wrote_is_markup_and_nothing_is_loaded() -> None:
    tags = Tags()
    tags.feed(company_page(report(), {"ant.txt": ATTACK, "ant.bin": None}))
    assert {"script", "img", "link", "iframe"} & set(tags.seen) == set()


def test_it_shows_people_decisions_reviews_incidents_and_files() -> None:
    shown = company_page(report(), {"ant.txt": "about ants", "ant.bin": None})
    for text in ("writer", "83%", "swap", "the vote looks lost", "1 sent back", "silent", "about ants", "no text"):
        assert text in shown


def test_a_file_that_is_very_long_is_cut_and_a_plain_run_says_that_nobody_watched() -> None:
    shown = company_page(replace(report(), decisions=()), {"ant.txt": "x" * 30_000})
    assert "[10,000 more characters]" in shown
    assert "nobody watched" in shown
