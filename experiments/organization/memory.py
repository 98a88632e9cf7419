"""Tokens per useful action, and facts that reach the prompt that needs them, on recorded MegaAgent work.

Each agent's recorded steps are walked again: once with every prompt holding the whole history, once with the folded
one. In the second measurement facts are planted in results that an agent read, and asked for 50 steps later; the fact
arrives if its value stands in the prompt. "reworded" questions turn the subject around and share no other word with the
fact; facts about the same subject compete. The recording is third-party data and is read where it lies.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart

from parcae.agents.context import Digest
from parcae.agents.conversation import Conversation, Talk
from parcae.agents.memory import Memory
from parcae.core.trajectory import Observation, Step
from parcae.graphs.embed import HashedSubwords

BYTES_A_TOKEN = 4
LATER = 50
IDLE = {"terminate", "change_task_status"}
SUBJECTS = (
    *("staging database", "billing service", "release branch", "tester's laptop", "nightly build", "audit log"),
    *("colour of the board", "upload folder", "rate limiter", "backup window", "licence server", "session cookie"),
    *("search depth", "opening book", "move timer", "score table", "replay file", "crash report", "invite code"),
)
REWORDED = {
    "port": "what do I dial to talk to the {o}?",
    "owner": "whom shall I ask about the {o}?",
    "limit": "how much may the {o} take at most?",
    "path": "where are the files of the {o}?",
    "version": "the {o}: which one do we use?",
    "deadline": "how long have we got for the {o}?",
}
ASPECTS = {
    "port": ("The {s} listens on port {v}.", "On which port can I reach the {s}?"),
    "owner": ("Please note: {v} owns the {s} from now on.", "Who is the owner of the {s}?"),
    "limit": ("We agreed that the limit for the {s} is {v}.", "What limit did we agree on for the {s}?"),
    "path": ("The {s} lives under /srv/{v}.", "Where does the {s} live on disk?"),
    "version": ("Pin the {s} to version {v}, not newer.", "Which version of the {s} must be pinned?"),
    "deadline": ("The {s} must be finished by {v}.", "By when must the {s} be finished?"),
}


def recording() -> Path:
    root = Path(os.environ.get("PARCAE_SHARED", Path(__file__).parents[3] / "shared"))
    return root / "data" / "megaagent_gobang.jsonl.gz"


def recorded_steps(path: Path) -> dict[str, list[Step]]:
    """Each agent's turns as steps; results that were cut in the recording are filled up to their true length."""
    with gzip.open(path, "rt") as file:
        events = [json.loads(line) for line in file]
    results = {one["answers_event"]: one for one in events if one["kind"] == "tool_result"}
    steps: dict[str, list[Step]] = defaultdict(list)
    heard: dict[str, list[str]] = defaultdict(list)
    for event in events:
        agent, kind = event["agent"], event["kind"]
        if kind in ("system", "message", "correction", "kickoff"):
            heard[agent].append(event["content"] or "")
        elif kind == "assistant":
            steps[agent].append(_step(event, results.get(event["event"]), "\n".join(heard.pop(agent, []))))
    return steps


def _step(event: dict, result: dict | None, asked: str) -> Step:  # type: ignore[type-arg]
    name, call_id = event["tool"], f"call-{event['event']}"
    parts = [TextPart(content=event["content"])] if event["content"] else []
    seen: tuple[Observation, ...] = ()
    if name is not None:
        parts.append(ToolCallPart(tool_name=name, args=event["arguments"] or {}, tool_call_id=call_id))
        text = (result or {}).get("result") or "no result"
        length = (result or {}).get("result_chars") or len(text)
        seen = (Observation(call_id=call_id, tool=name, content=(text * (length // len(text) + 1))[:length]),)
    reply = ModelResponse(parts=parts or [TextPart(content="...")])
    return Step(model="recorded", asked=asked or None, reply=reply, observations=seen)


def tokens(messages: list[ModelMessage]) -> int:
    return (
        sum(
            len(str(getattr(part, "content", None) or getattr(part, "args", "")))
            for one in messages
            for part in one.parts
        )
        // BYTES_A_TOKEN
    )


def text_of(messages: list[ModelMessage]) -> str:
    return "\n".join(
        str(getattr(part, "content", "")) + str(getattr(part, "args", "")) for one in messages for part in one.parts
    )


def common_prefix(before: list[ModelMessage], after: list[ModelMessage]) -> int:
    first, second = text_of(before), text_of(after)
    same = next((place for place, (one, two) in enumerate(zip(first, second, strict=False)) if one != two), None)
    return (min(len(first), len(second)) if same is None else same) // BYTES_A_TOKEN


def walk(talk: Talk, steps: list[Step]) -> dict[str, int]:
    sent = cached = 0
    last: list[ModelMessage] = []
    for step in steps:
        messages = talk.asking(step.asked)
        sent += tokens(messages)
        cached += common_prefix(last, messages)
        last = messages
        talk.add(step)
    return {"sent": sent, "same_front": cached}


def digest(**changes: object) -> Digest:
    return Digest(system="You work in a company.", memory=Memory(HashedSubwords(256)), **changes)  # type: ignore[arg-type]


def economy(recorded: dict[str, list[Step]]) -> dict[str, float]:
    whole = [walk(Conversation("You work in a company.", ()), steps) for steps in recorded.values()]
    folded = [walk(digest(), steps) for steps in recorded.values()]
    useful = sum(
        call.tool_name not in IDLE for steps in recorded.values() for step in steps for call in step.reply.tool_calls
    )
    everything, ours = sum(one["sent"] for one in whole), sum(one["sent"] for one in folded)
    return {
        "useful_actions": useful,
        "tokens_per_action_resending_everything": round(everything / useful),
        "tokens_per_action": round(ours / useful),
        "ratio": round(ours / everything, 3),
        "share_of_prompt_that_is_an_unchanged_front": round(sum(one["same_front"] for one in folded) / ours, 3),
        "the_same_for_resending": round(sum(one["same_front"] for one in whole) / everything, 3),
    }


def turned(subject: str) -> str:
    """The subject the other way round: "database for staging"."""
    words = subject.split()
    return f"{words[-1]} for {' '.join(words[:-1])}"


def planted(
    steps: list[Step], rng: random.Random, facts: int, reworded: bool
) -> tuple[list[Step], list[tuple[int, str, str]]]:
    """The steps with facts hidden in what the agent read early, and (step, question, value) for later."""
    steps, asked = list(steps), []
    early = [place for place in range(2, len(steps) - LATER) if steps[place].observations or steps[place].asked]
    subjects = rng.sample(SUBJECTS, facts // 2)  # two facts about each
    chosen = [(subject, aspect) for subject in subjects for aspect in rng.sample(sorted(ASPECTS), 2)]
    for subject, aspect in chosen:
        place = rng.choice(early)
        value = f"{rng.choice('abcdefghkmnprstuvwxyz')}{rng.randrange(10**5, 10**6)}"
        statement, question = (text.format(s=subject, v=value) for text in ASPECTS[aspect])
        steps[place] = _with(steps[place], statement, rng)
        if reworded:
            question = REWORDED[aspect].format(o=turned(subject))
        asked.append((place + LATER, question, value))
    return steps, asked


def _with(step: Step, statement: str, rng: random.Random) -> Step:
    """The statement in the midst of what the step read."""
    if not step.observations:
        return replace(step, asked=f"{step.asked}\n{statement}")
    one = step.observations[0]
    lines = one.content.splitlines()
    lines.insert(rng.randrange(len(lines) + 1), statement)
    return replace(step, observations=(replace(one, content="\n".join(lines)), *step.observations[1:]))


def arrivals(
    recorded: dict[str, list[Step]], rounds: int, seed: int = 1, *, reworded: bool = False
) -> dict[str, float]:
    rng, arrived, total, sent = random.Random(seed), 0, 0, 0
    for _ in range(rounds):
        for original in recorded.values():
            if len(original) < LATER + 10:
                continue
            steps, asked = planted(original, rng, 8, reworded)
            talk = digest()
            for place, step in enumerate(steps):
                for when, question, value in asked:
                    if when == place:
                        messages = talk.asking(question)
                        total, arrived = total + 1, arrived + (value in text_of(messages))
                        sent += tokens(messages)
                talk.add(step)
    return {
        "facts": total,
        "arrived": arrived,
        "share": round(arrived / max(total, 1), 4),
        "prompt_tokens": round(sent / max(total, 1)),
    }


def measure(rounds: int) -> dict[str, object]:
    recorded = recorded_steps(recording())
    return {
        "economy": economy(recorded),
        "facts_50_steps_later": arrivals(recorded, rounds),
        "facts_50_steps_later_reworded": arrivals(recorded, rounds, reworded=True),
    }


def main() -> None:
    out = Path("out/evidence/memory.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    result = measure(rounds=40)
    out.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main()
