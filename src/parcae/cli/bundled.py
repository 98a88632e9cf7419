"""Whether a project is the example that ships with Parcae: only that one may run without a sandbox unasked."""

from __future__ import annotations

import hashlib
from pathlib import Path

FINGERPRINT = "68b3b38c2461c7b38765ccbc1a7411eb8cd0cc0adf2a91ecfff31c85f4986b68"


def is_bundled(repo: Path) -> bool:
    """Whether `repo` holds exactly the files of our example."""
    return repo.is_dir() and fingerprint(repo) == FINGERPRINT


def fingerprint(repo: Path) -> str:
    """SHA-256 over names and contents of the project's files; caches and hidden files do not count."""
    digest = hashlib.sha256()
    for file in sorted(repo.rglob("*")):
        parts = file.relative_to(repo).parts
        if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            digest.update("/".join(parts).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
