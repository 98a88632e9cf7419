"""Sets top-level fields of a JSON object in its bytes, so that whatever nobody understands goes on as it came.

Knows nothing of protocols. Where the bytes are not plain (a key twice, a key written with escapes), the parsed
document is written anew, so that the upstream never reads another value than the gateway did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pydantic_core

_HOLE = b"\x00"  # never in JSON
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


def splice(
    body: bytes, document: Mapping[str, object], edits: Mapping[str, object], gap: tuple[int, int] | None = None
) -> bytes:
    """`body` with `edits` set; `document` is `body` parsed.

    `gap`: a part of it, within one field, that nobody needs to look at; `document` may lack what stands there.
    """
    if gap is not None:
        start, end = gap
        outside = body[:start] + _HOLE + body[end:]
        if outside.count(_HOLE) == 1 and _is_plain(outside, edits):
            before, hole, after = _spliced(outside, document, edits).partition(_HOLE)
            if hole:
                return before + body[start:end] + after
        document = pydantic_core.from_json(body)
    return _spliced(body, document, edits)


def _spliced(body: bytes, document: Mapping[str, object], edits: Mapping[str, object]) -> bytes:
    edits = {name: value for name, value in edits.items() if document.get(name) != value or name not in document}
    if not edits:
        return body if _is_plain(body, ()) else _rewritten(document, {})
    added = {name: value for name, value in edits.items() if name not in document}
    replaced = edits.keys() - added.keys()
    if replaced - {"model"} or not _is_plain(body, edits):
        return _rewritten(document, edits)
    if replaced:
        body = _model_replaced(body, document, edits)
    if not added:
        return body
    front = pydantic_core.to_json(added)[:-1]
    start = body.index(b"{") + 1
    return front + (b"," if document else b"") + body[start:]


def _model_replaced(body: bytes, document: Mapping[str, object], edits: Mapping[str, object]) -> bytes:
    found = _MODEL.search(body)
    if found is None or pydantic_core.from_json(found[1]) != document["model"]:
        return _rewritten(document, {"model": edits["model"]})
    return body[: found.start(1)] + pydantic_core.to_json(edits["model"]) + body[found.end(1) :]


def _is_plain(body: bytes, names: Mapping[str, object] | tuple[str, ...]) -> bool:
    """Whether each of `names`, and `model`, stands in the body at most once and no letter is written as an escape."""
    if _ESCAPED_LETTER.search(body) is not None:
        return False
    return all(body.count(b'"%b"' % name.encode()) <= 1 for name in {"model", "max_tokens", *names})


def _rewritten(document: Mapping[str, object], edits: Mapping[str, object]) -> bytes:
    return pydantic_core.to_json({**document, **edits})
