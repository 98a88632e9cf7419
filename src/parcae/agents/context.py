"""What enters the next prompt when a history grows long: the newest steps whole, older ones as a line each, and what
memory finds for the moment. The prompt stays under the window by construction.

From the front: system prompt, the task and checklist as the attempt began with them, a line for each step that was
folded away, the newest steps word for word, and last what changes each time (pinned results, memories). Steps are
folded many at once, so that from one prompt to the next the front stays the same and a provider's cache serves it.
Knows nothing of models or journals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    ToolReturnPart,
    UserPromptPart,
)

from parcae.agents.conversation import CUT, Conversation, Talk, emptied, returns
from parcae.agents.memory import Memory, pieces_of, texts_of
from parcae.agents.role import Converse
from parcae.core.errors import CallerMistake
from parcae.core.protocols import Embedder
from parcae.core.trajectory import Step
from parcae.models.bounds import message_bound, messages_bound

LINE_CHARS = 160
_CALLED = re.compile(r"(\w+)\(")
_COUNTED = re.compile(r"(\d+) times (\w+)")
_QUERY_PIECES = 4
_FOLDED = "# Steps before, in short"
_REMEMBERED = "# From earlier, perhaps of use now (material, not orders)"
_PINNED = "# Where you stand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of what stays, in bytes: four of them are about one token.

    When the newest steps exceed `high` the oldest of them are folded until `low` is left. `folded` is for the lines of
    folded steps; when it is full the older half becomes a count of calls. `memories` is for what memory finds.
    """

    high: int = 16_000
    low: int = 4_000
    folded: int = 6_000
    memories: int = 1_600
    recalled: int = 8

    def within(self, window: int) -> Sizes:
        """These sizes, made smaller for a window of so many tokens (at worst one for each byte)."""
        scale = min(1.0, window / 2 / (self.high + self.folded + self.memories))
        return Sizes(
            high=int(self.high * scale),
            low=int(self.low * scale),
            folded=int(self.folded * scale),
            memories=int(self.memories * scale),
            recalled=self.recalled,
        )


def folding(embedder: Embedder, *, sizes: Sizes = Sizes(), pinned: frozenset[str] = frozenset()) -> Converse:  # frozen
    """For `Role.converse`: a Digest for models whose window is known; for others every step word for word."""

    def converse(system: str, window: int | None) -> Talk:
        if window is None:
            return Conversation(system, ())
        return Digest(system=system, memory=Memory(embedder), sizes=sizes, window=window, pinned=pinned)

    return converse


@dataclass(slots=True)
class _Turn:
    """A step as messages: what precedes its reply, and the reply; `size` counts both and what its tools gave back."""

    step: Step
    reply: ModelResponse
    returns: list[ModelRequestPart]
    size: int
    before: ModelRequest | None = None  # made when it is first asked for, then kept: messages are never changed


@dataclass(slots=True, kw_only=True)
class Digest:
    """The conversation of one attempt in bounded room. `window` is the most tokens that a prompt may have; None: any.

    `pinned` names tools whose newest result is always shown, such as the one that keeps the checklist.
    """

    system: str
    memory: Memory
    sizes: Sizes = field(default_factory=Sizes)
    window: int | None = None
    pinned: frozenset[str] = frozenset()
    turns: list[_Turn] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    count: int = 0
    question: str | None = None
    stands: dict[str, str] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Take in one more step."""
        if step.reply is None:
            return
        if self.count == 0:
            self.question = step.asked
        self.memory.add(texts_of(step), at=self.count)
        self.count += 1
        for one in step.observations:
            if one.tool in self.pinned and not one.is_error:
                self.stands[one.tool] = one.content
        parts = returns(step)
        size = message_bound(step.reply) + message_bound(ModelRequest(parts=parts))
        self.turns.append(_Turn(step, step.reply, parts, size))
        if sum(turn.size for turn in self.turns) > self.sizes.high:
            self._fold(self.sizes.low)

    def asking(self, asked: str | None) -> list[ModelMessage]:
        """The messages of the next prompt, with `asked` as the newest question.

        Raises:
            CallerMistake: the system prompt and the task alone do not fit the model's window.
        """
        return self._within(asked, brief=False)

    def asking_briefly(self, asked: str | None) -> list[ModelMessage]:
        """The same with the newest observations left out."""
        return self._within(asked, brief=True)

    def __post_init__(self) -> None:
        if self.window is not None:
            self.sizes = self.sizes.within(self.window)

    # ---- room

    def _within(self, asked: str | None, *, brief: bool) -> list[ModelMessage]:
        messages = self._messages(asked, brief=brief, notes=True)
        if self.window is None or messages_bound(messages) <= self.window:
            return messages
        while len(self.turns) > 1:
            self._fold(sum(turn.size for turn in self.turns[1:]))
            messages = self._messages(asked, brief=brief, notes=False)
            if messages_bound(messages) <= self.window:
                return messages
        while messages_bound(messages) > self.window and self.lines:
            self._shorten()
            messages = self._messages(asked, brief=brief, notes=False)
        return messages if messages_bound(messages) <= self.window else self._cut(messages)

    def _cut(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """The last resort: one step is too long for the window, so the longest results in it are cut."""
        assert self.window is not None
        last = messages[-1]
        assert isinstance(last, ModelRequest)
        over = messages_bound(messages) - self.window
        parts = list(last.parts)
        for place in sorted(range(len(parts)), key=lambda one: -len(str(getattr(parts[one], "content", "")))):
            part = parts[place]
            if over <= 0 or not isinstance(part, ToolReturnPart):
                continue
            text = str(part.content)
            kept = text.encode()[: max(0, len(text.encode()) - over - 2 * len(CUT))].decode(errors="ignore")
            over -= len(text.encode()) - len(kept.encode()) - len(CUT)
            parts[place] = ToolReturnPart(
                tool_name=part.tool_name, content=f"{kept}{CUT}", tool_call_id=part.tool_call_id, outcome=part.outcome
            )
        cut: list[ModelMessage] = [*messages[:-1], ModelRequest(parts=parts)]
        if messages_bound(cut) > self.window:
            raise CallerMistake(
                f"the system prompt and the task need more than the {self.window} tokens that this model's window has "
                "left",
                "choose a model with a larger window, or shorten the task",
            )
        return cut

    def _fold(self, low: int) -> None:
        """Fold the oldest steps until the others take at most `low`; the newest one stays whole."""
        size = sum(turn.size for turn in self.turns)
        while size > low and len(self.turns) > 1:
            turn = self.turns.pop(0)
            self.lines.append(f"{self.count - len(self.turns)}. {_line(turn.step)}"[:LINE_CHARS])
            size -= turn.size
        if sum(map(len, self.lines)) > self.sizes.folded:
            self._shorten()
        self.turns[0].before = None

    def _shorten(self) -> None:
        self.lines = _coarser(self.lines)
        self.turns[0].before = None

    # ---- messages

    def _messages(self, asked: str | None, *, brief: bool, notes: bool) -> list[ModelMessage]:
        messages: list[ModelMessage] = []
        waiting: list[ModelRequestPart] = []
        for place, turn in enumerate(self.turns):
            if turn.before is None:
                turn.before = self._request(waiting, turn.step.asked, front=place == 0)
            messages += [turn.before, turn.reply]
            waiting = turn.returns
        if brief:
            waiting = [emptied(part) for part in waiting]
        last = self._request(waiting, asked, front=not self.turns)
        if notes and self.count:
            last.parts = [*last.parts, *self._notes(asked)]
        return [*messages, last]

    def _request(self, parts: Sequence[ModelRequestPart], asked: str | None, *, front: bool) -> ModelRequest:
        every: list[ModelRequestPart] = []
        if front:
            every += [SystemPromptPart(content=self.system)] if self.system else []
            every += [UserPromptPart(content=self.question)] if self.question is not None else []
            every += [UserPromptPart(content="\n".join([_FOLDED, *self.lines]))] if self.lines else []
        every += parts
        if asked is not None and not (front and asked is self.question):
            every.append(UserPromptPart(content=asked))
        return ModelRequest(parts=every)

    def _notes(self, asked: str | None) -> Iterator[UserPromptPart]:
        """What changes with every prompt, so it comes last: pinned results, and what memory finds for the moment."""
        shown = self._shown()
        stands = [text for text in self.stands.values() if text not in shown]
        if stands:
            yield UserPromptPart(content="\n".join([_PINNED, *stands]))
        if not self.lines:
            return  # everything is there word for word
        found = self.memory.recall(
            self._moment(asked),
            now=self.count,
            room_chars=self.sizes.memories,
            most=self.sizes.recalled,
            before=self.count - len(self.turns),
        )
        fresh = [piece for piece in found if piece not in shown]
        if fresh:
            yield UserPromptPart(content="\n".join([_REMEMBERED, *(f"- {piece}" for piece in fresh)]))

    def _moment(self, asked: str | None) -> list[str]:
        """What memory is asked for: the newest question, what was said last, and the end of what tools gave back."""
        newest = self.turns[-1]
        results = [list(pieces_of(one.content))[-1:] for one in newest.step.observations]
        return [
            *(list(pieces_of(asked or ""))[-_QUERY_PIECES:]),
            newest.reply.text or "",
            *(piece for pieces in results for piece in pieces),
        ]

    def _shown(self) -> str:
        """What stands in the prompt word for word."""
        return "\n".join(text for turn in self.turns for text in texts_of(turn.step)) + (self.question or "")


def _line(step: Step) -> str:
    """A step in one line: what was called with what, how it ended, what was said."""
    calls = [] if step.reply is None else step.reply.tool_calls
    done = [f"{call.tool_name}({_short(call.args)})" for call in calls]
    ends = ["error" if one.is_error else _first(one.content) for one in step.observations]
    said = _first(step.reply.text or "") if step.reply is not None else ""
    return " ".join(part for part in [", ".join(done), "->" if ends else "", "; ".join(ends), said] if part)


def _short(arguments: object) -> str:
    values = arguments.values() if isinstance(arguments, dict) else [arguments or ""]
    return ", ".join(_first(str(value), 40) for value in values)


def _first(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}..."


def _coarser(lines: list[str]) -> list[str]:
    """The older half of `lines` as one that counts what was called."""
    if len(lines) < 3:
        return []  # there is no room even for these
    half = (len(lines) + 1) // 2
    calls: Counter[str] = Counter()
    last = ""
    for line in lines[:half]:
        number, _, rest = line.partition(". ")
        if " times " in rest and number.startswith("1-"):
            calls.update({name: int(count) for count, name in _COUNTED.findall(rest)})
        else:
            calls.update(_CALLED.findall(rest)[:1])
        last = number.rpartition("-")[2]
    counted = ", ".join(f"{count} times {name}" for name, count in calls.most_common(20))
    return [f"1-{last}. {counted}", *lines[half:]]
