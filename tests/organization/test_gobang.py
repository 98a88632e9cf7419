"""The scripted Gobang company before an oracle that clicks in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiments.organization.gobang import build
from experiments.organization.gobang_oracle import CHECKS, browser, checked
from tests.conftest import missing


@pytest.fixture
def page(tmp_path: Path) -> Path:
    if browser() is None:
        missing("a Chromium browser")
    folder = tmp_path / "page"
    folder.mkdir()
    return folder


async def test_with_reviews_and_monitors_the_game_passes_all_four_checks(page: Path) -> None:
    ending = await build(page, watched=True)
    assert ending is not None and ending.reason == "answered"
    assert checked(page) == dict.fromkeys(CHECKS, True)


async def test_without_them_the_defects_of_the_first_drafts_stay(page: Path) -> None:
    await build(page, watched=False)
    assert sum(not passed for passed in checked(page).values()) >= 2
