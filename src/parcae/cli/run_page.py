"""The page of an organisation's run, as a file that works without a server."""

from __future__ import annotations

from pathlib import Path

from parcae.core.protocols import ToolRefused
from parcae.organization.report import RunReport
from parcae.store.whole import write_whole
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
    write_whole(html, text)
    return html


def _text(branch: Branch, path: str) -> str | None:
    try:
        return branch.read(path).decode()
    except (ToolRefused, UnicodeDecodeError):
        return None
