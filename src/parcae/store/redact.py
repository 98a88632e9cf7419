"""Keeps secrets out of what is written: keys by their shape, and the words that the user named.

Looked for in the finished text, so that no field is forgotten. A cheap search for a few letters comes first: nearly
all texts hold none of them. Knows nothing of events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

HIDDEN = "[redacted]"
_HINTS = (b"sk-", b"AIza", b"AKIA", b"gh", b"xox", b"earer ", b"uthorization", b"UTHORIZATION", b"api", b"PRIVATE KEY")
_SHAPES = (
    rb"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic, OpenRouter and others
    rb"\bAIza[0-9A-Za-z_-]{30,}",  # Google
    rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS
    rb"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",  # GitHub
    rb"\bxox[abprs]-[A-Za-z0-9-]{10,}",  # Slack
    rb"(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{8,})",
    rb"(?i:(?<=authorization: )(?!bearer )[^\"\\\r\n]{8,})",
    rb"(?i:(?<=authorization\\\": \\\")(?!bearer )[^\"\\]{8,})|(?i:(?<=authorization\": \")(?!bearer )[^\"\\]{8,})",
    rb"(?i:(?<=x-api-key: )[^\"\\\s]{8,})|(?i:(?<=api_key=)[^\"\\\s&]{8,})",
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-\"]|\\n)*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
)
_SHAPE = re.compile(b"|".join(_SHAPES))


class Redactor:
    """Replaces secrets by "[redacted]". `words` are the user's own: keys in use, names, whatever they listed."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        kept = sorted({word for word in words if len(word.strip()) >= 4}, key=len, reverse=True)
        escaped = [json.dumps(word, ensure_ascii=False)[1:-1].encode() for word in kept]
        plain = [word.encode() for word in kept]
        self._words = tuple(dict.fromkeys([*escaped, *plain]))

    def json(self, text: bytes) -> bytes:
        """JSON text without secrets; still JSON."""
        for word in self._words:
            if word in text:
                text = text.replace(word, HIDDEN.encode())
        for hint in _HINTS:
            if hint in text:
                return _SHAPE.sub(HIDDEN.encode(), text)
        return text

    def text(self, text: str) -> str:
        """Any text without secrets."""
        return self.json(text.encode("utf-8", "replace")).decode()
