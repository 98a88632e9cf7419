"""A dialect is one wire protocol read and written: what was asked, what was said, and an error in its own shape.

Dialects know nothing of runs, money or upstreams. Documents are parsed JSON; every value in them is a stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

import pydantic_core

from parcae.core.protocols import ToolSpec
from parcae.core.usage import Usage
from parcae.gateway.identity import Before, Message
from parcae.gateway.refusal import Refusal, bad
from parcae.models.bounds import IMAGE_TOKENS, UNBOUNDED_TOKENS

Document = Mapping[str, object]
Family = Literal["openai", "anthropic"]  # whose upstreams understand it


NOTHING_SAID: Mapping[str, str] = MappingProxyType({})


class Call(NamedTuple):
    """One tool call; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Result(NamedTuple):
    """What a client reports of one tool call. `content`: as the wire had it."""

    call_id: str
    text: str
    is_error: bool = False
    content: object = None


class Said(NamedTuple):
    """What the model said in one reply, or a history claims that it said. `usage` None: the upstream did not count."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage | None = None
    finish: str = "stop"


class Asked(NamedTuple):
    """One request.

    `messages` is what identity sees; `turns` are the same messages as the wire had them, index by index.
    `max_tokens` None: the client left it to the model. `bound_tokens` bounds what the prompt holds that is not text in
    the body (images behind a URL). `said` are the standard fields that may name task or run. `offers` are the tools
    as the wire had them. `before` stands for the messages that came before these, where they were known and not read
    again.
    """

    model: str
    messages: Sequence[Message]
    turns: Sequence[Document]
    stream: bool = False
    max_tokens: int | None = None
    choices: int = 1
    bound_tokens: int = 0
    wants_usage: bool = True
    said: Mapping[str, str] = NOTHING_SAID
    offers: Sequence[object] = ()
    before: Before | None = None


class Listener(Protocol):
    """Follows one stream of server-sent events on its way through."""

    def feed(self, chunk: bytes) -> bytes:
        """Take in what arrived; return what the client shall get of it."""
        ...

    def end(self) -> bytes:
        """Take in that the body came to its end in good order; return what the client shall get of that."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the stream said that it is over; a cut stream never does."""
        ...

    def said(self) -> Said:
        """What the reply holds so far."""
        ...


class StreamWriter(Protocol):
    """Writes one streamed reply, for models that answer in this process or in another protocol."""

    def fragment(self, text: str) -> bytes:
        """A piece of text; the first one opens the stream."""
        ...

    def end(self, said: Said) -> bytes:
        """All that is left of the reply, and the end."""
        ...


class Dialect(Protocol):
    """Reads and writes one protocol."""

    @property
    def family(self) -> Family:
        """Which upstreams take it as it is."""
        ...

    @property
    def path(self) -> str:
        """The endpoint below an upstream's base URL."""
        ...

    @property
    def goes_on(self) -> bool:
        """Whether its messages stand in a list `messages`, each by itself, so that `read` can begin in the middle."""
        ...

    def read(self, document: Document, *, before: Before | None = None) -> Asked:
        """Understand a request; `before` stands for messages that `document` lacks. Raises Refusal (400)."""
        ...

    def said(self, turn: Document) -> Said:
        """Understand a turn of the model in a history."""
        ...

    def results(self, turn: Document) -> Sequence[Result]:
        """The tool results in a turn of the client."""
        ...

    def text(self, turn: Document) -> str:
        """The text of any turn, for people and forecasters."""
        ...

    def system(self, document: Document) -> str:
        """What stands above the conversation, outside its turns."""
        ...

    def tools(self, document: Document) -> Sequence[ToolSpec]:
        """The tools that the client offers, for models that are not reached in this protocol."""
        ...

    def reply(self, document: Document) -> Said:
        """Understand a whole reply."""
        ...

    def message(self, said: Said) -> Message:
        """The reply as identity will see it when the client sends it back."""
        ...

    def listen(self, asked: Asked) -> Listener:
        """Follow a streamed reply."""
        ...

    def edits(
        self, document: Document, *, model: str, max_tokens: int | None, at_openai: bool = False
    ) -> dict[str, object]:
        """The top-level fields to set before forwarding; `max_tokens` None leaves the client's own.

        `at_openai`: OpenAI itself is asked, and no server that is like it.
        """
        ...

    def refuse(self, refusal: Refusal) -> bytes:
        """An error body."""
        ...

    def refuse_midway(self, refusal: Refusal) -> bytes:
        """The same as an event within a stream that has begun."""
        ...

    def write(self, said: Said, *, model: str, reply_id: str) -> bytes:
        """A whole reply, for models that answer in this process or in another protocol."""
        ...

    def writer(self, *, model: str, reply_id: str, wants_usage: bool) -> StreamWriter:
        """Writes the same as a stream."""
        ...


def parse(body: bytes) -> Document:
    """The body as a JSON object. Raises Refusal (400): not JSON, not UTF-8, nested too deeply, not an object."""
    try:
        document = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise bad(f"the body is not valid JSON: {error}", "invalid_json") from None
    if not isinstance(document, dict):
        raise bad(f"the body must be a JSON object, not {type(document).__name__}", "invalid_json")
    return document


def field_of(document: Document, name: str, kind: type, *, required: bool = False) -> object:
    """The field `name`, checked; None where it is absent or null. Raises Refusal (400)."""
    value = document.get(name)
    if value is None:
        if required:
            raise bad(f"`{name}` is missing", "missing_field")
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad(f"`{name}` must be {_WORDS.get(kind, kind.__name__)}, not {type(value).__name__}", "wrong_type")
    return value


_WORDS: dict[type, str] = {str: "text", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}


def count_of(document: Document, name: str) -> int | None:
    """A whole number of 1 or more, or None. Raises Refusal (400)."""
    value = field_of(document, name, int)
    if value is None:
        return None
    assert isinstance(value, int)
    if not 1 <= value <= 100_000_000:
        raise bad(f"`{name}` must be a whole number of 1 or more", "wrong_value")
    return value


def text_of(value: object) -> str:
    """The value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def number_of(value: object) -> int:
    """The value if it is a whole number of 0 or more, else 0."""
    return value if isinstance(value, int) and value > 0 else 0


def object_of(value: object) -> Document:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> Sequence[object]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def hints(document: Document) -> dict[str, str]:
    """What the standard fields say of task and run.

    `metadata` may hold `parcae_task`, `parcae_run`, `parcae_prompt`, `parcae_private`; OpenAI's `user` and Anthropic's
    `metadata.user_id` may be "parcae:TASK" or "parcae:TASK/RUN".
    """
    said: dict[str, str] = {}
    metadata = object_of(document.get("metadata"))
    for user in (document.get("user"), metadata.get("user_id")):
        if isinstance(user, str) and user.startswith("parcae:"):
            task, _, run = user.removeprefix("parcae:").partition("/")
            said |= {"task": task} | ({"run": run} if run else {})
    for name in ("task", "run", "prompt", "private"):
        value = metadata.get(f"parcae_{name}")
        if isinstance(value, str):
            said[name] = value
    return said


def names_of(offers: Sequence[object]) -> tuple[str, ...]:
    """The names of offered tools in any dialect, sorted; a provider's own tool is named by its type."""
    tools = map(object_of, offers)
    own = (object_of(tool.get("function")).get("name") or tool.get("name") or tool.get("type") for tool in tools)
    return tuple(sorted({text_of(name) for name in own} - {""}))


def tool_spec(function: Document, schema: str) -> ToolSpec:
    """A function that a client offers. Raises Refusal (400) where it has no name."""
    name = text_of(function.get("name"))
    if not name:
        raise bad("a tool has no name", "missing_field")
    parameters = function.get(schema)
    return ToolSpec(
        name=name,
        description=text_of(function.get("description")),
        parameters=parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}},
    )


def canonical(arguments: str) -> str:
    """Arguments as every client would send them back: parsed and written anew, since some clients rewrite them."""
    try:
        value = pydantic_core.from_json(arguments or "{}")
        return pydantic_core.to_json(_sorted(value)).decode()
    except ValueError:
        return arguments


_ERROR = re.compile(r"\s*(?:<exception>|\W?(?:error|exception|an error occurred|traceback)\b)", re.IGNORECASE)


def looks_like_an_error(text: str) -> bool:
    """Whether a tool's result says in its first words that it failed: OpenAI's protocols have no field for that."""
    return _ERROR.match(text) is not None


def bound_of(contents: Iterable[object]) -> int:
    """The most tokens of what these message contents hold and the body does not show."""
    bound = 0
    for content in contents:
        for part in map(object_of, list_of(content)):
            kind = text_of(part.get("type"))
            if kind in ("image_url", "input_image", "image", "computer_screenshot"):
                bound += IMAGE_TOKENS
            elif kind in ("input_audio", "file", "input_file", "document", "video_url"):
                bound += UNBOUNDED_TOKENS
    return bound


_CLIENTS = ("", "function", "custom")  # types of tools that the client describes and runs
_HIDDEN = re.compile(r"(?:bash|text_editor|computer|memory)_|local_shell|apply_patch|computer")  # the client runs these
HIDDEN_TOKENS = 2_048  # what the provider says of one to the model: Anthropic's dearest, its computer, takes 1,234
_REACHES_OUT = ("web_search_options", "mcp_servers")


def tools_bound(document: Document) -> int:
    """The most tokens that a request's tools bring in and the body does not show.

    A tool that the provider itself runs reads whatever it finds, once more in each of its rounds.
    """
    bound = sum(UNBOUNDED_TOKENS for name in _REACHES_OUT if document.get(name) is not None)
    for tool in map(object_of, list_of(document.get("tools"))):
        kind = text_of(tool.get("type"))
        if kind not in _CLIENTS:
            bound += HIDDEN_TOKENS if _HIDDEN.match(kind) else UNBOUNDED_TOKENS
    return bound


def dearer_in(document: Document, body: bytes) -> str | None:
    """What a request asks for that has a price of its own, which no price list here holds; None: nothing."""
    if document.get("service_tier") == "priority":
        return "`service_tier`: priority"
    if "audio" in list_of(document.get("modalities")) or b'"input_audio"' in body:
        return "sound"
    return None


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def dumps(value: object) -> bytes:
    """Compact JSON."""
    return pydantic_core.to_json(value)
