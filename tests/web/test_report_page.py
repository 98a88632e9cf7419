from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from parcae.core.events import Decided
from parcae.core.trajectory import Ending, Observation, Step, Trajectory
from parcae.core.usage import Usage
from parcae.jobs.report import Attempt, Baseline, ModelCost, Patch, Report, Suspect
from parcae.web.graph_svg import Edge, Node
from parcae.web.report_page import report_page

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def report() -> Report:
    call = ToolCallPart("get_code_snippet", {"signature": ATTACK}, "call-1")
    step = Step(
        model="builtin:small",
        asked=ATTACK,
        reply=ModelResponse(parts=[TextPart(ATTACK), call]),
        observations=(Observation(call_id="call-1", tool="get_code_snippet", content=ATTACK),),
        ending=Ending(reason="answered", answer=(ATTACK,)),
    )
    return Report(
        run="run-1",
        kind="locate",
        title=ATTACK,
        question=ATTACK,
        status="done",
        suspects=(Suspect(name=ATTACK, score=1.0, file="a.py", line=3),),
        confidence=1.0,
        cost_usd=0.01,
        by_model={"builtin:small": ModelCost(calls=1, usage=Usage(prompt_tokens=10), cost_usd=0.01, nominal=True)},
        swaps=(),
        forecasts=(),
        baseline=Baseline(model="builtin:large", cost_usd=0.1, estimated=True),
        attempts=(Attempt(name="attempt-1", trajectory=Trajectory(task_id="t", steps=(step,), ending=step.ending)),),
        notes=(ATTACK,),
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed() -> Tags:
    nodes = [Node(key=ATTACK, label=ATTACK, detail=ATTACK, kind=ATTACK, step=0.0, visits=2)]
    tags = Tags()
    tags.feed(report_page(report(), nodes, [Edge(source=ATTACK, target=ATTACK, weight=2)]))
    return tags


def test_nothing_that_an_agent_wrote_becomes_markup() -> None:
    tags = parsed()
    assert not [name for name, _ in tags.seen if name in {"script", "img", "iframe", "link"}]
    assert not [attrs for _, attrs in tags.seen if any(key.startswith("on") for key in attrs)]
    assert ATTACK in tags.text


def test_the_page_loads_nothing_and_says_so_to_the_browser() -> None:
    tags = parsed()
    policy = next(attrs["content"] for _, attrs in tags.seen if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and "default-src 'none'" in policy and "script-src" not in policy
    assert not [attrs for _, attrs in tags.seen if "src" in attrs or "href" in attrs]


def test_every_step_can_be_read_and_prices_that_nobody_charges_are_marked() -> None:
    text = parsed().text
    assert "get_code_snippet(" in text and "builtin:small" in text
    assert "nominal" in text and "estimated" in text


def test_a_price_aware_decision_is_told_with_its_arithmetic() -> None:
    why = "one more attempt on m costs about $0.02; at $1 a solved task that is worth $0.40: more, so it is made"
    decided = Decided(scope="run-1", action="carry_on", why=why)
    assert why in report_page(replace(report(), decisions=(decided,)))
    assert "What one more attempt was worth" not in report_page(report())


def test_patches_are_shown_best_first_and_escaped() -> None:
    def patch(**facts: bool) -> Patch:
        diff = f"--- a/x.py\n+++ b/x.py\n+{ATTACK}\n"
        return Patch(diff=diff, files=("x.py",), broken=(), votes=2, share=0.5, size=1, attempt="attempt-1", **facts)

    best, worse = patch(plausible=True, passes=True), patch(plausible=False, passes=False)
    page = report_page(replace(report(), kind="repair", patches=(best, worse)))
    assert "<script>alert" not in page
    tags = Tags()
    tags.feed(page)
    first, second = tags.text.index("nothing else fails"), tags.text.index("the test still fails")
    assert first < second and f"+{ATTACK}" in tags.text
