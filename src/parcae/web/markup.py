"""HTML that is safe by construction: every text is escaped on its way in. Knows nothing of pages."""

from __future__ import annotations

import html
from collections.abc import Iterable

_VOID = {"meta", "br", "hr", "img", "link", "input"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


class Markup(str):
    """Text that is HTML already. Only `tag` and `page` make it."""

    __slots__ = ()


Child = str | int | float | Iterable["Child"] | None


def tag(name: str, *children: Child, **attributes: str | int | float | None) -> Markup:
    """An element. Children that are not Markup are escaped; `class_` is `class`, and `_` in names is `-`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{_flat(children)}</{name}>")


def page(title: str, style: str, *body: Child) -> str:
    """A whole self-contained document: no script, no outside host, a strict content security policy."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _flat(children: Iterable[Child]) -> str:
    return "".join(_one(child) for child in children)


def _one(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        return html.escape(str(child), quote=False)
    return _flat(child)
