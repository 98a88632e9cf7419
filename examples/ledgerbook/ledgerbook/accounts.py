"""Names of accounts: parts joined by colons, the kind first."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("assets", "liabilities", "equity", "income", "expenses")
GROWS_BY_CREDIT = ("liabilities", "equity", "income")


class BadAccount(ValueError):
    """A name that is no account."""


@dataclass(frozen=True, order=True)
class Account:
    """An account such as assets:stock:tea."""

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, name: str) -> Account:
        """Read "assets:bank"; the first part must be a kind."""
        parts = tuple(part.strip().lower() for part in name.split(":"))
        if parts[0] not in KINDS or not all(parts):
            raise BadAccount(f"{name!r} is no account; it begins with one of {', '.join(KINDS)}")
        return cls(parts)

    @property
    def kind(self) -> str:
        """The kind, such as "assets"."""
        return self.parts[0]

    def holds(self, other: Account) -> bool:
        """Whether `other` is this account or one below it."""
        return other.parts[: len(self.parts)] == self.parts

    def natural_sign(self) -> int:
        """1 for accounts that grow by debit, -1 for those that grow by credit."""
        return -1 if self.kind in GROWS_BY_CREDIT else 1

    def __str__(self) -> str:
        return ":".join(self.parts)
