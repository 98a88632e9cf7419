"""When two answers to a question of mathematics are the same: forms of writing do not count, values do.

LaTeX and plain text are brought to one plain form; numbers are compared exactly, expressions by their values at a few
fixed points, tuples and intervals part by part, sets and lists in any order. Knows nothing of questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from parcae.benchmarks.math_expressions import values_of

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)")
_RATIO = re.compile(rf"\(*({_NUMBER.pattern})\)*(?:/\(*({_NUMBER.pattern})\)*)?")
_PLAIN_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_MARKED = re.compile(r"####\s*(.+)|(?:final )?answer(?: is|:)\s*\**(.+?)\**\.?\s*$", re.IGNORECASE | re.MULTILINE)
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_WORDED = re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf|textit|textrm)\s*\{([^{}]*)\}")
_UNITS = re.compile(
    r"([-+]?[\d.,/]+(?: \d+/\d+)?)(?:\s+(?!pi|sqrt)[a-zA-Z]{3,}|\s*(?:cm|mm|km|kg|ml))(?:[ .^\d]+[a-zA-Z]+)*(?:\^?\d)?"
)
_NAMED = re.compile(r"^[a-zA-Z](?:_\(?\w+\)?)?(?:\([a-z]\))?(?:=|∈)")
_SPACING = re.compile(r"\\(?:left|right|displaystyle|[bB]igg?[lr]?(?![a-zA-Z])|[!,;: ])|~|\\quad")
_PLAIN = (
    *(("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\cfrac", "\\frac"), ("\\$", ""), ("\\%", ""), ("%", "")),
    *(("^{\\circ}", ""), ("^\\circ", ""), ("\\degree", ""), ("°", ""), ("{,}", ","), ("$", ""), ("€", ""), ("£", "")),
    *(("\\cdot", "*"), ("\\times", "*"), ("×", "*"), ("·", "*"), ("\\div", "/"), ("÷", "/"), ("−", "-"), ("–", "-")),
    *(("\\pi", "pi"), ("π", "pi"), ("\\infty", "∞"), ("\\cup", "∪"), ("\\in", "∈"), ("\\{", "⟨"), ("\\}", "⟩")),
    *(("\\geq", "≥"), ("\\leq", "≤"), ("\\ge", "≥"), ("\\le ", "≤"), (">=", "≥"), ("<=", "≤"), ("\\\\", "¶")),
    *(("**", "^"), ("√", "\\sqrt"), ("\\lbrace", "⟨"), ("\\rbrace", "⟩")),
)
_OPENS, _CLOSES = "([⟨{", ")]⟩}"


def final_answer(text: str) -> str | None:
    r"""What a solution ends with: the last \boxed{}, else what follows "####" or "answer is", else the last number."""
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed.strip() or None
    marked = _MARKED.findall(text)
    if marked:
        return "".join(marked[-1]).strip() or None
    numbers = _PLAIN_NUMBER.findall(text)
    return numbers[-1].rstrip(",") if numbers else None


def equivalent(one: str, other: str) -> bool:
    """Whether two answers say the same."""
    return _same(plain(one), plain(other))


def plain(text: str) -> str:
    """One way of writing: no LaTeX, no units, no spaces; what it cannot read stays as it is."""
    form = text.strip()
    form = re.sub(r"^\\[(\[]|\\[)\]]$", "", form)
    for written, meant in _PLAIN:
        form = form.replace(written, meant)
    form = _without_words(_SPACING.sub(" ", form)).strip().rstrip(".").strip()
    if found := _UNITS.fullmatch(form):
        form = found[1]
    form = re.sub(r"(?<![\d.])(\d+)\s*\\frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))", _mixed, form)
    form = re.sub(r"^(-?)(\d+) (\d+/\d+)$", r"\1(\2+\3)", form)
    form = re.sub(r"\s+", "", _spelled_out(form))
    if _THOUSANDS.fullmatch(form):
        form = form.replace(",", "")
    return _NAMED.sub("", form) if form.count("=") <= 1 else form


def _last_boxed(text: str) -> str | None:
    places = [found.end() for found in re.finditer(r"\\f?boxed\s*\{", text)]
    return _until_closed(text, places[-1]) if places else None


def _until_closed(text: str, start: int) -> str | None:
    depth = 1
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[start:place]
    return None


def _without_words(form: str) -> str:
    """Units go; a word that is all there is stays; "and" and "or" separate."""
    form = re.sub(r"\\text\s*\{\s*(?:and|or)\s*\}|(?<=\s)(?:and|or)(?=\s)", ",", form)
    bare = re.sub(rf"{_WORDED.pattern}(?:\^\{{?\d\}}?)?", "", form).strip()
    return bare if re.search(r"\w", bare) else _WORDED.sub(r"\1", form)


def _spelled_out(form: str) -> str:
    r"""\frac and \sqrt with brackets; braces that only group become brackets."""
    for _ in range(form.count("\\") + 1):
        form = re.sub(r"\\sqrt\s*\[(\d+)\]\s*\{([^{}]*)\}", r"((\2)^(1/\1))", form)
        form = re.sub(r"\\sqrt\s*(?:\{([^{}]*)\}|(\w))", lambda found: f"sqrt({found[1] or found[2]})", form)
        form = re.sub(r"\\frac\s*(?:\{([^{}]*)\}|(\w))\s*(?:\{([^{}]*)\}|(\w))", _fraction, form)
        form = re.sub(r"\^\s*\{([^{}]*)\}", r"^(\1)", form)
    return form.replace("_{", "_(").replace("}", ")").replace("{", "(") if "\\" not in form else form


def _fraction(found: re.Match[str]) -> str:
    return f"(({found[1] or found[2]})/({found[3] or found[4]}))"


def _mixed(found: re.Match[str]) -> str:
    return f"({found[1]}+{found[2] or found[3]}/{found[4] or found[5]})"


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    if "∪" in one and "∪" in other:
        return _all_same(one.split("∪"), other.split("∪"), ordered=False)
    parts, others = list(_parts(_inside(one))), list(_parts(_inside(other)))
    if len(parts) > 1 or len(others) > 1:
        if _brackets(one) != _brackets(other):
            return False
        return _all_same(parts, others, ordered=_brackets(one) not in ("", "⟨⟩"))
    exact = _exact(one), _exact(other)
    if exact[0] is not None and exact[1] is not None:
        return exact[0] == exact[1]
    values, others_values = values_of(_inside(one)), values_of(_inside(other))
    if values is not None and others_values is not None:
        pairs = zip(values, others_values, strict=True)
        return all(abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b)) for a, b in pairs)
    return one.casefold().strip("()") == other.casefold().strip("()")


def _all_same(parts: list[str], others: list[str], *, ordered: bool) -> bool:
    if len(parts) != len(others):
        return False
    if ordered:
        return all(_same(one, other) for one, other in zip(parts, others, strict=True))
    left = list(others)
    for part in parts:
        match = next((other for other in left if _same(part, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _brackets(form: str) -> str:
    """The brackets around the whole of `form`; "" if there are none."""
    if len(form) < 2 or form[0] not in _OPENS or form[-1] not in _CLOSES:
        return ""
    depth = 0
    for place, letter in enumerate(form):
        depth += (letter in _OPENS) - (letter in _CLOSES)
        if depth == 0 and place < len(form) - 1:
            return ""
    return form[0] + form[-1]


def _inside(form: str) -> str:
    return form[1:-1] if _brackets(form) else form


def _parts(form: str) -> Iterator[str]:
    """What commas outside all brackets separate."""
    depth, start = 0, 0
    for place, letter in enumerate(form):
        depth += (letter in _OPENS) - (letter in _CLOSES)
        if letter == "," and depth == 0:
            yield form[start:place]
            start = place + 1
    yield form[start:]


def _exact(form: str) -> Fraction | None:
    found = _RATIO.fullmatch(form)
    if found is None or len(form) > 200:
        return None
    below = Fraction(found[2] or 1)
    return Fraction(found[1]) / below if below else None
