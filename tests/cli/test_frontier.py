"""`parcae frontier`, as people and scripts call it."""

from __future__ import annotations

import gzip
import itertools
import json
import tomllib
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, cast

import pytest
from tests.cli.test_runs import documented
from tests.conftest import ROOT, missing
from tests.hotswap.recordings import write

from parcae.cli.ladder import read_plan
from parcae.cli.main import run
from parcae.core.plan import parse
from parcae.hotswap.climb import Climb
from parcae.hotswap.policies import policy_of
from parcae.prediction.belief import load_belief
from parcae.store.home import DOCUMENTS
from parcae.tools.bubblewrap import trouble
from parcae.web.api.documents import document as document_of
from parcae.web.api.documents import listed
from parcae.web.frontier_page import label_of

Capture = pytest.CaptureFixture[str]
QUICK = ["--draws", "2", "--most", "5", "--resamples", "200", "--folds", "3", "--quiet"]
ASKED = ["--target", "strong", "--sources", "weak", *QUICK]
WEAK, STRONG = ["--price", "weak=0.1"], ["--price", "strong=2.5/10"]
WANTED = [*ASKED, *WEAK, *STRONG]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("made"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCAE_HOME", str(tmp_path_factory.mktemp("home")))


Document = dict[str, Any]


def told(capsys: Capture, *arguments: object) -> Document:
    """The document that `parcae frontier ARGUMENTS --json` prints."""
    assert run(["frontier", *map(str, arguments), "--json"]) == 0
    return cast(Document, json.loads(capsys.readouterr().out))


def kept_at(points: list[Document], cost: float) -> float | None:
    """What the best points keep at `cost`, drawn by hand; None: the cheapest point costs more."""
    best, line = -1.0, []
    for point in points:
        best = max(best, point["relative_performance"])
        line.append((point["relative_cost"], best))
    if line[0][0] > cost:
        return None
    for (x, y), (x2, y2) in itertools.pairwise(line):
        if x <= cost <= x2:
            return float(y if x == x2 else y + (y2 - y) * (cost - x) / (x2 - x))
    return float(line[-1][1])


def test_the_document_has_every_curve_and_follows_its_schema(made: Path, capsys: Capture) -> None:
    assert run(["frontier", str(made), *WANTED, "--json"]) == 0
    document = documented(capsys)
    curves = document["curves"]
    assert isinstance(curves, dict)
    assert set(curves) == {
        *("fixed", "fixed weak", "adaptive", "adaptive_consistency", "esc", "cascade", "paper_sequential"),
        *("paper_parallel", "always_swap", "never_swap", "random_swap", "oracle", "ours"),
    }
    assert "was not recorded" in curves["paper_parallel"]["refused"]
    for name, points in curves.items():
        for point in points if name != "paper_parallel" else ():
            assert point["low"] <= point["relative_performance"] <= point["high"]
    all_attempts = curves["fixed"][-1]
    assert (all_attempts["relative_cost"], all_attempts["relative_performance"]) == (1.0, 1.0)
    assert all(len(point["by_fold"]) == 3 for point in curves["ours"])
    assert [point["policy"] for point in curves["fixed weak"]] == [f"{n} attempts of weak" for n in (1, 2, 3, 4, 5)]
    assert len(curves["never_swap"]) == 1


def test_pairs_are_read_where_both_curves_reach_and_nowhere_else(made: Path, capsys: Capture) -> None:
    document = told(capsys, made, *WANTED)
    curves, pairs = document["curves"], document["paired"]
    rivals = {"adaptive", "fixed", "esc", "adaptive_consistency", "cascade"}
    assert {pair["rival"] for pair in pairs} == rivals
    assert {pair["relative_cost"] for pair in pairs} == {
        0.24,
        0.32,
        0.4,
        0.48,
        0.8,
    }  # 1.2, 1.6, 2, 2.4, 4 of 5 attempts
    for pair in pairs:
        by_hand = kept_at(curves[pair["rival"]], pair["relative_cost"])
        assert (pair["theirs"] is None) == (by_hand is None)
        if by_hand is not None:
            assert pair["theirs"] == pytest.approx(by_hand)
            assert pair["difference"] == pytest.approx(pair["ours"] - pair["theirs"])
            assert pair["low"] <= pair["difference"] <= pair["high"]
        else:
            assert pair["difference"] is pair["low"] is pair["high"] is None
    at_the_least = {pair["rival"]: pair["theirs"] for pair in pairs if pair["relative_cost"] == 0.24}
    assert at_the_least["adaptive"] is not None and at_the_least["esc"] is None  # ESC draws two attempts or more


def test_a_cost_that_no_curve_reaches_has_no_figure(made: Path, capsys: Capture) -> None:
    document = told(capsys, made, *WANTED, "--at", "0.001")
    cheap = [pair for pair in document["paired"] if pair["relative_cost"] == 0.001]
    assert len(cheap) == 5
    assert all(pair["ours"] is pair["theirs"] is pair["difference"] is None for pair in cheap)
    assert 0.001 not in [gap["relative_cost"] for gap in document["gap_closed"]]
    assert run(["frontier", str(made), *WANTED, "--at", "0.001"]) == 0
    assert "at 0.001: not reached, adaptive not reached\n" in capsys.readouterr().out


def test_nothing_of_ours_and_no_stopping_beats_hindsight(made: Path, capsys: Capture) -> None:
    document = told(capsys, made, *WANTED)
    curves = document["curves"]
    for name in ("ours", "fixed", "fixed weak", "adaptive", "esc"):
        for point in curves[name]:
            best = kept_at(curves["oracle"], point["relative_cost"])
            assert best is None or point["relative_performance"] <= best + 1e-9, (name, point)
    for gap in document["gap_closed"]:
        at = gap["relative_cost"]
        ours = next(pair["ours"] for pair in document["paired"] if pair["relative_cost"] == at)
        adaptive, oracle = kept_at(curves["adaptive"], at), kept_at(curves["oracle"], at)
        assert adaptive is not None and oracle is not None
        assert gap["share"] == pytest.approx((ours - adaptive) / (oracle - adaptive))
        assert gap["share"] <= 1


def test_the_terminal_and_the_page_show_every_curve(made: Path, tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "frontier.html"
    document = told(capsys, made, *WANTED, "--html", page)
    assert run(["frontier", str(made), *WANTED]) == 0
    shown = capsys.readouterr().out.splitlines()
    drawing, text = page.read_text().partition("</svg>")[0], page.read_text()
    for name, points in document["curves"].items():
        if name == "paper_parallel":
            continue
        assert name in shown
        assert drawing.count(f">{label_of(name)}</text>") == 1
        for point in points:
            assert any(line.endswith(point["policy"]) for line in shown)
            assert escape(point["policy"]) in text
    assert all(escape(point["policy"]) in drawing for point in document["curves"]["ours"])


@pytest.mark.parametrize(("answer", "said"), [([], "attempts answers"), (["pkg.C.nobody()"], "names a culprit")])
def test_a_source_that_brings_nothing_is_named_and_stops_nothing(
    answer: list[str], said: str, made: Path, tmp_path: Path, capsys: Capture
) -> None:
    changed = rewritten(made, tmp_path, lambda row: row | {"predicted": answer} if row["model"] == "weak" else row)
    page = tmp_path / "page.html"
    document = told(capsys, changed, *WANTED, "--html", page)
    assert said in document["useless"]["weak"] and said in page.read_text()
    assert {point["relative_performance"] for point in document["curves"]["fixed weak"]} == {0.0}
    assert max(point["relative_performance"] for point in document["curves"]["ours"]) > 0.9
    assert run(["frontier", str(changed), *WANTED]) == 0
    assert f"weak: {document['useless']['weak']}" in capsys.readouterr().out


def test_a_target_that_is_always_right_has_a_frontier(made: Path, tmp_path: Path, capsys: Capture) -> None:
    culprits = {row["bug"]: row["gold"] for row in rows_of(made.parent / "made_bugs.jsonl.gz")}

    def right(row: Document) -> Document:
        return row | {"predicted": culprits[row["bug"]], "status": "ok"} if row["model"] == "strong" else row

    document = told(capsys, rewritten(made, tmp_path, right), *WANTED)
    assert document["target_success"] == document["tasks"]
    assert document["useless"] == {}


def test_exactly_as_many_attempts_as_asked_for_are_enough(made: Path, tmp_path: Path, capsys: Capture) -> None:
    four = rewritten(made, tmp_path, lambda row: row if row["repetition"] <= 4 else None)
    document = told(capsys, four, *WANTED, "--most", "4")
    for name, points in document["curves"].items():
        said = [point["policy"] for point in points] if name != "paper_parallel" else []
        assert len(said) == len(set(said))
        assert not any(f"at most {more}" in policy for policy in said for more in (5, 7, 10))


def rows_of(file: Path) -> list[Document]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]


def rewritten(made: Path, folder: Path, change: Callable[[Document], Document | None]) -> Path:
    """The made-up recordings with each run changed, or left out."""
    file = folder / made.name
    rows = [row for row in map(change, rows_of(made)) if row is not None]
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    (folder / "made_bugs.jsonl.gz").write_bytes((made.parent / "made_bugs.jsonl.gz").read_bytes())
    return file


def test_the_same_seed_gives_the_same_document(made: Path, capsys: Capture) -> None:
    twice = []
    for _ in range(2):
        assert run(["frontier", str(made), *WANTED, "--json"]) == 0
        twice.append(capsys.readouterr().out)
    assert twice[0] == twice[1]


def test_the_dashboard_of_the_home_finds_the_frontier(made: Path, tmp_path: Path, capsys: Capture) -> None:
    home = tmp_path / "own"
    for target_price in ("2.5/10", "2.5/10", "5/20"):  # the same frontier again is no second row
        options = [*ASKED, *WEAK, "--price", f"strong={target_price}", "--home", str(home), "--json"]
        assert run(["frontier", str(made), *options]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    shown = listed(home / DOCUMENTS)["documents"]
    assert [one["kind"] for one in shown] == ["frontier", "frontier"]
    assert all(one["name"].startswith("frontier-strong-") for one in shown)
    assert printed in [document_of(home / DOCUMENTS, one["name"]) for one in shown]


def test_prices_decide_whether_a_source_pays(made: Path, tmp_path: Path, capsys: Capture) -> None:
    """Ours opens with the source where that is cheap, and never where it costs more than the target."""
    opened, costs = {}, []
    for price in ("0.1", "100"):
        document = told(capsys, made, *ASKED, *STRONG, "--price", f"weak={price}/{price}")
        chosen = [ladder for point in document["curves"]["ours"] for ladder in point["by_fold"].values()]
        opened[price] = sum("2 weak" in ladder for ladder in chosen)
        costs.append(document["curves"]["fixed weak"][0]["relative_cost"])
        folder = tmp_path / price
        assert run(["frontier", str(made), *ASKED, *STRONG, "--price", f"weak={price}", "--export", str(folder)]) == 0
        capsys.readouterr()
    assert costs[1] == pytest.approx(1000 * costs[0])
    assert opened["0.1"] > 0 and opened["100"] == 0
    assert parse(tomllib.loads((tmp_path / "100" / "plan.toml").read_text())).default.ladder == ("strong",)


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
        (["--target", "nobody"], "'strong', which is neither --target (nobody) nor one of --sources (weak)"),
        (["--sources", "weak,nobody", "--price", "nobody=1"], "no runs of 'nobody' are recorded"),
        (["--sources", "weak,strong"], "strong is target and source"),
        (["--sources", " , "], "no source was named"),
        (["--price", "strong"], "--price 'strong' cannot be read"),
        (["--price", "strong=-1/2"], "cannot be read"),
        (["--price", "strong=1e308"], "cannot be read"),
        (["--price", "strong=1e-320"], "cannot be read"),
        (["--price", "strnog=5"], "'strnog', which is neither --target (strong) nor one of --sources (weak)"),
        (["--price", "weak=5"], "--price gives 'weak' two prices"),
        (["--most", "7"], "only 0 tasks with a known answer have 7 attempts of strong (the most is 6)"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--at", "nan"], "--at nan is no cost"),
        (["--export", "plan", "--at", "0.01"], "no policy was chosen for a relative cost of 0.01"),
        (["--export", "there.txt"], "there.txt is no folder"),
        (["--export", "."], "plan.toml is there already"),
        (["--html", "."], "it is a folder"),
        (["--html", "/dev/full"], "it is no regular file"),
        (["--html", "made.jsonl.gz"], "would replace what is read"),
        (["--html", "made_bugs.jsonl.gz"], "would replace what is read"),
        (["--html", "plan.toml", "--plan", "plan.toml"], "would replace what is read"),
        (["--html", "there.txt/page.html"], "there.txt is no folder"),
        (["--home", "there.txt"], "there.txt is no folder"),
        (["--plan", "nowhere.toml"], "nowhere.toml cannot be read as a plan"),
        (["--plan", "other.toml"], "'builtin:large', which is neither --target nor one of --sources"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    change: list[str], part: str, made: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in (made, made.parent / "made_bugs.jsonl.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "there.txt").write_text("precious")
    (tmp_path / "plan.toml").write_text('version = 1\n[default]\nladder = ["weak"]\n')
    (tmp_path / "other.toml").write_text('version = 1\n[default]\nladder = ["builtin:large"]\n')
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert run(["frontier", "made.jsonl.gz", *WANTED, *change]) == 2
    captured = capsys.readouterr()
    assert part in captured.err and len(captured.err.splitlines()) == 1
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


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


def test_too_few_tasks_are_refused_with_what_is_missing(made: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["frontier", str(write(tmp_path, tasks=8)), *WANTED]) == 2
    assert "of 8 tasks 8 have a known answer, and a frontier needs 30" in capsys.readouterr().err
    few = rewritten(made, tmp_path, lambda row: row if row["model"] == "strong" or row["repetition"] < 3 else None)
    assert run(["frontier", str(few), *WANTED]) == 2
    assert "have 5 attempts of weak (the most is 2)" in capsys.readouterr().err
    apart = rewritten(made, tmp_path, lambda row: row if (row["model"] == "weak") == (row["bug"] < "Made_2") else None)
    assert run(["frontier", str(apart), *WANTED]) == 2
    assert "a frontier needs 30" in capsys.readouterr().err
    bugs = [row | {"gold": []} for row in rows_of(made.parent / "made_bugs.jsonl.gz")]
    (tmp_path / "made_bugs.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, bugs)).encode()))
    (tmp_path / "made.jsonl.gz").write_bytes(made.read_bytes())
    assert run(["frontier", str(tmp_path / "made.jsonl.gz"), *WANTED]) == 2
    assert "of 40 tasks 0 have a known answer" in capsys.readouterr().err


PLANS = {
    "alone": 'ladder = ["strong"]\nattempts = 3\n',
    "lead": 'ladder = ["openai:strong"]\nattempts = 5\npolicy = "adaptive@0.5"\nforecaster = "rule"\n',
    "mixed": 'ladder = ["weak", "strong"]\npolicy = "climb"\n[[default.climb]]\nattempts = 2\nweight = 0.5\n'
    "enough = 1.0\n[[default.climb]]\nattempts = 3\nenough = 0.5\n",
    "resumed": 'ladder = ["weak", "strong"]\npolicy = "climb"\n[[default.climb]]\nattempts = 2\nbatch = 2\n'
    'look = [1]\nswap_above = 0.1\nthen = "resume"\n[[default.climb]]\n',
    "many": 'ladder = ["weak"]\nattempts = 9\n',
    "poor": 'ladder = ["strong"]\nattempts = 3\n[default.limits]\nusd = 0.0001\n',
    "short": 'ladder = ["strong"]\nattempts = 3\nmax_steps = 2\n',
}


def test_a_plan_of_ones_own_is_a_curve_or_refused_with_the_reason(made: Path, tmp_path: Path, capsys: Capture) -> None:
    options = []
    for name, stage in PLANS.items():
        (tmp_path / f"{name}.toml").write_text(f"version = 1\n[default]\n{stage}")
        options += ["--plan", str(tmp_path / f"{name}.toml")]
    page = tmp_path / "page.html"
    document = told(capsys, made, *WANTED, *options, "--html", page)
    curves = document["curves"]
    assert len(curves["plan mixed"]) == 1 and curves["plan mixed"][0]["relative_cost"] > 0
    for plan, curve, policy in (
        ("alone", "fixed", "3 attempts of strong"),
        ("lead", "adaptive", "adaptive@0.5 on strong, at most 5"),
    ):
        (own,), same = curves[f"plan {plan}"], next(point for point in curves[curve] if point["policy"] == policy)
        assert (own["relative_cost"], own["relative_performance"]) == (
            same["relative_cost"],
            same["relative_performance"],
        )
        assert parse(tomllib.loads(own["plan"])).default.attempts == int(policy[0] if plan == "alone" else 5)
    refused = {name: curves[f"plan {name}"]["refused"] for name in ("resumed", "many", "poor", "short")}
    assert "after its model is swapped was not recorded" in refused["resumed"]
    assert "parcae bench locate BUGS --plan FILE" in refused["resumed"]
    assert "all 6 recorded attempts of weak are drawn" in refused["many"]
    assert "limit of $0.0001" in refused["poor"]
    assert "at most 2 steps were not recorded" in refused["short"]
    assert "plan mixed" in page.read_text() and escape(refused["many"]) in page.read_text()


def test_what_was_exported_can_be_walked(made: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "mine"
    told(capsys, made, *WANTED, "--export", folder, "--at", "0.3")
    document = told(capsys, made, *WANTED, "--plan", folder / "plan.toml")
    (point,) = document["curves"]["plan plan"]
    assert point["relative_cost"] < 0.6 and point["relative_performance"] > 0.8
