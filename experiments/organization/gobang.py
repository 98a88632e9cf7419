"""A scripted organisation builds Gobang. Its first drafts carry defects; whether they stay is up to the organisation.

The script never decides that something is good enough on its own: a reviewer reads the files and says what it sees,
an author mends only what a rejection names, and a file is rescued only because the workspace refuses to overwrite it.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path

from experiments.organization.gobang_drafts import AI, LINKED, PAGE_DRAFT, RULES_DRAFT, RULES_FIXED, STYLE, STYLE_DRAFT
from experiments.organization.gobang_oracle import CHECKS, checked

from parcae.agents.files import file_tools
from parcae.core.clock import WallClock
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.trajectory import Ending
from parcae.core.usage import Limits
from parcae.ledger.account import open_account
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.organization.company import Company
from parcae.organization.limits import CompanyLimits
from parcae.organization.staff import RANKS, Staffing
from parcae.store.memory import MemoryJournal
from parcae.testing.employees import Seen, employees
from parcae.workspace import check_out, open_workspace

GOAL = (Path(__file__).parents[2] / "examples/goals/gobang.md").read_text()
TASKS = {
    "rules": "Write game.js: the board and the rules of the game.",
    "opponent": "Write ai.js: the computer's answer to a move.",
    "page": "Write index.html: the page on which the game is played.",
    "style": "Make the page look good: style.css, and the link to it in index.html.",
}


def boss(seen: Seen) -> object:
    if "you hired" not in seen.text and not seen.replies:
        hires = [call("hire", name=name, role=f"{name} author", task=task) for name, task in TASKS.items()]
        return together(*hires, call("wait"))
    if seen.waiting:
        files = {name: _files(seen, name) for name in seen.waiting}
        read = {str(part.content).partition(",")[0] for part in seen.returns if part.tool_name == "read_file"}
        unread = [path for paths in files.values() for path in paths if path not in read]
        if unread:
            return together(*(call("read_file", path=path) for path in dict.fromkeys(unread)))
        if not any(part.tool_name == "review" for part in seen.returns):
            return together(*(_verdict(seen, name) for name in seen.waiting))
    verdicts = [str(part.content) for part in seen.returns if part.tool_name == "review"]
    open_ones = set(seen.open_people) - {text.partition("'")[0] for text in verdicts if "accepted" in text}
    if open_ones:
        return call("wait")
    return call("hand_in", summary="Gobang is built: open index.html", files=["index.html", "game.js", "ai.js"])


def _files(seen: Seen, name: str) -> list[str]:
    found = re.search(rf"^- {name}: .*?Files: (.*)$", seen.section("Results that wait for your review"), re.M)
    return found[1].split(", ") if found else []


def _verdict(seen: Seen, name: str) -> object:
    """What a careful reader sees in the files."""
    text = "\n".join(str(part.content) for part in seen.returns if part.tool_name == "read_file")
    wrong = []
    if name == "rules":
        if "!== 0) return false" not in text:
            wrong.append("a taken point can be played again")
        if "count === 5" not in text:
            wrong.append("nobody ever wins: five in a row does not end the game")
    if name == "style" and "style.css" not in text:
        wrong.append("index.html does not link style.css")
    if wrong:
        return call("review", name=name, verdict="reject", reasons="; ".join(wrong))
    return call("review", name=name, verdict="accept")


def rules(seen: Seen) -> object:
    """Mends what a rejection names."""
    if "not accepted" in seen.letters:
        if not seen.replies:
            return call("read_file", path="game.js")
        content = RULES_FIXED if "taken point" in seen.letters or "ever wins" in seen.letters else RULES_DRAFT
        write = call("write_file", path="game.js", content=content, based_on=_version(seen))
        return together(write, call("hand_in", summary="the rules, mended", files=["game.js"]))
    return together(
        call("write_file", path="game.js", content=RULES_DRAFT), call("hand_in", summary="the rules", files=["game.js"])
    )


def opponent(seen: Seen) -> object:
    """Stops without a word the first time; hands in when somebody notices."""
    if "still open" in seen.letters:
        return call("hand_in", summary="the opponent", files=["ai.js"])
    return call("write_file", path="ai.js", content=AI) if not seen.replies else say("The opponent is written.")


def page(seen: Seen) -> object:
    write = call("write_file", path="index.html", content=PAGE_DRAFT)
    return together(write, call("hand_in", summary="the page", files=["index.html"]))


def style(seen: Seen) -> object:
    """Writes a page of its own over the other's; when that is refused it links its style in the other's page."""
    if not seen.replies:
        own = call("write_file", path="index.html", content=STYLE_DRAFT)
        return together(call("write_file", path="style.css", content=STYLE), own)
    if any("conflict" in str(part.content) for part in seen.returns) and seen.replies == 1:
        return call("edit_file", path="index.html", old=LINKED[0], new=LINKED[1])
    return call("hand_in", summary="the look", files=["style.css"])


def team() -> ScriptedModel:
    """The model that plays all of them."""
    return employees("gobang", {"boss": boss, "rules": rules, "opponent": opponent, "page": page, "style": style})  # type: ignore[dict-item]  # scripts give replies


def _version(seen: Seen) -> str:
    found = re.search(r"version ([0-9a-f]+)", str(seen.returns[-1].content))
    return "" if found is None else found[1]


async def build(folder: Path, *, watched: bool) -> Ending | None:
    """Let the organisation build the game into `folder`, with or without reviews and monitors."""
    journal, model = MemoryJournal(), team()
    with tempfile.TemporaryDirectory() as work:
        main = open_workspace(Path(work), "run").main
        account = open_account("run", Limits(usd=5.0), journal)
        scope = Scope(id="run", account=account, journal=journal, clock=WallClock(), seed=1, workspace=main)
        staffing = Staffing(ladders=dict.fromkeys(RANKS, (model,)), tools=file_tools(), max_tokens=4096)
        company = Company(staffing=staffing, limits=CompanyLimits(reviews=watched, monitors=watched, concurrent=1))
        task = Task(id="gobang", kind="goal", question=GOAL, comparable=False)
        ending = None
        async for step in company.attempt(task, model=model, scope=scope):
            ending = step.ending
        await check_out(main, folder)
    return ending


def main(runs: int = 20) -> None:
    """Both kinds of organisation, `runs` times each, before the oracle."""
    rows = []
    for watched in (True, False):
        for number in range(runs):
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(build(Path(folder), watched=watched))
                rows.append({"watched": watched, "run": number, **checked(Path(folder))})
    passed = {
        watched: sum(all(row[name] for name in CHECKS) for row in rows if row["watched"] is watched)
        for watched in (True, False)
    }
    failed_two = sum(sum(not row[name] for name in CHECKS) >= 2 for row in rows if not row["watched"])
    result = {
        "runs": runs,
        "watched_pass_all": passed[True],
        "unwatched_pass_all": passed[False],
        "unwatched_fail_two": failed_two,
        "rows": rows,
    }
    out = Path("out/evidence/gobang.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1))
    print({name: value for name, value in result.items() if name != "rows"})


if __name__ == "__main__":
    main()
