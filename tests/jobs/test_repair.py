from __future__ import annotations

import json
import shutil
import venv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pygit2
import pytest
from pydantic_ai.messages import ModelResponse
from tests.conftest import missing

from parcae.core.clock import WallClock
from parcae.core.errors import CallerMistake
from parcae.core.plan import StagePlan
from parcae.core.protocols import Request
from parcae.jobs import repair
from parcae.jobs.options import JobOptions, as_text, from_text
from parcae.jobs.report import Report
from parcae.jobs.world import World
from parcae.models.builtin import builtin
from parcae.models.builtin.talk import read_talk
from parcae.models.scripted import ScriptedModel, call, say, together
from parcae.store.memory import MemoryJournal
from parcae.tools.sandbox import Finished, Sandbox, find_sandbox

PRICE = (
    "def net(gross, rate):\n    return gross - gross * rate // 100\n\n\n"
    "def total(prices, rate):\n    return sum(net(price, rate) for price in prices if price >= 0)\n"
)
BROKEN = PRICE.replace(">= 0", "> 100")
FILES = {
    "shop/__init__.py": "",
    "shop/price.py": BROKEN,
    "tests/test_shop.py": "from shop.price import net, total\n\n\ndef test_net():\n    assert net(50, 10) == 45\n\n\n"
    "def test_total():\n    assert total([100, 300], 10) == 360\n",
}
TEST = "tests/test_shop.py::test_total"
RIGHT = {"path": "shop/price.py", "old": "price > 100", "new": "price >= 0"}
ALSO_RIGHT = {"path": "shop/price.py", "old": "price > 100)", "new": "price >=  0)  # nothing is given back"}
HARMFUL = {
    "path": "shop/price.py",
    "old": BROKEN,
    "new": "def net(gross, rate):\n    return gross\n\n\ndef total(prices, rate):\n    return 360\n",
}

Reply = Callable[[Request], ModelResponse]


@pytest.fixture
def sandbox() -> Sandbox:
    if shutil.which("bwrap") is None:
        missing("bubblewrap")
    return find_sandbox(False)


def project(folder: Path, files: dict[str, str] = FILES) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def committed(folder: Path) -> Path:
    repo = pygit2.init_repository(str(folder), initial_head="main")
    repo.index.add_all()
    repo.index.write()
    who = pygit2.Signature("t", "t@example.org", 0, 0)
    repo.create_commit("HEAD", who, who, "begin", repo.index.write_tree(), [])
    return folder


def bare_python(copies: Path) -> Path:
    """An interpreter without our own pytest plugins: loading those is most of the time that a test takes here."""
    venv.create(copies.parent / "bare", with_pip=False)
    return copies.parent / "bare/bin/python"


def fixing(fix: dict[str, str]) -> Reply:
    """Writes one fix, runs the test and the suite, and says that it is done."""

    def reply(request: Request) -> ModelResponse:
        used = read_talk(request).used
        if "write_fix" not in used:
            return together(call("write_fix", **fix), call("run_failing_test"))
        return say("done") if "run_suite" in used else call("run_suite")

    return reply


async def repaired(
    repo: Path, sandbox: Sandbox, *replies: Reply, copies: Path, samples: int = 1
) -> tuple[Report, JobOptions, World]:
    """One run in which the attempts' first turns take the `replies` in order."""
    begun: list[Request] = []

    def reply(request: Request) -> ModelResponse:
        if "write_fix" in read_talk(request).used:
            return fixing({})(request)
        begun.append(request)
        return replies[(len(begun) - 1) % len(replies)](request)

    model = ScriptedModel("scripted:one", [reply] * 100)
    stage = StagePlan(ladder=("scripted:one",), attempts=samples)
    options = JobOptions(repo=repo, test=TEST, stage=stage, copies=copies, python=bare_python(copies))
    world = World(journal=MemoryJournal(), clock=WallClock(), open_model=lambda name: model)
    bed = await repair.begin(options, world, run="repair-1", sandbox=sandbox)
    return await repair.go_on("repair-1", world, sandbox=sandbox, bed=bed), options, world


async def test_a_plausible_patch_is_given_as_a_branch_and_the_working_tree_stays(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    repo = committed(project(tmp_path / "shop"))
    report, options, _ = await repaired(repo, sandbox, fixing(RIGHT), copies=tmp_path / "copies")
    [patch] = report.patches
    assert (report.status, patch.plausible, patch.votes, patch.files) == ("done", True, 1, ("shop/price.py",))
    assert "-    return sum(net(price, rate) for price in prices if price > 100)" in patch.diff
    assert (repo / "shop/price.py").read_text() == BROKEN
    handed = repair.hand_over(report, options, apply=False)
    assert handed.command is not None and handed.command.endswith("merge parcae/repair-1")
    assert repair.hand_over(report, options, apply=True).written == ("shop/price.py",)
    assert (repo / "shop/price.py").read_text() == PRICE


async def test_patches_are_ranked_by_tests_then_votes_and_layout_does_not_count(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    repo = project(tmp_path / "shop")
    replies = [fixing(HARMFUL), fixing(RIGHT), fixing(HARMFUL), fixing(ALSO_RIGHT), fixing(HARMFUL)]
    report, _, _ = await repaired(repo, sandbox, *replies, copies=tmp_path / "copies", samples=5)
    best, worse = report.patches
    assert (best.plausible, best.votes) == (True, 2)
    assert (worse.passes, worse.plausible, worse.votes) == (True, False, 3)
    assert worse.broken == ("tests/test_shop.py::test_net",)
    assert report.confidence == pytest.approx(2 / 5)


async def test_tests_cannot_be_changed_and_a_fix_that_does_not_help_is_no_answer(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    repo = project(tmp_path / "shop")
    cheat = {"path": "tests/test_shop.py", "old": "360", "new": "270"}
    report, _, _ = await repaired(repo, sandbox, fixing(cheat), copies=tmp_path / "copies")
    assert (report.status, report.patches) == ("no_answer", ())
    step = report.attempts[0].trajectory.steps[1]
    assert step.observations[0].is_error and "is a test" in step.observations[0].content


@pytest.mark.parametrize(
    ("files", "fix", "said"),
    [
        ({}, {"path": "tests/conftest.py", "old": "", "new": ""}, "is a test"),
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\n"},
            {"path": "pyproject.toml", "old": "options]", "new": 'options]\naddopts = "--deselect=tests"'},
            "says which tests are run",
        ),
        ({"shop/logo.dat": b"\0\xff"}, {"path": "shop/logo.dat", "old": "\0", "new": ""}, "is binary or not in UTF-8"),
        (
            {"shop/old.py": "# -*- coding: latin-1 -*-\nPRICE = 'f\xfcnf'\n".encode("latin-1")},
            {"path": "shop/old.py", "old": "PRICE", "new": "PRICES"},
            "is binary or not in UTF-8",
        ),
        ({}, RIGHT | {"new": "price >= 0\n" + 200 * "        #\n"}, "changes 203 lines"),
        ({}, RIGHT | {"new": "price >= 0  #" + 20_000 * "x"}, "20000 are allowed: change less"),
    ],
)
async def test_fixes_that_no_reader_could_take_are_refused_and_change_nothing(
    files: dict[str, str | bytes], fix: dict[str, str], said: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    repo = project(tmp_path / "shop")
    for name, content in files.items():
        (repo / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    report, _, _ = await repaired(repo, sandbox, fixing(fix), copies=tmp_path / "copies")
    refused = report.attempts[0].trajectory.steps[1].observations[0]
    assert refused.is_error and said in refused.content
    assert (report.status, report.patches) == ("no_answer", ())


async def test_tests_that_fail_before_do_not_count(tmp_path: Path, sandbox: Sandbox) -> None:
    red = {"tests/test_red.py": "def test_red():\n    assert 0\n"}
    repo = project(tmp_path / "shop", FILES | red)
    report, _, _ = await repaired(repo, sandbox, fixing(RIGHT), copies=tmp_path / "copies")
    assert report.patches[0].plausible
    assert any("tests/test_red.py::test_red" in note for note in report.notes)


async def test_a_test_file_that_cannot_be_imported_hides_no_other_tests(tmp_path: Path, sandbox: Sandbox) -> None:
    repo = project(tmp_path / "shop", FILES | {"tests/test_gone.py": "import nowhere\n"})
    report, _, _ = await repaired(repo, sandbox, fixing(HARMFUL), copies=tmp_path / "copies")
    assert any("tests/test_gone.py fails or flickers" in note for note in report.notes)
    assert report.patches[0].broken == ("tests/test_shop.py::test_net",)


class Flickering:
    """A sandbox in which `test` gives the `verdicts` of its runs in the suite in turn, and then passes."""

    contained = True

    def __init__(self, sandbox: Sandbox, test: str, verdicts: str) -> None:
        self.sandbox, self.test, self.verdicts = sandbox, test, iter(verdicts)

    async def run(self, command: Sequence[str], **settings: Any) -> Finished:
        finished = await self.sandbox.run(command, **settings)
        if command[-1] != ".":
            return finished
        told = next(Path(one) for one in command if one.endswith("/found"))
        found = {
            name: [test for test in tests if test != self.test] for name, tests in json.loads(told.read_text()).items()
        }
        found[{"p": "passed", "f": "failed"}[next(self.verdicts, "p")]].append(self.test)
        told.write_text(json.dumps(found))
        return finished


OTHER = "tests/test_shop.py::test_net"


async def test_a_test_that_flickers_without_any_change_is_named_and_does_not_count(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    flickering = Flickering(sandbox, OTHER, "pff")
    report, _, _ = await repaired(project(tmp_path / "shop"), flickering, fixing(RIGHT), copies=tmp_path / "copies")
    assert report.patches[0].plausible
    assert report.notes == (f"{OTHER} fails or flickers without any change: its verdict does not count",)


async def test_a_test_that_flickers_with_a_patch_is_named_and_does_not_count(tmp_path: Path, sandbox: Sandbox) -> None:
    flickering = Flickering(sandbox, OTHER, "ppf")
    report, _, _ = await repaired(project(tmp_path / "shop"), flickering, fixing(RIGHT), copies=tmp_path / "copies")
    assert report.patches[0].plausible
    [note] = report.notes
    assert note.startswith(f"{OTHER} failed with a patch once and passed with it when run again")


async def test_a_failing_test_that_flickers_is_refused_with_the_cure(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(CallerMistake, match=r"test_total flickers: it passed in 1 of 2 runs.*make it fail every time"):
        await repaired(
            project(tmp_path / "shop"), Flickering(sandbox, TEST, "fp"), fixing(RIGHT), copies=tmp_path / "copies"
        )


async def test_files_that_are_not_committed_are_named(tmp_path: Path, sandbox: Sandbox) -> None:
    repo = committed(project(tmp_path / "shop"))
    (repo / "shop/price.py").write_text(BROKEN + "\n")
    with pytest.raises(CallerMistake, match=r"shop/price.py.*not committed"):
        await repaired(repo, sandbox, fixing(RIGHT), copies=tmp_path / "copies")


async def test_fixes_are_tried_at_once_and_those_that_cannot_be_are_named(tmp_path: Path, sandbox: Sandbox) -> None:
    repo = project(tmp_path / "shop")
    fixes = [
        {"line": 6, "old": "price > 100", "new": "price > 200"},
        {"line": 6, "old": "price > 100", "new": "price >= 0"},
        {"line": 6, "old": "price > 100", "new": "next(iter(int, 1))"},
        {"line": 1, "old": "price > 100", "new": "True"},
    ]

    def trying(request: Request) -> ModelResponse:
        used = read_talk(request).used
        return fixing(RIGHT)(request) if "try_fixes" in used else call("try_fixes", path="shop/price.py", fixes=fixes)

    report, _, _ = await repaired(repo, sandbox, trying, trying, copies=tmp_path / "copies")
    [tried] = report.attempts[0].trajectory.steps[1].observations
    assert tried.content.startswith(
        "it passes with 2; those after it were not tried\n4 was not tried: line 1 of shop/price.py"
    )
    assert report.patches[0].plausible


class Counting:
    """A sandbox that remembers how often each kind of run was started in it."""

    contained = True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.started = sandbox, Counter[str]()

    async def run(self, command: Sequence[str], **settings: Any) -> Finished:
        batch = "pytest_batch_driver" in command[1]
        self.started["suite" if command[-1] == "." else "versions" if batch else command[-1]] += 1
        return await self.sandbox.run(command, **settings)


async def test_attempts_that_ask_for_the_same_share_one_run(tmp_path: Path, sandbox: Sandbox) -> None:
    counting = Counting(sandbox)
    fixes = [{"line": 6, "old": "price > 100", "new": "price >= 0"}]

    def trying(request: Request) -> ModelResponse:
        used = read_talk(request).used
        return fixing(RIGHT)(request) if "try_fixes" in used else call("try_fixes", path="shop/price.py", fixes=fixes)

    repo, copies = project(tmp_path / "shop"), tmp_path / "copies"
    report, _, _ = await repaired(repo, counting, *[trying] * 8, copies=copies, samples=4)
    assert report.patches[0].votes == 4
    assert counting.started["versions"] == 1
    assert counting.started["suite"] == 3  # two before any change, one with the patch that all made
    assert counting.started[TEST] == 2  # under coverage, and with the patch


async def test_each_attempt_is_told_the_first_of_its_own_order(tmp_path: Path, sandbox: Sandbox) -> None:
    counting = Counting(sandbox)
    wrong, right, other = (
        {"line": 6, "old": "price > 100", "new": new} for new in ("price > 200", "price >= 0", "price > -1")
    )

    def in_order(request: Request) -> ModelResponse:
        if "try_fixes" in read_talk(request).used:
            return say("done")
        return call("try_fixes", path="shop/price.py", fixes=[*orders.pop()])

    orders = [(wrong, right, other), (right, wrong), (wrong,), (other, right)]
    repo, copies = project(tmp_path / "shop"), tmp_path / "copies"
    report, _, _ = await repaired(repo, counting, in_order, copies=copies, samples=4)
    told = {one.trajectory.steps[1].observations[0].content for one in report.attempts}
    left = "; those after it were not tried"
    assert told == {f"it passes with 2{left}", f"it passes with 1{left}", "it fails with all 1"}
    assert counting.started["versions"] <= 2


async def test_the_large_builtin_model_repairs_a_small_fault(tmp_path: Path, sandbox: Sandbox) -> None:
    repo = project(tmp_path / "shop", FILES | {"shop/price.py": PRICE.replace(">= 0", "< 0")})
    stage = StagePlan(ladder=("builtin:large",))
    copies = tmp_path / "copies"
    options = JobOptions(repo=repo, test=TEST, stage=stage, copies=copies, python=bare_python(copies))
    world = World(journal=MemoryJournal(), clock=WallClock(), open_model=builtin)
    await repair.begin(options, world, run="repair-1", sandbox=sandbox)
    report = await repair.go_on("repair-1", world, sandbox=sandbox)
    assert report.patches and report.patches[0].plausible


async def test_a_finished_run_is_reported_without_a_sandbox(tmp_path: Path, sandbox: Sandbox) -> None:
    repo = project(tmp_path / "shop")
    report, _, world = await repaired(repo, sandbox, fixing(RIGHT), copies=tmp_path / "copies")
    assert await repair.report_of("repair-1", world) == report
    with pytest.raises(CallerMistake, match="no run"):
        await repair.report_of("repair-2", world)


def test_options_come_back_from_the_journal(tmp_path: Path) -> None:
    options = JobOptions(
        repo=tmp_path, test=TEST, stage=StagePlan(ladder=("a", "b"), attempts=3), copies=tmp_path, no_sandbox=True
    )
    assert from_text(as_text(options)) == options
