"""What the gateway answers when it does not forward: a status, a code, a sentence. Knows nothing of wire formats."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "invalid_request", "unauthorized", "no_budget", "forbidden", "not_found", "too_large", "stopped", "busy", "upstream"
]


class Refusal(Exception):  # a signal to the request loop, not an error of the program
    """A request that gets an answer from the gateway itself; each dialect writes it in its protocol's own shape."""

    def __init__(
        self,
        status: int,
        kind: Kind,
        code: str,
        sentence: str,
        *,
        may_retry: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(status, kind, code, sentence)
        self.status, self.kind, self.code, self.sentence = status, kind, code, sentence
        self.may_retry, self.retry_after_seconds = may_retry, retry_after_seconds

    def __str__(self) -> str:
        return self.sentence


def bad(sentence: str, code: str = "invalid_request") -> Refusal:
    """The request was malformed."""
    return Refusal(400, "invalid_request", code, sentence)
