"""The request log: one JSON line for each request, who asked and what became of it, without content and secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Clock
from parcae.store.redact import Redactor


class RequestLog:
    """Appends to a file, which is opened for each line, so that it may be rotated at any time.

    Raises:
        CallerMistake: the file cannot be written.
    """

    def __init__(self, file: Path, secrets: Iterable[str], clock: Clock) -> None:
        self._file, self._redactor, self._clock = file, Redactor(secrets), clock
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        except OSError as error:
            raise CallerMistake(
                f"the request log {file} cannot be written: {error.strerror}", "name another `log`"
            ) from None

    def write(self, about: Mapping[str, object]) -> None:
        """One line; a full disk costs the line, not the request."""
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        told = json.dumps({"at": at, **about}, ensure_ascii=False).encode("utf-8", "replace")
        [line] = self._redactor.lines([told])
        try:
            with self._file.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")
        except OSError:
            return
