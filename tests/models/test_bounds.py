"""The bound of a prompt counts every byte, and room for what breaks a chat template's own marks."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart

from parcae.models import bounds


def bound(text: str) -> int:
    return bounds.message_bound(ModelRequest(parts=[UserPromptPart(content=text)]))


@pytest.mark.parametrize("mark", bounds._TOKEN_MARKS)
def test_every_mark_has_room_for_what_breaks_it(mark: str) -> None:
    assert bound(f"a{mark}b") - bound("") == len(f"a{mark}b".encode()) + bounds.JOINER_BYTES * _marks_in(mark)


def test_text_without_a_mark_counts_its_bytes() -> None:
    assert bound("käse") - bound("") == 5


def _marks_in(text: str) -> int:
    return sum(text.count(mark) for mark in bounds._TOKEN_MARKS)
