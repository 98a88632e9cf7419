"""Events as JSON text and back. Any frozen dataclass with a `kind` works, nested values and model messages included.

A serializer is built once for each type of event, by pydantic. Fields that a reader does not know are passed over, and
fields that a writer did not know take their defaults: a kind changes its version when that would not do. Knows nothing
of where the text is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar, cast

from parcae.core.errors import StoreFailed
from parcae.core.protocols import Event

if TYPE_CHECKING:
    from pydantic import TypeAdapter

E = TypeVar("E", bound=Event)


class Written:
    """An event that brings its JSON along, for writers in a hot loop to whom making the event itself costs too much.

    A subclass says by `of` which event it is, and takes over that one's `kind`.
    """

    kind: ClassVar[str]
    of: ClassVar[type[Event]]
    __slots__ = ("body", "scope")

    def __init__(self, scope: str, body: bytes) -> None:
        self.scope, self.body = scope, body

    def whole(self) -> Event:
        """The event itself."""
        return decode(self.of, self.scope, self.body)


def encode(event: Event) -> bytes:
    """The event as JSON, without its `scope` (which is kept beside it). Half characters become U+FFFD."""
    if isinstance(event, Written):
        return event.body
    write = _writer(type(event))
    try:
        return write(event)
    except ValueError:  # pydantic's serialization error: most likely a lone surrogate in some tool's output
        return write(cast(Event, _whole(event)))


def decode(kind: type[E], scope: str, body: bytes | str) -> E:
    """The event of type `kind` that `encode` wrote.

    Raises:
        StoreFailed: the text is not such an event.
    """
    try:
        event: E = _reader(kind)(scope, body)
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise StoreFailed(
            f"an entry of kind {kind.kind!r} in {scope!r} cannot be read ({first})", "the journal may be damaged"
        ) from error
    return event


@cache
def _writer(kind: type[Event]) -> Callable[[Event], bytes]:
    to_json = _adapter(kind).serializer.to_json

    def write(event: Event) -> bytes:
        return to_json(event, exclude=_BESIDE, fallback=_mapping, warnings=False)

    return write


_BESIDE = {"scope"}


def _mapping(value: object) -> object:
    """A read-only mapping as JSON can hold it. Raises ValueError for anything else that pydantic does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError(f"{type(value).__name__} cannot be written")


@cache
def _reader(kind: type[E]) -> Callable[[str, bytes | str], E]:
    from pydantic_core import from_json

    validate = _adapter(kind).validator.validate_python

    def read(scope: str, body: bytes | str) -> E:
        document = from_json(body)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        document["scope"] = scope
        return validate(document)  # type: ignore[no-any-return]  # the validator of `kind` returns a `kind`

    return read


@cache
def _adapter(kind: type[Event]) -> TypeAdapter[Event]:
    from pydantic import ConfigDict, TypeAdapter

    if not hasattr(kind, "__pydantic_config__"):  # pydantic's own place for the settings of a plain dataclass
        config = ConfigDict(
            ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings", defer_build=True
        )
        kind.__pydantic_config__ = config  # type: ignore[attr-defined]
    adapter: TypeAdapter[Event] = TypeAdapter(kind)
    adapter.rebuild(raise_errors=True, _types_namespace=_names(kind))
    return adapter


def _names(kind: type[Event]) -> Mapping[str, object]:
    """What the annotations of an event may name although its module imports them for type checkers only."""
    annotations = " ".join(str(field.type) for field in dataclasses.fields(kind))  # type: ignore[arg-type]
    from pydantic import JsonValue

    names: dict[str, object] = {"JsonValue": JsonValue}
    if "Model" in annotations:
        from pydantic import WrapSerializer
        from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse

        from parcae.store.replies import brief

        reply = Annotated[ModelResponse, WrapSerializer(brief)]
        names |= {"ModelMessage": ModelMessage, "ModelRequest": ModelRequest, "ModelResponse": reply}
    return names


def _whole(value: object) -> object:
    """`value` with every half character (a lone surrogate, as from undecodable file names) replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_whole(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field for field in dataclasses.fields(value) if field.init)
        return dataclasses.replace(value, **{field.name: _whole(getattr(value, field.name)) for field in fields})
    return value
