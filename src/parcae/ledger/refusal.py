"""Why an account refuses a model. Knows nothing of accounts."""

from __future__ import annotations

from parcae.core.errors import BudgetExceeded


class ModelDistrusted(BudgetExceeded):
    """A model once reported more than its call could cost, so nothing can be promised of it. It was not called."""

    def __init__(self, account: str, model: str, what: str) -> None:
        super().__init__(account, "usd", 0.0, 0.0, 0.0)
        self.args = (account, model, what)
        self.model, self.what = model, what

    def __str__(self) -> str:
        return (
            f"account {self.account!r}: {self.model!r} reported {self.what}, so no limit can hold for it; "
            "swap to another model or run without limits"
        )
