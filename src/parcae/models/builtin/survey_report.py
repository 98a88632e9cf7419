"""Many notes become one summary, many summaries one report. Everything in them names its file and line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_COMPLEX = 10
MOST_DEAD = 25
MOST_NAMES = 12


@dataclass(slots=True, kw_only=True)
class Summary:
    """What several notes say together. `api` holds the first public names of each module."""

    modules: list[str] = field(default_factory=list)
    functions: int = 0
    classes: int = 0
    public: int = 0
    undocumented: int = 0
    decisions: int = 0
    import_statements: int = 0
    lines: int = 0
    imports: Counter[str] = field(default_factory=Counter)
    complex: list[tuple[int, str, str]] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    no_module_doc: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    api: dict[str, list[str]] = field(default_factory=dict)

    def add(self, document: Mapping[str, Any]) -> None:
        """Take in a note, or another summary."""
        if "modules" in document:
            self._add_summary(document)
        else:
            self._add_note(document)
        self.complex = sorted(self.complex, key=lambda one: (-one[0], one[1]))[:MOST_COMPLEX]

    def _add_note(self, note: Mapping[str, Any]) -> None:
        path = str(note["module"])
        self.modules.append(path)
        self.lines += note["lines"]
        if note["error"]:
            self.errors.append((path, note["error"]))
            return
        functions = [one for one in note["definitions"] if one[1] == "def"]
        public = [one for one in note["definitions"] if _public(one[2])]
        self.functions += len(functions)
        self.classes += len(note["definitions"]) - len(functions)
        self.public += len(public)
        self.undocumented += sum(not one[4] for one in public)
        self.decisions += sum(one[3] - 1 for one in functions) + note["decisions_outside"]
        self.import_statements += note["import_statements"]
        self.imports.update({name.split(".")[0] for name in note["imports"] if name and not name.startswith(".")})
        self.complex += [(one[3], f"{path}:{one[0]}", one[2]) for one in functions if one[3] > 1]
        self.dead += [(f"{path}:{line}", what) for line, what in note["dead"]]
        if not note["module_doc"]:
            self.no_module_doc.append(path)
        top = [f"{one[2]} ({one[0]})" for one in public if "." not in one[2]]
        self.api[path] = [*top[:MOST_NAMES], *([f"and {len(top) - MOST_NAMES} more"] if len(top) > MOST_NAMES else [])]

    def _add_summary(self, other: Mapping[str, Any]) -> None:
        self.modules += other["modules"]
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + other[name])
        self.imports.update(other["imports"])
        self.complex += [(one[0], one[1], one[2]) for one in other["complex"]]
        self.dead += [(one[0], one[1]) for one in other["dead"]]
        self.no_module_doc += other["no_module_doc"]
        self.errors += [(one[0], one[1]) for one in other["errors"]]

    def json(self) -> str:
        """As it is kept in a file; without the names of the API, which stand in the text beside it."""
        body = {name: getattr(self, name) for name in _NUMBERS}
        rest = {
            "modules": sorted(self.modules),
            **body,
            "imports": dict(sorted(self.imports.items())),
            "complex": self.complex,
            "dead": sorted(self.dead),
            "no_module_doc": sorted(self.no_module_doc),
            "errors": sorted(self.errors),
        }
        return json.dumps(rest, ensure_ascii=False) + "\n"


_NUMBERS = (
    "functions",
    "classes",
    "public",
    "undocumented",
    "decisions",
    "import_statements",
    "lines",
)


def summed(documents: Iterable[Mapping[str, Any]]) -> Summary:
    """All `documents` together, whatever their order."""
    total = Summary()
    for document in sorted(documents, key=lambda one: str(one.get("module") or one.get("modules"))):
        total.add(document)
    return total


def sentence(total: Summary) -> str:
    """A summary in one line."""
    return (
        f"{len(total.modules)} modules, {total.lines} lines: {total.functions} functions, {total.classes} classes, "
        f"{total.public} public of which {total.undocumented} without docstring, {total.decisions} decisions, "
        f"{len(total.dead)} findings of dead code, {total.import_statements} import statements"
    )


def rendered(title: str, total: Summary, parts: Sequence[tuple[str, str]] = ()) -> str:
    """A summary as Markdown; `parts` are the texts that go into detail, with a line each."""
    lines = [f"# {title}", "", f"{sentence(total)}.", ""]
    lines += _table(parts)
    lines += ["## Most complex functions", "", *(f"- {at} `{name}`: {count}" for count, at, name in total.complex), ""]
    lines += ["## Dead code", "", *(f"- {at}: {what}" for at, what in sorted(total.dead)[:MOST_DEAD])]
    if len(total.dead) > MOST_DEAD:
        lines.append(f"- and {len(total.dead) - MOST_DEAD} more, in the parts")
    lines += ["", "## Missing documentation", ""]
    lines.append(
        f"{total.undocumented} of {total.public} public names and {len(total.no_module_doc)} modules have no docstring."
    )
    lines += [f"- {path}" for path in sorted(total.no_module_doc)[:MOST_DEAD]]
    lines += ["", "## Dependencies", "", "Modules that import each, the most wanted first:", ""]
    # not `most_common`: names with equal counts would stand in the order of a set, which each process has anew
    wanted = sorted(total.imports.items(), key=lambda one: (-one[1], one[0]))
    lines += [f"- {name}: {count}" for name, count in wanted[:MOST_DEAD]]
    if total.errors:
        lines += ["", "## Not readable as Python", "", *(f"- {path}: {why}" for path, why in sorted(total.errors))]
    if total.api:
        lines += ["", "## Public names, with their lines", ""]
        lines += [f"- {path}: {', '.join(names) or 'none'}" for path, names in sorted(total.api.items())]
    return "\n".join(lines) + "\n"


def _table(parts: Sequence[tuple[str, str]]) -> list[str]:
    return ["## Parts", "", *(f"- [{path}]({path}): {said}" for path, said in sorted(parts)), ""] if parts else []


def _public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))
