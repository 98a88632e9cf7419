"""Record a model once, replay it for ever: a Model that answers from a file, keyed by what was asked.

A recording is JSON lines: `{"schema": "parcae.recording/1"}`, then one exchange a line: key, model, what was asked in
brief, reply and usage. The key is a digest of everything that a model sees (what was said, tools, settings) and of
nothing else: times and ids of requests do not count. Knows nothing of providers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.core.protocols import Model, ModelCard, OnText, Reply, Request
from parcae.core.usage import Price, Usage

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_ai.messages import ModelMessage, ModelResponse

    from parcae.models.limits import Gate

SCHEMA, VERSION = "parcae.recording", 1
SHOWN_CHARS = 160
# of `Usage`, in the order of a line's `usage`; older recordings end after the third
_COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens", "written_tokens", "hour_tokens")
NOT_SAID = frozenset({"timestamp", "run_id", "conversation_id", "metadata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, by its key and in brief, and what was replied."""

    key: str
    model: str
    asked: str
    reply: Reply


class Recording:
    """The exchanges of a file; new ones are appended to it as they come."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._by_key: dict[str, list[Exchange]] = {}
        for exchange in _read(file):
            self._by_key.setdefault(exchange.key, []).append(exchange)

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    def find(self, key: str, nth: int) -> Exchange | None:
        """What was replied the nth time (from 0) that `key` was asked; the last time if it was not asked so often."""
        known = self._by_key.get(key)
        return known[min(nth, len(known) - 1)] if known else None

    def nearest(self, asked: str) -> Exchange | None:
        """The exchange whose question is most like `asked`."""
        every = [one for known in self._by_key.values() for one in known]
        return max(every, key=lambda one: SequenceMatcher(None, one.asked, asked).ratio(), default=None)

    def begin(self) -> None:
        """Make sure that the file can be written, before anything is paid for.

        Raises:
            StoreFailed: it cannot.
        """
        self._append("")

    def add(self, exchange: Exchange) -> None:
        """Keep `exchange`.

        Raises:
            StoreFailed: the file cannot be written.
        """
        message = json.loads(_messages().dump_json(exchange.reply.message))
        usage = exchange.reply.usage
        line = {
            "key": exchange.key,
            "model": exchange.model,
            "asked": exchange.asked,
            "reply": message,
            "usage": [getattr(usage, name) for name in _COUNTS],
        }
        self._append(json.dumps(line) + "\n")
        self._by_key.setdefault(exchange.key, []).append(exchange)

    def _append(self, text: str) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as out:
                if not out.tell():
                    out.write(json.dumps({"schema": f"{SCHEMA}/{VERSION}"}) + "\n")
                out.write(text)
        except OSError as error:
            raise StoreFailed(f"{self.file} cannot be written: {error.strerror}", "name another file") from error


class RecordedModel:
    """Answers from `recording`. With `live`, what is missing is asked of it and recorded; without, it is an error.

    A question that was recorded several times is answered in that order, then as the last time. `name` is the model's
    own in the recording; `card` may give it another one, as `recorded:FILE@NAME` does.
    """

    def __init__(
        self,
        name: str,
        recording: Recording,
        *,
        live: Model | None = None,
        price: Price | None = None,
        card: ModelCard | None = None,
    ) -> None:
        self.card = card or (live.card if live is not None else ModelCard(name=name, price=price))
        self._name = name if card is not None else self.card.name
        self._recording, self._live = recording, live
        self._asked: dict[str, int] = {}

    @property
    def gate(self) -> Gate | None:
        """The live model's limits."""
        return getattr(self._live, "gate", None)

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """The recorded reply.

        Raises:
            CallerMistake: it was never recorded and there is no live model; the nearest recording is shown.
            ProviderFailed: the live model failed.
        """
        key = key_of(self._name, request)
        nth = self._asked.get(key, 0)
        found = self._recording.find(key, nth)
        if found is None:
            found = await self._record(key, request, on_text)
        elif on_text is not None and found.reply.message.text:
            on_text(found.reply.message.text)
        self._asked[key] = nth + 1
        return found.reply

    async def _record(self, key: str, request: Request, on_text: OnText | None) -> Exchange:
        asked = brief(request.messages)
        if self._live is None:
            raise self._missing(asked)
        reply = await self._live.reply(request, on_text)
        exchange = Exchange(key=key, model=self._name, asked=asked, reply=reply)
        self._recording.add(exchange)
        return exchange

    def _missing(self, asked: str) -> CallerMistake:
        nearest = self._recording.nearest(asked)
        what = f"{self._recording.file} holds no reply of {self._name} to: {_shown(asked)}"
        if nearest is not None:
            what = f"{what}; the nearest is of {nearest.model}, to: {_shown(_difference(asked, nearest.asked))}"
        return CallerMistake(what, "record it again with the live model")


def key_of(model: str, request: Request) -> str:
    """The digest of all that `model` would see of `request`."""
    said = [_said(message) for message in request.messages]
    tools = [[tool.name, tool.description, tool.parameters] for tool in request.tools]
    seen = [model, said, tools, request.max_tokens, request.temperature, request.seed]
    text = json.dumps(seen, sort_keys=True, ensure_ascii=True, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def brief(messages: Sequence[ModelMessage]) -> str:
    """The end of a conversation as one text, for people."""
    parts = [part for message in messages[-2:] for part in message.parts]
    return "\n".join(str(getattr(part, "content", None) or getattr(part, "args", "")) for part in parts)[-2000:]


def _said(message: ModelMessage) -> list[object]:
    return [
        {name: value for name, value in _fields(part).items() if name not in NOT_SAID and value is not None}
        for part in message.parts
    ]


def _fields(part: object) -> dict[str, Any]:
    return {name: getattr(part, name) for name in getattr(part, "__dataclass_fields__", ())}


def _plain(value: object) -> object:
    fields = _fields(value)
    return fields if fields else str(value)


def _shown(text: str) -> str:
    one_line = " ".join(text.split())
    return repr(one_line if len(one_line) <= SHOWN_CHARS else f"{one_line[:SHOWN_CHARS]}…")


def _difference(asked: str, other: str) -> str:
    """`other` from a little before the first place where it differs from `asked`."""
    same = next((place for place, (a, b) in enumerate(zip(asked, other, strict=False)) if a != b), len(other))
    return other[max(same - 20, 0) :] or other


@cache
def _messages() -> TypeAdapter[ModelResponse]:
    from pydantic import TypeAdapter
    from pydantic_ai.messages import ModelResponse

    return TypeAdapter(ModelResponse)


def _read(file: Path) -> list[Exchange]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise CallerMistake(f"{file} cannot be read: {error}", "name another recording") from None
    return _parsed(file, lines) if lines else []


def _parsed(file: Path, lines: Sequence[str]) -> list[Exchange]:
    number = 1
    try:
        schema, _, version = str(json.loads(lines[0]).get("schema")).partition("/")
        if schema == SCHEMA and version.isdigit() and int(version) > VERSION:
            raise CallerMistake(f"{file} has version {version}, this Parcae reads up to {VERSION}", "update Parcae")
        if schema != SCHEMA or not version.isdigit():
            raise ValueError
        found = []
        for number, line in enumerate(lines[1:], 2):  # noqa: B007  # named in the error
            entry = json.loads(line)
            usage = Usage(**dict(zip(_COUNTS, entry["usage"], strict=False)))
            reply = Reply(message=_messages().validate_python(entry["reply"]), usage=usage)
            found.append(Exchange(key=entry["key"], model=entry["model"], asked=entry["asked"], reply=reply))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CallerMistake(f"line {number} of {file} is no recording", "record it again") from None
    return found
