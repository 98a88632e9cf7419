"""What the failing tests executed, as an agent asks for it: by package, by class, by signature; and names in answers.

A model rarely copies a signature to the letter: what can be meant in one way only is taken so, what can be meant in
several is asked back. Knows nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from parcae.core.protocols import ToolRefused
from parcae.tools.covered import Covered, Function
from parcae.tools.functions_in_source import source_lines

OUTSIDE = "."  # how the tools name what lies in no package
MOST_NAMED = 20
_NOISE = re.compile(r"^[\s\-*•>#`]*(?:\d+[.):]\s*)?[`*]*|[`*;,.\s]*$")
_NAME = re.compile(r"[A-Za-z_][\w.]*(?:#\d+)?")


class CoveredIndex:
    """The covered functions of one run, ready to be asked for."""

    def __init__(self, covered: Covered) -> None:
        names = {function.name for function in covered.functions}
        self._functions, self._passing = covered.functions, covered.passing
        self._by_name = {function.name: function for function in covered.functions}
        self._owners: dict[str, list[Function]] = {}
        self._packages: dict[str, dict[str, None]] = {}
        for function in covered.functions:
            owner = _owner(function, names)
            self._owners.setdefault(owner, []).append(function)
            self._packages.setdefault(function.package or OUTSIDE, {})[owner] = None

    # ---- the four tools

    def packages(self) -> str:
        """The packages, one a line."""
        return "\n".join(self._packages)

    def classes(self, package: str) -> str:
        """The classes and modules of `package`, one a line.

        Raises:
            ToolRefused: there is no such package.
        """
        package = package.strip() or OUTSIDE
        if package in self._packages:
            return "\n".join(self._packages[package])
        if package in self._owners:
            return f"{package} is no package but a class or module; its functions:\n{self.methods(package)}"
        raise ToolRefused(f"no package {package!r} was executed; known are {_listed(self._packages)}")

    def methods(self, owner: str) -> str:
        """The signatures of the functions of the class or module `owner`, one a line.

        Raises:
            ToolRefused: there is no such class, or several could be meant.
        """
        meant = self._owners_meant(owner.strip())
        if len(meant) == 1:
            lines = [listed(function, self._passing) for function in self._owners[meant[0]]]
            return "\n".join(lines if meant[0] == owner.strip() else [f"{meant[0]}:", *lines])
        if owner.strip() in self._packages:
            raise ToolRefused(f"{owner} is a package; its classes are {_listed(self._packages[owner.strip()])}")
        if meant:
            raise ToolRefused(f"{owner!r} can mean {_listed(meant)}; use one of these")
        near = get_close_matches(owner, self._owners, n=5, cutoff=0.4)
        raise ToolRefused(f"no class {owner!r} was executed; perhaps {_listed(near or self._owners)}")

    def snippet(self, signature: str) -> str:
        """The code of the function that `signature` means.

        Raises:
            ToolRefused: none is meant, or several could be.
        """
        meant = self.meant_by(signature)
        if len(meant) == 1:
            note = "" if _name_of(signature) == meant[0].name else f"Taken as {meant[0].signature}:\n"
            return note + _snippet(meant[0])
        if meant:
            raise ToolRefused(
                f"{signature!r} can mean several; use one of:\n"
                + "\n".join(one.signature for one in meant[:MOST_NAMED])
            )
        owners = self._owners_meant(_name_of(signature))
        if owners:
            functions = [function for owner in owners for function in self._owners[owner]]
            raise ToolRefused(
                f"{signature} is a class or module; ask for one of its functions:\n"
                + "\n".join(one.signature for one in functions[:MOST_NAMED])
            )
        near = get_close_matches(_name_of(signature), self._by_name, n=5, cutoff=0.5)
        hint = "perhaps:\n" + "\n".join(self._by_name[name].signature for name in near) if near else "list its class"
        raise ToolRefused(f"no function {signature!r} was executed by the failing tests; {hint}")

    # ---- what a text means

    def meant_by(self, signature: str) -> Sequence[Function]:
        """The functions that `signature` can mean, best kind of match first: exact, then by its end, then by name."""
        name = _name_of(signature)
        if name in self._by_name:
            return (self._by_name[name],)
        if not name:
            return ()
        by_end = [one for one in self._functions if one.name.endswith(f".{name}")]
        if by_end:
            return self._narrowed(by_end, signature)
        longer = [one for one in self._functions if name.endswith(f".{one.name}")]
        if longer:
            return longer
        last, _, owner = name.rpartition(".")[2], "", name.rpartition(".")[0].rpartition(".")[2]
        same = [one for one in self._functions if one.name.rpartition(".")[2] == last]
        own = [one for one in same if owner and owner in one.name.split(".")]
        return self._narrowed(own or same, signature)

    def names_in(self, text: str) -> tuple[str, ...]:
        """The functions that an answer names, one a line at best, in its order; what was never executed is left out."""
        found: dict[str, None] = {}
        for line in text.splitlines():
            meant = self.meant_by(_NOISE.sub("", line))
            if len(meant) != 1:
                meant = [self._by_name[name] for name in _NAME.findall(line) if name in self._by_name]
            for function in meant:
                found[function.name] = None
        return tuple(found)

    def _owners_meant(self, owner: str) -> Sequence[str]:
        if owner in self._owners:
            return (owner,)
        return [known for known in self._owners if owner and known.endswith(f".{owner}")]

    @staticmethod
    def _narrowed(functions: Sequence[Function], signature: str) -> Sequence[Function]:
        """The one whose arguments were copied to the letter, if there is just one."""
        arguments = _arguments_of(signature)
        same = [one for one in functions if arguments and _arguments_of(one.signature) == arguments]
        return same if len(same) == 1 else functions


def _owner(function: Function, functions: set[str]) -> str:
    """The class, or else the module, that `function` is listed under; a nested function's is that of the outer one."""
    owner = function.name.removesuffix(".setter").removesuffix(".deleter").rpartition(".")[0]
    while owner in functions and len(owner) > len(function.module):
        owner = owner.rpartition(".")[0]
    return owner


def _name_of(signature: str) -> str:
    text = _NOISE.sub("", signature.partition("(")[0]).removeprefix("async ").removeprefix("def ").strip()
    return text.replace("::", ".").replace(":", ".")


def _arguments_of(signature: str) -> str:
    inside = signature.partition("(")[2].rpartition(")")[0]
    return "".join(inside.split())


def listed(function: Function, passing: int) -> str:
    """The function's signature, and what else is known of who executes it. `passing`: see `Covered.passing`."""
    if function.only_at_import:
        return f"{function.signature}  [executed while importing only]"
    if not passing:
        return function.signature
    return f"{function.signature}  [executed by {function.passing_tests} of {passing} passing tests]"


def _snippet(function: Function) -> str:
    executed = set(function.covered_lines)
    lines = [f"{function.file}:{function.first_line}"]
    for number, line in enumerate(source_lines(function.source), start=function.first_line):
        lines.append(f"{number:>5} {'*' if number in executed else ' '} {line}".rstrip())
    return "\n".join(lines)


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(known[:MOST_NAMED]) + more
