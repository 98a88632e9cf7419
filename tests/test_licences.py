"""Everything that `pip install parcae` brings must have a licence that a company can live with."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

ALLOWED = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL-2\.0|Mozilla Public License 2\.0|0BSD|Unlicense|Zlib"
    r"|GPL-2\.0-only WITH GCC-exception-2\.0|GPLv2 with linking exception",
    re.IGNORECASE,
)
LOCK = Path(__file__).parents[1] / "requirements" / "run.txt"


def locked() -> list[str]:
    names = []
    for line in LOCK.read_text().splitlines():
        found = re.match(r"([A-Za-z0-9_.-]+)==\S+(?:\s*;\s*(.*?))?\s*\\?$", line)
        if found and (not found[2] or Marker(found[2].rstrip(" \\")).evaluate()):
            names.append(found[1])
    return names


def licence(name: str) -> str:
    about = metadata.metadata(name)
    classifiers = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    return " ".join([about.get("License-Expression") or "", (about.get("License") or "")[:200], *classifiers])


def test_every_locked_dependency_has_an_allowed_licence() -> None:
    names = locked()
    assert len(names) > 20
    assert {name: licence(name) for name in names if not ALLOWED.search(licence(name))} == {}
