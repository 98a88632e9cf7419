"""The type of options that name a file to write: what could not be written is refused before any work is done."""

from __future__ import annotations

import os
from pathlib import Path

import click

from parcae.store.whole import check_place


class OutputFile(click.Path):
    """A file that may be new or replaced; no folder, no device, and in a folder that can be written to."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The Path, checked.

        Raises:
            CallerMistake, StoreFailed: see `check_place`.
        """
        file = super().convert(value, param, ctx)
        assert isinstance(file, Path)
        check_place(file)
        return file


OUTPUT_FILE = OutputFile()
