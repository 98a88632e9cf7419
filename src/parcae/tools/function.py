"""A typed Python function becomes a Tool. Knows nothing of models, journals or what the function does.

The JSON schema comes from annotations and docstring (`Args:` section, Google style); arguments are validated by
pydantic, and what a model got wrong is said in a sentence that it can act on.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NewType, NotRequired, cast, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from pydantic_core import to_json
from typing_extensions import TypedDict

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Effect, JsonValue, Tool, ToolRefused, ToolSpec
from parcae.core.scope import Scope

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, SchemaValidator

CallKey = NewType("CallKey", str)
"""The key of a call: the same whenever the same call is made again after a crash (contract 4)."""

_CUT_NOTE = "\n[cut: {dropped} more characters]"
_ARGUMENT = re.compile(r"^(?P<indent>\s+)\*{0,2}(?P<name>\w+)(?:\s*\([^)]*\))?:\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _FunctionTool:
    spec: ToolSpec
    function: Callable[..., object]
    validator: SchemaValidator
    scope_name: str | None
    key_name: str | None

    async def call(self, arguments: Mapping[str, JsonValue], scope: Scope, *, key: str) -> str:
        try:
            values: dict[str, object] = self.validator.validate_python(arguments)
        except ValidationError as wrong:
            raise ToolRefused(_explain(wrong, self.spec)) from None
        if self.scope_name is not None:
            values[self.scope_name] = scope
        if self.key_name is not None:
            values[self.key_name] = key
        result = self.function(**values)
        if inspect.isawaitable(result):
            result = await result
        return cut(_as_text(result), self.spec.max_chars)


def function_tool(
    function: Callable[..., object] | Callable[..., Awaitable[object]],
    *,
    effect: Effect,
    name: str | None = None,
    description: str | None = None,
    waits: bool = False,
    keyed: bool = False,
    max_chars: int = 12_000,
) -> Tool:
    """A Tool that calls `function`, which may be sync (then it must be quick: it runs in the event loop) or async.

    Parameters annotated `Scope` and `CallKey` are filled in and hidden from the model. A result that is not a string
    is shown as JSON. The function raises ToolRefused to tell the model what it cannot have.

    Raises:
        CallerMistake: a parameter has no annotation, or one that has no JSON schema.
    """
    tool_name = name or str(getattr(function, "__name__", type(function).__name__))
    hints, filled_in = _hints(function, tool_name)
    summary, notes = _docstring(function)
    adapter = _adapter(function, hints, notes, tool_name)
    spec = ToolSpec(
        name=tool_name,
        description=description or summary,
        parameters=_schema(adapter),
        effect=effect,
        keyed=keyed,
        waits=waits,
        max_chars=max_chars,
    )
    validator = adapter.validator
    return _FunctionTool(
        spec=spec,
        function=function,
        validator=validator,  # type: ignore[arg-type]  # a lazy mock or the validator itself
        scope_name=filled_in.get(Scope),
        key_name=filled_in.get(CallKey),
    )


def cut(text: str, max_chars: int) -> str:
    """`text`, or its beginning with a note of how much is missing: never longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    note = _CUT_NOTE.format(dropped=len(text))
    kept = max(0, max_chars - len(note))
    return (text[:kept] + _CUT_NOTE.format(dropped=len(text) - kept))[:max_chars]


def _hints(function: Callable[..., object], tool_name: str) -> tuple[dict[str, object], dict[object, str]]:
    """The annotation of each parameter that the model fills in, and the names of those that take Scope and CallKey."""
    known = get_type_hints(function, include_extras=True)
    hints: dict[str, object] = {}
    filled_in: dict[object, str] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise CallerMistake(f"tool {tool_name!r}: {parameter} cannot be filled by name", "give it a plain name")
        if parameter.name not in known:
            raise CallerMistake(f"tool {tool_name!r}: {parameter.name!r} has no annotation", "annotate it")
        if known[parameter.name] in (Scope, CallKey):
            filled_in[known[parameter.name]] = parameter.name
        else:
            hints[parameter.name] = known[parameter.name]
    return hints, filled_in


def _adapter(
    function: Callable[..., object], hints: Mapping[str, object], notes: Mapping[str, str], tool_name: str
) -> TypeAdapter[dict[str, object]]:
    signature = inspect.signature(function)
    fields: dict[str, object] = {}
    for name, hint in hints.items():
        default = signature.parameters[name].default
        required = default is inspect.Parameter.empty
        shown: JsonDict | None = {"default": default} if isinstance(default, (str, int, float)) else None
        kind: object = Annotated[hint, Field(description=notes.get(name), json_schema_extra=shown)]
        fields[name] = kind if required else NotRequired[kind]
    arguments = TypedDict(f"{tool_name}_arguments", fields)  # type: ignore[misc]  # made from the signature
    arguments.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return TypeAdapter(cast("type[dict[str, object]]", arguments))


def _schema(adapter: TypeAdapter[dict[str, object]]) -> Mapping[str, JsonValue]:
    schema: dict[str, JsonValue] = adapter.json_schema()
    schema.pop("title", None)
    schema.setdefault("properties", {})
    properties = schema["properties"]
    if isinstance(properties, dict):
        for body in properties.values():
            if isinstance(body, dict):
                body.pop("title", None)
    return schema


def _docstring(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """What the tool is for, and what is said of each parameter."""
    text = inspect.getdoc(function) or ""
    head, _, rest = text.partition("Args:")
    body = re.split(r"^(?:Returns|Raises|Yields|Source):", rest, maxsplit=1, flags=re.MULTILINE)[0]
    notes: dict[str, str] = {}
    current, indent = "", 0
    for line in body.splitlines():
        found = _ARGUMENT.match(line)
        if found and (not notes or len(found["indent"]) <= indent):
            current, indent = found["name"], len(found["indent"])
            notes[current] = found["text"].strip()
        elif current and line.strip():
            notes[current] = f"{notes[current]} {line.strip()}".strip()
    summary = re.split(r"^(?:Returns|Raises|Yields|Source):", head, maxsplit=1, flags=re.MULTILINE)[0]
    return summary.strip(), notes


def _explain(wrong: ValidationError, spec: ToolSpec) -> str:
    """What a model has to change, one clause for each error."""
    details = wrong.errors(include_url=False, include_context=False)
    clauses = [_clause(detail) for detail in details[:5]]
    properties = spec.parameters.get("properties")
    names = ", ".join(properties) if isinstance(properties, Mapping) and properties else "none"
    return f"{spec.name} was not called: {'; '.join(clauses)}. Its arguments are: {names}."


def _clause(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "the arguments"
    match detail["type"]:
        case "missing":
            return f"argument {where!r} is missing"
        case "extra_forbidden":
            return f"there is no argument {where!r}"
        case _:
            shown = cut(repr(detail["input"]), 80)
            return f"argument {where!r} is {shown}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _as_text(result: object) -> str:
    return result if isinstance(result, str) else to_json(result).decode()
