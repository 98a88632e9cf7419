"""A file is there whole or not at all, and nothing but a regular file is ever replaced."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from parcae.core.errors import CallerMistake, StoreFailed
from parcae.store.whole import check_place, write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "new" / "page.html"
    check_place(file)
    assert not file.parent.exists()
    for content in ("one", b"two"):
        write_whole(file, content)
    assert file.read_bytes() == b"two" and list(file.parent.iterdir()) == [file]


def test_a_folder_and_a_pipe_are_refused_by_both_and_stay_what_they_are(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place, what in ((tmp_path, "is a folder"), (pipe, "is no regular file")):
        for refuse in (check_place, lambda file: write_whole(file, "text")):
            with pytest.raises(CallerMistake, match=what):
                refuse(place)
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_what_is_read_is_not_replaced_by_whatever_name(tmp_path: Path) -> None:
    read, other = tmp_path / "runs.jsonl.gz", tmp_path / "link"
    read.write_text("precious")
    other.symlink_to(read)
    for file in (read, other, tmp_path / "." / "runs.jsonl.gz"):
        with pytest.raises(CallerMistake, match="would replace what is read"):
            check_place(file, inputs=(read,))
    check_place(tmp_path / "page.html", inputs=(read, tmp_path / "missing"))


def test_a_file_in_what_is_no_folder_is_refused_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CallerMistake, match="file is no folder"):
        check_place(tmp_path / "file" / "deeper" / "page.html")


def test_a_write_that_fails_halfway_leaves_what_was_there_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("precious")
    soft, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
        with pytest.raises(StoreFailed, match="cannot be written"):
            write_whole(file, "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))
    assert file.read_text() == "precious" and list(tmp_path.iterdir()) == [file]
