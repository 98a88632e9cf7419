"""What a client shows beside plain text, as pydantic-ai's own content: pictures, sounds, papers, in the order shown.

Nothing is dropped: what cannot be carried to another provider (a file that one provider keeps) is named in words.
Knows nothing of turns or runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from parcae.gateway.dialect import Document, list_of, object_of, text_of
from parcae.gateway.refusal import bad

if TYPE_CHECKING:
    from pydantic_ai.messages import UserContent

_TEXTS = ("text", "input_text", "output_text", "refusal")
_PICTURES = ("image", "image_url", "input_image", "computer_screenshot")
_PAPERS = ("document", "file", "input_file")


def shown(content: object) -> str | list[UserContent]:
    """A content as the wire had it: one text if nothing else was shown. Raises Refusal (400): data that is no base64.

    Tool results within it are passed over: they are no content of their own.
    """
    if isinstance(content, str):
        return content
    parts = [part for part in map(object_of, list_of(content)) if part.get("type") != "tool_result"]
    if all(text_of(part.get("type")) in _TEXTS for part in parts):
        return "".join(map(_text, parts))
    return [item for part in parts for item in _items(part)]


def _text(part: Document) -> str:
    return text_of(part.get("text")) or text_of(part.get("refusal"))


def _items(part: Document) -> Sequence[UserContent]:
    kind, source = text_of(part.get("type")), object_of(part.get("source"))
    if kind in _TEXTS:
        return [_text(part)] if _text(part) else []
    titles = [text for text in (text_of(part.get("title")), text_of(part.get("source"))) if text]
    if kind == "document" and source.get("type") == "text":
        return ["\n".join([*titles, text_of(source.get("data"))])]
    inner = source.get("content") if kind == "document" else part.get("content")
    if inner:
        said = shown(inner)
        return [*titles, *([said] if isinstance(said, str) else said)]
    if kind == "input_audio":
        sound = object_of(part.get("input_audio"))
        return [_held(f"data:audio/{text_of(sound.get('format'))};base64,{text_of(sound.get('data'))}")]
    url = _url(part, source)
    if url.startswith("data:"):
        return [_held(url)]
    return (
        [_linked(kind, url)] if url and kind in (*_PICTURES, *_PAPERS) else [f"[a part of type {kind!r} is left out]"]
    )


def _url(part: Document, source: Document) -> str:
    """Where a picture or a paper is: an address, or itself as a data URI; nothing where only its provider has it."""
    if source.get("data"):
        return f"data:{text_of(source.get('media_type'))};base64,{text_of(source.get('data'))}"
    image, file = part.get("image_url"), object_of(part.get("file")) or part
    data = text_of(file.get("file_data"))
    if data and not data.startswith("data:"):
        data = f"data:application/pdf;base64,{data}"
    given = (image, object_of(image).get("url"), source.get("url"), data, file.get("file_url"))
    return next(filter(None, map(text_of, given)), "")


def _held(uri: str) -> UserContent:
    from pydantic_ai.messages import BinaryContent

    try:
        return BinaryContent.from_data_uri(uri)
    except ValueError as error:
        raise bad(f"an image or a file cannot be read: {error}", "invalid_image") from None


def _linked(kind: str, url: str) -> UserContent:
    from pydantic_ai.messages import DocumentUrl, ImageUrl

    return ImageUrl(url=url) if kind in _PICTURES else DocumentUrl(url=url, media_type="application/pdf")
