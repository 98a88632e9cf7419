"""Keeps secrets out of what is written: keys by their shape, and the words that the user named.

Looked for in the finished text, so that no field is forgotten. A cheap search for a few letters comes first: nearly
all texts hold none of them. Knows nothing of events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

HIDDEN = "[redacted]"
# a few letters that every secret of a kind holds, and its shape; a shape that begins with plain letters is found fast
_KINDS = tuple(
    (hint, re.compile(shape))
    for hint, shape in (
        (b"sk-", rb"sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9_-]{16,}"),  # OpenAI, Anthropic, OpenRouter and others
        (b"AIza", rb"AIza[0-9A-Za-z_-]{30,}"),  # Google
        (b"AKIA", rb"AKIA[0-9A-Z]{16}"),  # AWS
        (b"ASIA", rb"ASIA[0-9A-Z]{16}"),
        (b"ghp_", rb"ghp_[A-Za-z0-9]{30,}"),  # GitHub
        (b"gho_", rb"gho_[A-Za-z0-9]{30,}"),
        (b"ghs_", rb"ghs_[A-Za-z0-9]{30,}"),
        (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{30,}"),
        (b"xox", rb"xox[abeprs]-[A-Za-z0-9-]{10,}"),  # Slack
        (b"hf_", rb"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{30,}"),  # Hugging Face
        (b"earer ", rb"earer [A-Za-z0-9._~+/=-]{8,}"),
        (b"uthorization", rb"uthorization(?:\\?[\"'])? ?[:=] ?(?:\\?[\"'])?(?!B?b?earer \[)[^\"'\\\r\n]{8,}"),
        (b"UTHORIZATION", rb"UTHORIZATION(?:\\?[\"'])? ?[:=] ?(?:\\?[\"'])?[^\"'\\\r\n]{8,}"),
        (b"pi-", rb"pi-[kK]ey(?:\\?[\"'])? ?[:=] ?(?:\\?[\"'])?[^\"'\\\s]{8,}"),
        (b"API_KEY", rb"API_KEY(?:\\?[\"'])? ?[:=] ?(?:\\?[\"'])?[^\"'\\\s]{8,}"),
        (b"PRIVATE KEY", rb"PRIVATE KEY-----(?:[^-\"]|\\n)*"),
    )
)
_ANY_HINT = re.compile(b"|".join(re.escape(hint) for hint, _ in _KINDS))
SHORT_BYTES = 256  # up to here one search for all hints is faster than one for each
_NAMED = re.compile(
    rb"^(earer |uthorization|UTHORIZATION|pi-[kK]ey|API_KEY|PRIVATE KEY-----)((?:\\?[\"'])? ?[:=]? ?(?:\\?[\"'])?)"
)


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NUMBER = re.compile(rb"[0-9.eE+-]+")


def _is_bare(word: bytes) -> bool:
    """Whether it may be part of JSON outside of strings."""
    return _NUMBER.fullmatch(word) is not None or any(word in one for one in (b"true", b"false", b"null"))


class Redactor:
    """Replaces secrets by "[redacted]". `words` are the user's own: keys in use, names, whatever they listed."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._given: frozenset[str] = frozenset()
        self._words: tuple[bytes, ...] = ()
        self._bare: tuple[bytes, ...] = ()
        self.hide(*words)

    def hide(self, *words: str) -> None:
        """Replace these from now on too."""
        self._given |= {word for word in words if len(word.strip()) >= 4}
        kept = sorted(self._given, key=len, reverse=True)
        escaped = [json.dumps(word, ensure_ascii=False)[1:-1].encode() for word in kept]
        plain = [word.encode() for word in kept]
        forms = dict.fromkeys([*escaped, *plain])
        self._bare = tuple(form for form in forms if _is_bare(form))
        self._words = tuple(form for form in forms if not _is_bare(form))

    def json(self, text: bytes) -> bytes:
        """JSON text without secrets; still JSON, so a word that is a number is hidden where it stands in a string."""
        text = self._without(text)
        for word in self._bare:
            if word in text:
                text = _in_strings(text, word)
        return text

    def _without(self, text: bytes) -> bytes:
        """Without all but bare words, which come last: they may be part of the others, and never the other way."""
        if len(text) < SHORT_BYTES and not self._words and _ANY_HINT.search(text) is None:
            return text
        for word in self._words:
            if word in text:
                text = text.replace(word, HIDDEN.encode())
        for hint, shape in _KINDS:
            if hint in text:
                text = shape.sub(_hidden, text)
        return text

    def lines(self, texts: Sequence[bytes]) -> list[str]:
        """Several JSON texts, each on one line, without secrets."""
        return self.json(b"\n".join(texts)).decode().split("\n")

    def text(self, text: str) -> str:
        """Any text without secrets."""
        raw = self._without(text.encode("utf-8", "replace"))
        for word in self._bare:
            raw = raw.replace(word, HIDDEN.encode())
        return raw.decode()


def _in_strings(text: bytes, word: bytes) -> bytes:
    return _STRING.sub(lambda found: found[0].replace(word, HIDDEN.encode()), text)


def _hidden(found: re.Match[bytes]) -> bytes:
    """The marker, after the name of what was hidden if the match holds it: `Authorization: [redacted]`."""
    named = _NAMED.match(found[0])
    return HIDDEN.encode() if named is None else named[0] + HIDDEN.encode()
