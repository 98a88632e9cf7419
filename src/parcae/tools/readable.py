"""The text of an HTML page, in one pass: however broken a page is, reading takes time in proportion to its length.

Python's own parser looks for the same end again and again where marks are never closed. Knows nothing of the web.
"""

from __future__ import annotations

import html
import re

# Each mark, once begun, ends at the latest with the page: so nothing is looked at twice.
_MARK = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<silent>script|style|noscript|template|svg)\b(?:[^>]*/>|.*?(?:</(?P=silent)\b[^>]*(?:>|\Z)|\Z))"
    r"|<[!?][^>]*(?:>|\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<rest>(?:[^>\"']+|\"[^\"]*\"|'[^']*')*(?:[\"'][^>]*)?)(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "article", "table", "ul"}
)
_HREF = re.compile(r"(?:^|[\s\"'])href\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)


def readable(page: str) -> str:
    """The text of a page: no scripts or styles, a line for each block, links as [text](address)."""
    text, last, link = list[str](), 0, ""
    for mark in _MARK.finditer(page):
        text.append(html.unescape(page[last : mark.start()]))
        last, name = mark.end(), (mark["name"] or "").lower()
        if name in _BLOCKS:
            text.append("\n")
        elif name == "a" and not mark["end"]:
            link = _address(mark["rest"])
            text.append("[" if link else "")
        elif name == "a" and link:
            text.append(f"]({link})")
            link = ""
    text.append(html.unescape(page[last:]))
    lines = (" ".join(line.split()) for line in "".join(text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _address(attributes: str) -> str:
    found = _HREF.search(attributes)
    value = "" if found is None else html.unescape(found[1] or found[2] or found[3] or "")
    return value if value.startswith(("http://", "https://", "/")) else ""
