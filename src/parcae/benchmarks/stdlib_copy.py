"""Modules of the running Python's standard library, copied under another name, so that they can be broken safely.

Imports among copied modules lead to the copies; accelerators in C are made unavailable, so that the Python code runs.
Nothing of it is kept in this project: the copies are made where they are asked for.
"""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "pylib"
NO_ACCELERATOR = "no_accelerator"  # a name that nothing has: importing from it fails as where the C module is missing
_ACCELERATORS = {"_json", "_heapq", "_bisect", "_statistics", "_pickle", "_elementtree", "_datetime", "_operator"}
COPIED = [
    "argparse",
    "ast",
    "base64",
    "bisect",
    "calendar",
    "cmd",
    "codeop",
    "colorsys",
    "configparser",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "difflib",
    "email",
    "filecmp",
    "fnmatch",
    "fractions",
    "functools",
    "getopt",
    "gettext",
    "glob",
    "graphlib",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "http",
    "imaplib",
    "ipaddress",
    "json",
    "keyword",
    "linecache",
    "logging",
    "mailbox",
    "mimetypes",
    "netrc",
    "nturl2path",
    "numbers",
    "opcode",
    "optparse",
    "pickle",
    "pickletools",
    "pkgutil",
    "plistlib",
    "posixpath",
    "pprint",
    "queue",
    "quopri",
    "random",
    "re",
    "reprlib",
    "rlcompleter",
    "sched",
    "selectors",
    "shlex",
    "smtplib",
    "statistics",
    "string",
    "stringprep",
    "tabnanny",
    "tarfile",
    "textwrap",
    "token",
    "tokenize",
    "tomllib",
    "traceback",
    "types",
    "typing",
    "urllib",
    "uuid",
    "wsgiref",
    "xml",
    "xmlrpc",
    "zipfile",
    "zipapp",
    "contextlib",
    "enum",
    "operator",
    "_pydecimal",
    "_markupbase",
    "_strptime",
    "genericpath",
    "ntpath",
    "stat",
    "sre_compile",
    "sre_parse",
    "sre_constants",
    "weakref",
    "_weakrefset",
    "collections",
]
# these must stay the interpreter's own: two copies of such a class would not know each other
_SHARED = {"enum", "types", "typing", "weakref", "_weakrefset"}


def copied() -> frozenset[str]:
    """The top-level modules that are copied, as far as this Python has them."""
    library = library_folder()
    names = set(COPIED) - _SHARED
    return frozenset(name for name in names if (library / name).is_dir() or (library / f"{name}.py").is_file())


def library_folder() -> Path:
    """Where this Python keeps its standard library."""
    return Path(sysconfig.get_path("stdlib"))


def copy_library(folder: Path) -> None:
    """Write the package PACKAGE, with all copied modules, into `folder`."""
    library, names = library_folder(), copied()
    root = folder / PACKAGE
    root.mkdir(parents=True)
    (root / "__init__.py").write_text('"""A library of everyday modules."""\n', encoding="utf-8")
    for name in sorted(names):
        for file in _files(library, name):
            target = root / file.relative_to(library)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(redirected(file.read_text(encoding="utf-8"), names), encoding="utf-8")


def _files(library: Path, name: str) -> Iterable[Path]:
    if (library / name).is_dir():
        return (
            file
            for file in sorted((library / name).rglob("*.py"))
            if not {"__pycache__", "test", "tests"} & set(file.parts)
        )
    return (library / f"{name}.py",)


def redirected(source: str, names: frozenset[str]) -> str:
    """The source with its imports of `names` led to the copies; every line keeps its number."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            target = _target(node.module, names)
            if target != node.module:
                pattern = rf"from(\s+){re.escape(node.module)}(\s)"
                lines[node.lineno - 1] = re.sub(pattern, rf"from\g<1>{target}\g<2>", lines[node.lineno - 1], count=1)
        elif isinstance(node, ast.Import) and node.lineno == node.end_lineno:
            written = "; ".join(_imported(alias, names) for alias in node.names)
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line[: node.col_offset] + written + line[node.end_col_offset or len(line) :]
    return "".join(lines)


def _target(module: str, names: frozenset[str]) -> str:
    top = module.partition(".")[0]
    if top in _ACCELERATORS:
        return f"{PACKAGE}.{NO_ACCELERATOR}"
    return f"{PACKAGE}.{module}" if top in names else module


def _imported(alias: ast.alias, names: frozenset[str]) -> str:
    top, _, rest = alias.name.partition(".")
    bound = f" as {alias.asname}" if alias.asname else ""
    if top in _ACCELERATORS:
        return f"from {PACKAGE}.{NO_ACCELERATOR} import {top}{bound}"
    if top not in names:
        return f"import {alias.name}{bound}"
    if not rest:
        return f"from {PACKAGE} import {top}{bound}"
    if alias.asname:
        package, _, last = alias.name.rpartition(".")
        return f"from {PACKAGE}.{package} import {last}{bound}"
    return f"import {PACKAGE}.{alias.name}; from {PACKAGE} import {top}"
