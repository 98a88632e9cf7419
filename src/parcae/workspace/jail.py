"""Which names a path may have: relative, inside, and the same file on every system. Knows nothing of git.

Nothing here asks a file system: files are written into git's object store, so a path is only a list of names. What is
refused is what would mean something else when the tree is checked out: `..`, `.git` in any spelling that some file
system takes for it (CVE-2014-9390, CVE-2019-1352), names that look like others, names that some system cannot hold.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from parcae.core.protocols import ToolRefused

MOST_CHARS = 1024
MOST_BYTES_A_NAME = 255
_FORBIDDEN = re.compile(r'[\\\x00-\x1f\x7f:*?"<>|]')
_DEVICES = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$")
_SHORT_GIT = re.compile(r"(?i)^git~\d+$")
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@lru_cache(1 << 14)
def inside(path: str) -> tuple[str, ...]:
    """The names that make up `path`, in Unicode's composed form (NFC).

    Raises:
        ToolRefused: it is empty, absolute, leads outside, or has a name that is not safe on every system.
    """
    if not path.strip():
        raise ToolRefused("the path is empty; give one such as notes/plan.md")
    if len(path) > MOST_CHARS:
        raise ToolRefused(f"the path has {len(path)} characters; at most {MOST_CHARS} are allowed")
    path = path.removeprefix("./")
    if path.startswith(("/", "~")) or re.match(r"^[A-Za-z]:", path):
        raise ToolRefused(f"{path!r} is not relative; paths begin at the top of the workspace, such as notes/plan.md")
    return tuple(_safe(name, path) for name in path.removesuffix("/").split("/"))


def is_safe(names: tuple[str, ...]) -> bool:
    """Whether a file with these names can be named by `inside`."""
    try:
        return inside("/".join(names)) == names
    except ToolRefused:
        return False


def folder(path: str) -> tuple[str, ...]:
    """The names that lead to a folder; "" and "." are the top."""
    return () if path.strip() in ("", ".", "./", "/") else inside(path)


def _safe(name: str, path: str) -> str:
    if name in ("", ".", ".."):
        raise ToolRefused(f"{path!r} has {name!r} in it; name every folder, and nothing outside the workspace")
    plain = unicodedata.normalize("NFKC", name)
    if any(unicodedata.category(char) in _INVISIBLE for char in name):
        raise ToolRefused(f"{path!r} has an invisible character in it; use visible ones")
    if _FORBIDDEN.search(name) or _FORBIDDEN.search(plain) or "/" in plain:
        raise ToolRefused(f"{path!r} has a character in it that some systems forbid; use letters, digits and . _ -")
    if plain.strip(". ") == "" or name != name.rstrip(". "):
        raise ToolRefused(f"{path!r}: a name may not end in a dot or a space")
    bare = plain.strip(". ").lower()
    if (bare == "git" and plain.startswith(".")) or _SHORT_GIT.match(plain):
        raise ToolRefused(f"{path!r} is git's own folder, which is out of reach")
    if _DEVICES.match(plain):
        raise ToolRefused(f"{path!r} is the name of a device on some systems; choose another")
    if len(name.encode()) > MOST_BYTES_A_NAME:
        raise ToolRefused(f"{path!r}: a name may have at most {MOST_BYTES_A_NAME} bytes")
    return unicodedata.normalize("NFC", name)
