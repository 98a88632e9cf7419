"""The whole idea of the system: a Worker does a Task one Step at a time, and can be resumed with another Model.

Hotswap is resuming with another model; crash recovery is resuming with the same one; a fork is resuming several times.
The seams here are all that the parts know of each other. Nothing here does anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, Protocol, TypeVar, Union, runtime_checkable

from parcae.core.forecast import Forecast as Forecast
from parcae.core.task import Answer, Task
from parcae.core.trajectory import Step
from parcae.core.usage import Amount, Limits, Price, Usage
from parcae.core.workspace import Workspace as Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic_ai.messages import ModelMessage, ModelResponse

    from parcae.core.scope import Scope

JsonValue = Union[None, bool, int, float, str, Sequence["JsonValue"], Mapping[str, "JsonValue"]]  # noqa: UP007  # a forward reference
Effect = Literal["read", "workspace", "outside"]
Modality = Literal["text", "image", "audio", "document"]


# ---- models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a model reads of a tool, and what the loop knows of it.

    `parameters` is the JSON schema of the arguments object. `effect`: "read" changes nothing; "workspace" is undone by
    going back to the step's commit; "outside" is sent once and never repeated unasked (contract 4).
    `keyed`: the tool honours the idempotency key of its call, so it may be sent again after a crash. `waits`: its
    answer is not needed at once, so while several attempts compete it can wait in the outbox (contract 5).
    `max_chars`: a longer result is cut there, with a note; it bounds what an observation may cost.
    """

    name: str
    description: str
    parameters: Mapping[str, JsonValue] = field(
        default_factory=lambda: MappingProxyType({"type": "object", "properties": {}})
    )
    effect: Effect = "outside"
    keyed: bool = False
    waits: bool = False
    max_chars: int = 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model: the whole conversation, the tools it may call, and the settings.

    `max_tokens` is always sent and includes reasoning, so that the worst case is known before the call (contract 9).
    `seed` makes a model that honours it repeatable. `temperature` None leaves the provider's default.
    """

    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = ()
    max_tokens: int = 1024
    temperature: float | None = None
    seed: int | None = None
    timeout_seconds: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model said, and the tokens that its provider counted."""

    message: ModelResponse
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is known of a model before it is called. None is unknown: never 0.

    `nominal` prices are nobody's: see `Price`. `local` marks a model that runs on the user's own machines. `writes`:
    its provider may keep a prompt in its cache unasked, at the price of writing there.
    """

    name: str
    price: Price | None = None
    window_tokens: int | None = None
    parameters: float | None = None
    modalities: frozenset[Modality] = frozenset({"text"})
    local: bool = False
    writes: bool = True


class OnText(Protocol):
    """Takes each fragment of text as it streams in. Lossy: for eyes, never for decisions."""

    def __call__(self, fragment: str, /) -> None:
        """Show `fragment`."""
        ...


class Model(Protocol):
    """A language model, or anything that answers like one. Wrappers that add one behaviour are Models too."""

    @property
    def card(self) -> ModelCard:
        """Name, price and sizes."""
        ...

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer `request`; stream the text to `on_text` if given.

        Raises:
            ProviderFailed: nothing was billed; `may_retry` says whether trying again makes sense.
            OutcomeUnknown: the call may have been billed (timeout, cut stream).
        """
        ...


# ---- tools --------------------------------------------------------------------------------------------------------


class Tool(Protocol):
    """Something that an agent may do."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description, parameters and effect."""
        ...

    async def call(self, arguments: Mapping[str, JsonValue], scope: Scope, *, key: str) -> str:
        """Do it and say what came of it. `key` is the same whenever the same call is made again after a crash.

        Raises:
            ToolRefused: the arguments or the state do not allow it; the model reads the message and goes on.
        """
        ...


class ToolRefused(Exception):
    """A signal to the loop: the call could not be done; the message goes to the model as a tool error."""


# ---- workers ------------------------------------------------------------------------------------------------------


class Worker(Protocol):
    """Does a task one step at a time: a single agent, a group of attempts, or a whole organisation."""

    def attempt(self, task: Task, *, model: Model, so_far: Sequence[Step] = (), scope: Scope) -> AsyncIterator[Step]:
        """Yield the steps that follow `so_far`. Stop iterating to pause; close to cancel; call again to resume.

        `so_far` may end in an open step: its missing tool calls are completed first, and a reply that it holds is
        never asked for again. A step is yielded only when complete and durable, and nothing runs between yields. The
        last step carries the Ending.
        """
        ...


# ---- money --------------------------------------------------------------------------------------------------------


class Reservation(Protocol):
    """Money set aside for one call, in an account and in all above it, until it is settled."""

    @property
    def worst(self) -> Amount:
        """What is set aside."""
        ...

    def settle(self, actual: Amount | None) -> Event:
        """Free what was not used and return the event to append with the step that caused it.

        `actual` None means that the outcome is unknown: the worst case is spent. More than the worst case is an
        incident: it is booked in full and the account refuses further limited calls by that model.
        """
        ...


class Account(Protocol):
    """A node in the tree of accounts. Its limits bind it and everything below it."""

    @property
    def id(self) -> str:
        """The path of the account, equal to the id of the scope that owns it."""
        ...

    @property
    def spent(self) -> Amount:
        """What was settled here and below."""
        ...

    @property
    def limited(self) -> frozenset[str]:
        """The units ("usd", "tokens", "calls", "seconds") that a limit binds here or above.

        Empty: nobody needs to know what a call could cost at worst, so callers may reserve only `Amount(calls=1)`, and
        settling more than that is no incident. A model without a price is refused where "usd" is among them.
        """
        ...

    def child(self, name: str, limits: Limits = Limits()) -> Account:
        """The sub-account `name`; the same one whenever asked again."""
        ...

    async def reserve(self, worst: Amount, *, keep: Amount = Amount(), model: str = "") -> Reservation:
        """Set `worst` aside here and in every account above, durably, before the call is sent.

        `keep` replaces what this account keeps back for later (an attempt's final question): it counts as reserved,
        except for this account's own next reservation. Waits while calls are in flight whose settlement could make
        room.

        Raises:
            BudgetExceeded: it does not fit and nothing in flight could make room.
        """
        ...

    def release(self) -> None:
        """Keep nothing back any more: the attempt that owns this account is over, or paused for good."""
        ...

    async def close(self) -> None:
        """Give back what was reserved ahead here and below, durably. Raises StoreFailed if it cannot be written."""
        ...


# ---- journal ------------------------------------------------------------------------------------------------------


class Event(Protocol):
    """Something that happened: a frozen dataclass with a class attribute `kind`, such as "step.replied/1".

    `scope` is the id of the scope it happened in.
    """

    kind: ClassVar[str]

    @property
    def scope(self) -> str:
        """The id of the scope in which it happened."""
        ...


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, kw_only=True)
class Recorded(Generic[E]):
    """An event with its place in the journal: `seq` grows by commit order, `at` is in Unix seconds."""

    seq: int
    at: float
    event: E


class Journal(Protocol):
    """An append-only log of events. One process or many, SQLite or Postgres: readers cannot tell."""

    async def append(self, events: Sequence[Event]) -> None:
        """Write all of `events` or none. They are durable when this returns.

        Raises:
            StoreFailed: the disk is full, the file is damaged or locked by another run.
        """
        ...

    async def read(
        self, scope: str, kinds: Sequence[type[E]], *, after: int = 0, below: bool = True
    ) -> Sequence[Recorded[E]]:
        """The events of `kinds` in `scope` (and, if asked, below it), in order, with `seq` above `after`.

        The scope "" is above every run.
        """
        ...


# ---- forecasts and policies ---------------------------------------------------------------------------------------


class Watch(Protocol):
    """Follows the attempts at one task."""

    def add(self, attempt: int, step: Step) -> None:
        """Take in one more complete step of attempt number `attempt`."""
        ...

    def forecast(self) -> Forecast:
        """Equal to that of a watch that was fed the same steps from scratch."""
        ...


class Forecaster(Protocol):
    """Forecasts whether the vote over the attempts at a task will be wrong."""

    def watch(self, task: Task, samples: int) -> Watch:
        """Begin to follow `samples` attempts at `task`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that a policy may know: where each attempt stands, what was forecast, what was spent.

    `steps`, `ended`, `rungs` have one entry an attempt; so have `answers` (None: open, or stopped) and `costs_usd`
    (None is unknown) where somebody keeps them. `votes` are the answers of the attempts that ended and count.
    """

    steps: tuple[int, ...]
    ended: tuple[bool, ...]
    rungs: tuple[int, ...]
    votes: tuple[tuple[str, ...], ...]
    forecast: Forecast
    spent_usd: float | None
    ladder: tuple[str, ...]
    planned: int
    answers: tuple[tuple[str, ...] | None, ...] = ()
    costs_usd: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now.

    "carry_on": nothing. "stop": end the open attempts. "swap": at most `attempts` of them go on at `rung`, the others
    stop. "fork": so they do, each as `forks` futures. "start": `attempts` fresh ones at `rung`, open ones stop unless
    `keep_open`. "finish": vote now. `chosen`: which open ones are meant, best first; None: all. `why` is for people.
    """

    action: Literal["carry_on", "stop", "swap", "fork", "start", "finish"] = "carry_on"
    rung: int = 0
    attempts: int | None = None
    keep_open: bool = False
    why: str = ""
    chosen: tuple[int, ...] | None = None
    forks: int = 1


class Policy(Protocol):
    """Decides what to do with a group of attempts; a pure function of how things stand."""

    def pauses(self, standing: Standing) -> tuple[int | None, ...]:
        """For each attempt, the number of steps after which it waits for a decision; None: it may run to its end.

        0 keeps an attempt from starting. An attempt that has passed its number waits.
        """
        ...

    def decide(self, standing: Standing) -> Decision:
        """Called when every open attempt waits or has ended."""
        ...


@runtime_checkable
class Ranking(Protocol):
    """A policy that also says what the attempts agree on, for example because its votes have weights."""

    def answer(self, standing: Standing) -> Answer:
        """The names, best first, with their scores in [0, 1]."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32, shape (len(texts), dimensions); rows have length 1, or 0 for an empty text."""
        ...


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
