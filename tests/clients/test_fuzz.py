from __future__ import annotations

import pytest
from tests.clients.fuzzing import fuzz

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(600)]


async def test_no_request_that_the_document_allows_or_forbids_breaks_the_gateway() -> None:
    """The short form of experiments/gateway/fuzz.py."""
    found = await fuzz(4)
    assert found.exit_code == 0, found.said[-6000:]
    assert any(status == 200 for _, status in found.statuses)
    assert not any(status >= 500 for _, status in found.statuses), found.statuses
