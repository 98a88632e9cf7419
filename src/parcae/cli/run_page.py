"""The page of an organisation's run, as a file that works without a server."""

from __future__ import annotations

from pathlib import Path

from parcae.core.errors import StoreFailed
from parcae.core.protocols import ToolRefused
from parcae.organization.report import RunReport
from parcae.workspace import Branch, Opened


def write_page(html: object, report: RunReport, opened: Opened) -> Path | None:
    """Write the page where `html` says, whole or not at all; None if it says nothing.

    Raises:
        StoreFailed: it cannot be written.
    """
    from parcae.web.company_page import company_page

    if not isinstance(html, Path):
        return None
    text = company_page(report, {one.path: _text(opened.main, one.path) for one in report.files})
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        draft = html.with_name(f".{html.name}.part")
        draft.write_text(text, encoding="utf-8")
        draft.replace(html)
    except OSError as error:
        raise StoreFailed(f"{html} cannot be written: {error.strerror}", "name another file") from error
    return html


def _text(branch: Branch, path: str) -> str | None:
    try:
        return branch.read(path).decode()
    except (ToolRefused, UnicodeDecodeError):
        return None
