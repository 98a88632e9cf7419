"""Stop sequences, kept for models that are not told of them. Knows nothing of runs or upstreams."""

from __future__ import annotations

from collections.abc import Sequence

from parcae.gateway.dialect import Document, list_of


def stops_of(document: Document) -> Sequence[str]:
    """What ends the reply's text: OpenAI's `stop`, one text or several, or Anthropic's `stop_sequences`."""
    given = document.get("stop") or document.get("stop_sequences")
    return [one for one in ([given] if isinstance(given, str) else list_of(given)) if isinstance(one, str) and one]


class Until:
    """Lets text through, in whatever pieces it comes, up to the stop that is whole first."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = stops, ""
        self.met = False

    def take(self, text: str) -> str:
        """What may be shown now: not what a stop may have begun in."""
        held = "" if self.met else self._held + text
        found = [(start + len(stop), start) for stop in self._stops if (start := held.find(stop)) >= 0]
        if found:
            self.met, self._held = True, ""
            return held[: min(found)[1]]
        kept = max((self._begun(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - kept :]
        return held[: len(held) - kept]

    def rest(self) -> str:
        """What was held back, if the text is over."""
        rest, self._held = self._held, ""
        return rest

    @staticmethod
    def _begun(text: str, stop: str) -> int:
        """How many letters at the end of `text` begin `stop`."""
        return next((size for size in range(len(stop) - 1, 0, -1) if text.endswith(stop[:size])), 0)
