"""Every error that Parcae raises on purpose. This module knows nothing of who raises them.

    ParcaeError
    ├── CallerMistake            exit 2   the input was wrong: fix it and call again
    ├── OutsideFailed                     the world failed: some of these may be tried again
    │   ├── ProviderFailed       exit 4   a model's provider refused, broke or timed out
    │   │   └── OutcomeUnknown            the call may have been billed: it settles at its worst case
    │   ├── SandboxFailed        exit 5   the sandbox is missing or broke
    │   └── StoreFailed          exit 6   the journal could not be read or written
    └── LimitReached             exit 3   a limit that the user set was reached
        └── BudgetExceeded                the next call would not fit; it was not sent

Facts sit in `args`, so that every error pickles; the sentence is made in `__str__` and ends with the cure.
"""

from __future__ import annotations

from typing import ClassVar


class ParcaeError(Exception):
    """What went wrong, with which values, and what to do next."""

    exit_code: ClassVar[int] = 2


class CallerMistake(ParcaeError):
    """The input was wrong. `args` is (what happened, the cure)."""

    exit_code = 2

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what, cure)
        self.what, self.cure = what, cure

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


class OutsideFailed(ParcaeError):
    """Something outside this process failed. `args` is (what happened, the cure)."""

    exit_code = 4

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what, cure)
        self.what, self.cure = what, cure

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


class ProviderFailed(OutsideFailed):
    """A model's provider refused, broke or timed out, and nothing of it was billed.

    `retry_after_seconds` is what the provider asked for; None if it did not say. `may_retry` is True for
    429, 5xx and broken connections.
    """

    exit_code = 4

    def __init__(
        self, what: str, cure: str = "", *, may_retry: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(what, cure)
        self.may_retry, self.retry_after_seconds = may_retry, retry_after_seconds

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _rebuild,
            (
                type(self),
                self.args,
                {"may_retry": self.may_retry, "retry_after_seconds": self.retry_after_seconds},
            ),
        )


class OutcomeUnknown(ProviderFailed):
    """A call whose outcome nobody knows (timeout, cut stream): it may have been billed in full."""


class SandboxFailed(OutsideFailed):
    """Generated code cannot be run in a sandbox here."""

    exit_code = 5


class StoreFailed(OutsideFailed):
    """The journal could not be read or written."""

    exit_code = 6


class LimitReached(ParcaeError):
    """A limit that the user set was reached; what was found so far is kept."""

    exit_code = 3


class BudgetExceeded(LimitReached):
    """The next call could cost more than what is left in `account`. It was not sent."""

    def __init__(self, account: str, unit: str, spent: float, limit: float, next_call: float) -> None:
        super().__init__(account, unit, spent, limit, next_call)
        self.account, self.unit, self.spent, self.limit, self.next_call = (
            account,
            unit,
            spent,
            limit,
            next_call,
        )

    def __str__(self) -> str:
        def show(value: float) -> str:
            return f"${value:.4f}" if self.unit == "usd" else f"{value:g} {self.unit}"

        return (
            f"account {self.account!r}: the next call may need {show(self.next_call)}, but {show(self.spent)} of "
            f"{show(self.limit)} is spent or reserved; raise `--budget` or the plan's limit, or lower `--samples`"
        )


def _rebuild(kind: type[ParcaeError], args: tuple[object, ...], facts: dict[str, object]) -> ParcaeError:
    return kind(*args, **facts)
