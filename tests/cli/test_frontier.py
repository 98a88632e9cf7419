"""`parcae frontier`, as people and scripts call it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tests.cli.test_runs import documented
from tests.conftest import ROOT, missing
from tests.hotswap.recordings import write

from parcae.cli.ladder import read_plan
from parcae.cli.main import run
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import policy_of
from parcae.prediction.belief import load_belief
from parcae.store.home import DOCUMENTS
from parcae.tools.bubblewrap import trouble
from parcae.web.api.documents import document as document_of
from parcae.web.api.documents import listed

Capture = pytest.CaptureFixture[str]
QUICK = ["--draws", "2", "--most", "5", "--resamples", "200", "--folds", "3", "--quiet"]
PRICED = ["--price", "strong=2.5/10", "--price", "weak=0.1"]
WANTED = ["--target", "strong", "--sources", "weak", *PRICED, *QUICK]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("made"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCAE_HOME", str(tmp_path_factory.mktemp("home")))


def test_the_document_has_every_curve_and_follows_its_schema(made: Path, capsys: Capture) -> None:
    assert run(["frontier", str(made), *WANTED, "--json"]) == 0
    document = documented(capsys)
    curves = document["curves"]
    assert isinstance(curves, dict)
    assert {"fixed", "adaptive", "adaptive_consistency", "esc", "cascade", "paper_sequential", "always_swap"} < set(
        curves
    )
    assert {"never_swap", "random_swap", "oracle", "ours"} < set(curves)
    assert "was not recorded" in curves["paper_parallel"]["refused"]
    for name, points in curves.items():
        for point in points if name != "paper_parallel" else ():
            assert point["low"] <= point["relative_performance"] <= point["high"]
    all_attempts = curves["fixed"][-1]
    assert (all_attempts["relative_cost"], all_attempts["relative_performance"]) == (1.0, 1.0)
    assert all(len(point["by_fold"]) == 3 for point in curves["ours"])


def test_the_same_seed_gives_the_same_document(made: Path, capsys: Capture) -> None:
    twice = []
    for _ in range(2):
        assert run(["frontier", str(made), *WANTED, "--json"]) == 0
        twice.append(capsys.readouterr().out)
    assert twice[0] == twice[1]


def test_the_dashboard_of_the_home_finds_the_frontier(made: Path, tmp_path: Path, capsys: Capture) -> None:
    home = tmp_path / "own"
    for target_price in ("2.5/10", "2.5/10", "5/20"):  # the same frontier again is no second row
        options = [*WANTED, "--price", f"strong={target_price}", "--home", str(home), "--json"]
        assert run(["frontier", str(made), *options]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    shown = listed(home / DOCUMENTS)["documents"]
    assert [one["kind"] for one in shown] == ["frontier", "frontier"]
    assert all(one["name"].startswith("frontier-strong-") for one in shown)
    assert printed in [document_of(home / DOCUMENTS, one["name"]) for one in shown]


def test_prices_decide_whether_a_source_pays(made: Path, capsys: Capture) -> None:
    costs = []
    for price in ("weak=0.1", "weak=100/100"):
        assert run(["frontier", str(made), *WANTED, "--price", price, "--json"]) == 0
        costs.append(json.loads(capsys.readouterr().out)["curves"]["fixed weak"][0]["relative_cost"])
    assert costs[0] < 0.1 < 1 < costs[1]


def test_the_page_is_self_contained_and_the_plan_can_be_used(made: Path, tmp_path: Path, capsys: Capture) -> None:
    page, folder = tmp_path / "out" / "frontier.html", tmp_path / "plan"
    options = [*WANTED, "--html", str(page), "--export", str(folder), "--at", "0.3"]
    assert run(["frontier", str(made), *options]) == 0
    said = capsys.readouterr().out
    assert "ours" in said and "of the way from adaptive to hindsight" in said
    text = page.read_text()
    assert "<svg" in text and "<script" not in text and "Refused" in text
    stage = read_plan(folder.rename(tmp_path / "moved") / "plan.toml").default
    policy = policy_of(stage)
    assert isinstance(policy, Climb) and policy.price is not None
    assert stage.forecaster is not None
    assert load_belief(Path(stage.forecaster)).models[-1] == "strong"


LIVE = ["--as", "strong=builtin:large", "--as", "weak=builtin:small"]


def test_an_exported_plan_runs_live_and_its_belief_decides(made: Path, tmp_path: Path, capsys: Capture) -> None:
    if trouble() is not None:
        missing(f"bubblewrap ({trouble()})")
    plan, home = tmp_path / "plan", ["--home", str(tmp_path / "home")]
    assert run(["frontier", str(made), *WANTED, "--export", str(plan), "--at", "0.3", *LIVE]) == 0
    assert "note:" not in capsys.readouterr().err
    bug = [str(ROOT / "examples" / "ledgerbook"), "tests/test_ledger.py::test_closing_balance", *home]
    options = ["--plan", str(plan / "plan.toml"), "--budget", "2", "--timeout", "150", "--json"]
    assert run(["locate", *bug, *options, "--dry-run"]) == 0
    capsys.readouterr()
    assert run(["locate", *bug, *options]) == 0
    document = json.loads(capsys.readouterr().out)
    said = [reason for one in document["forecasts"] for reason in one["reasons"]]
    assert any(" is right with " in reason for reason in said)
    assert run(["runs", "export", document["run"], *home]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    whys = [one["body"]["why"] for one in events if "why" in one.get("body", {})]
    assert any("one more attempt on builtin:large" in why for why in whys)


def test_a_plan_that_names_models_as_the_recordings_do_says_how_to_make_it_run_live(
    made: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert run(["frontier", str(made), *WANTED, "--export", str(tmp_path / "plan"), "--at", "0.3"]) == 0
    assert "export it with --as strong=PROVIDER:MODEL" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["locate", "repair"])
def test_a_belief_that_cannot_be_used_is_refused_before_anything_is_paid(
    job: str, made: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "plan"
    assert run(["frontier", str(made), *WANTED, "--export", str(folder), "--at", "0.3", *LIVE]) == 0
    plan, belief = folder / "plan.toml", folder / "plan.belief.json"
    whole = belief.read_text()
    for text, part in (
        (whole.replace("builtin:small", "weak"), "not of builtin:small; export the plan again"),
        ("{", "is no belief"),
        (whole.replace('"weights": [', '"weights": [1.0, '), "`weights` is not"),
    ):
        belief.write_text(text)
        for more in ([], ["--dry-run"]):
            capsys.readouterr()
            assert run([job, str(tmp_path), "t.py::t", "--plan", str(plan), "--home", str(tmp_path), *more]) == 2
            said = capsys.readouterr()
            assert part in said.err and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (["--target", "nobody"], "no runs of 'nobody' are recorded"),
        (["--sources", "strong"], "strong is target and source"),
        (["--sources", " , "], "no source was named"),
        (["--price", "strong"], "--price 'strong' cannot be read"),
        (["--price", "strong=-1/2"], "cannot be read"),
        (["--most", "7"], "only 0 tasks"),
        (["--export", "plan", "--at", "0.01"], "no policy was chosen for a relative cost of 0.01"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    change: list[str], part: str, made: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["frontier", str(made), *WANTED, *change]) == 2
    assert part in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_without_a_price_is_refused_with_the_cure(made: Path, capsys: Capture) -> None:
    assert run(["frontier", str(made), "--target", "strong", "--sources", "weak", *QUICK, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)
    assert error["schema"] == "parcae.error/1"
    assert "--price" in error["error"]


def test_a_broken_line_is_named_by_its_number(made: Path, tmp_path: Path, capsys: Capture) -> None:
    lines = gzip.decompress(made.read_bytes()).decode().splitlines()
    lines[4] = '{"bug": '
    broken = tmp_path / "made.jsonl.gz"
    broken.write_bytes(gzip.compress("\n".join(lines).encode()))
    (tmp_path / "made_bugs.jsonl.gz").write_bytes((made.parent / "made_bugs.jsonl.gz").read_bytes())
    assert run(["frontier", str(broken), *WANTED]) == 2
    assert "line 5" in capsys.readouterr().err
    assert run(["frontier", str(broken), *WANTED, "--skip-broken", "--home", str(tmp_path / "home")]) == 0
    captured = capsys.readouterr()
    assert "1 broken line was left out: made.jsonl.gz, line 5" in captured.err and "ours" in captured.out


def test_too_few_tasks_are_refused(tmp_path: Path, capsys: Capture) -> None:
    assert run(["frontier", str(write(tmp_path, tasks=8)), *WANTED]) == 2
    assert "30 tasks or more" in capsys.readouterr().err
