"""A model that can be looked at and never asked: for showing what was done without keys or network."""

from __future__ import annotations

from parcae.core.errors import CallerMistake
from parcae.core.protocols import ModelCard, OnText, Reply, Request


class SilentModel:
    """Has a card and refuses every request."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Refuse.

        Raises:
            CallerMistake: always.
        """
        raise CallerMistake(f"{self.card.name} was opened to be looked at", "go on with `parcae runs resume`")
