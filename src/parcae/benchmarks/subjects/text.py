"""Uses that read, compare and lay out text."""

from __future__ import annotations

import configparser
import csv
import difflib
import fnmatch
import gettext
import pprint
import random
import re
import shlex
import string
import textwrap

from parcae.benchmarks.subjects.subject import Subject, number, paragraph, sentence, tree, word, words


def lay_out_text(case: tuple[str, int, str]) -> object:
    text, width, mark = case
    wrapper = textwrap.TextWrapper(width=width, subsequent_indent=mark, max_lines=4, placeholder=" [..]")
    lines = wrapper.wrap(text) + textwrap.wrap(textwrap.dedent(text), width + 7, break_long_words=False)
    return lines, textwrap.shorten(text, width * 2), textwrap.indent(text, mark)


def compare_texts(case: tuple[str, str]) -> object:
    old, new = (text.splitlines(keepends=True) for text in case)
    unified = list(difflib.unified_diff(old, new, "old", "new", n=1))
    context = list(difflib.context_diff(old, new, "old", "new", n=1))
    return unified, context, list(difflib.ndiff(old, new))


def find_close_words(case: tuple[str, list[str]]) -> object:
    wanted, known = case
    matcher = difflib.SequenceMatcher(None, wanted, " ".join(known))
    blocks = [tuple(block) for block in matcher.get_matching_blocks()]
    return difflib.get_close_matches(wanted, known, n=4, cutoff=0.3), round(matcher.ratio(), 6), blocks


def read_settings(case: str) -> object:
    parser = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation(), allow_no_value=True)
    parser.read_string(case)
    values = {name: dict(parser.items(name)) for name in parser.sections()}
    flags = {name: parser.getboolean(name, "on", fallback=None) for name in parser.sections()}
    return values, flags, parser.defaults()


def split_command_line(case: str) -> object:
    parts = shlex.split(case, comments=True)
    lexer = shlex.shlex(case, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return parts, list(lexer), shlex.join(parts)


def match_file_names(case: tuple[list[str], str]) -> object:
    names, pattern = case
    return fnmatch.filter(names, pattern), fnmatch.translate(pattern), [fnmatch.fnmatch(one, pattern) for one in names]


def search_with_patterns(case: tuple[str, str]) -> object:
    pattern, text = case
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    found = [(match.start(), match.end(), match.groups()) for match in compiled.finditer(text)]
    return found, compiled.sub("<>", text, count=3), compiled.split(text, maxsplit=2), re.escape(text[:20])


def fill_templates(case: tuple[str, dict[str, object]]) -> object:
    text, values = case
    plain = string.Template(text).safe_substitute(values)
    return plain, string.Formatter().vformat("{a:>8}|{b!r:<10}|{c[0]}", (), values), string.capwords(text)


def print_pretty(case: tuple[object, int]) -> object:
    value, width = case
    return pprint.pformat(value, width=width, indent=2, compact=True), pprint.pformat(value, width=width, depth=2)


def read_tables(case: tuple[str, str]) -> object:
    text, mark = case
    dialect = csv.Sniffer().sniff(text, delimiters=",;|")
    rows = list(csv.DictReader(text.splitlines(), dialect=dialect, restkey="more", restval="none"))
    return dialect.delimiter == mark, rows, csv.Sniffer().has_header(text)


def choose_plural(case: tuple[str, list[int]]) -> object:
    rule, counts = case
    choose = gettext.c2py(rule)
    return [choose(count) for count in counts]


def _settings(rng: random.Random) -> str:
    lines = [f"[DEFAULT]\nroot = /{word(rng)}\n"]
    for section in dict.fromkeys(words(rng, 2, 4)):
        lines.append(f"[{section}]")
        lines.append(f"on = {rng.choice(('yes', 'off', 'true', '0'))}")
        lines.append(f"path = ${{root}}/{word(rng)}  # {word(rng)}")
        lines.append(f"text : {sentence(rng)}\n   {sentence(rng)}" if rng.random() < 0.6 else f"bare_{word(rng)}")
    return "\n".join(lines)


def _edited(rng: random.Random) -> tuple[str, str]:
    lines = [sentence(rng, 2, 5) + "\n" for _ in range(rng.randint(4, 9))]
    new = list(lines)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(new))
        new[place] = rng.choice((new[place].upper(), new[place][:-3] + "x\n", sentence(rng) + "\n"))
    return "".join(lines), "".join(new)


def _command(rng: random.Random) -> str:
    parts = [rng.choice((word(rng), f"'{word(rng)} {word(rng)}'", f'"{word(rng)}\\"{word(rng)}"', "a\\ b", "&&", "|"))]
    parts += [rng.choice((word(rng), f"--{word(rng)}='{sentence(rng, 2, 3)}'", ">", f"x{word(rng)};y")) for _ in "abc"]
    return " ".join(parts) + rng.choice(("", f" # {word(rng)}"))


def _pattern(rng: random.Random) -> tuple[str, str]:
    one, two = word(rng), word(rng)
    pattern = rng.choice(
        (
            rf"({one}|{two})+\s*(?P<rest>\w{{2,4}})?",
            rf"^(?:\w+ ){{1,3}}?({one[:2]}[a-m]*|{two[:1]}.)",
            rf"(?<!{one[0]})[{one[1]}-{chr(ord(one[1]) + 3)}]{{2}}(?={two[0]}|\b)",
            rf"\b({one[:3]})?(\w)\2|[^a-t\s]+",
        )
    )
    return pattern, " ".join([*words(rng, 4, 8), one, two, one + two, *words(rng, 2, 4)])


def _template(rng: random.Random) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {"a": word(rng), "b": number(rng), "c": words(rng, 1, 3)}
    return f"{word(rng)} $a costs $$ ${{b}} {word(rng)} $missing and {sentence(rng)}", values


def _table(rng: random.Random) -> tuple[str, str]:
    mark = rng.choice(",;|")
    rows = [mark.join(("name", "size", "note"))]
    for _ in range(rng.randint(4, 7)):
        note = rng.choice((word(rng), f'"{word(rng)}{mark} {word(rng)}"', f'"{word(rng)} ""x"""'))
        rows.append(mark.join((word(rng), str(rng.randint(1, 99)), note)))
    return "\n".join(rows) + "\n", mark


def _plural(rng: random.Random) -> tuple[str, list[int]]:
    low, high = rng.randint(1, 3), rng.randint(4, 9)
    rule = rng.choice(
        (
            f"n%10=={low} && n%100!=11 ? 0 : n%10>={low} && n%10<={high} ? 1 : 2",
            f"(n > {low}) || !(n - {high})",
            f"n=={low} ? {low} : (n*2+{high})%5",
        )
    )
    return rule, [rng.randint(0, 120) for _ in range(6)]


SUBJECTS = (
    Subject(outcome=lay_out_text, case=lambda rng: (paragraph(rng), rng.randint(15, 40), rng.choice(("> ", "  ")))),
    Subject(outcome=compare_texts, case=_edited),
    Subject(outcome=find_close_words, case=lambda rng: (word(rng)[:-1] + word(rng)[:2], words(rng, 5, 12))),
    Subject(outcome=read_settings, case=_settings),
    Subject(outcome=split_command_line, case=_command),
    Subject(
        outcome=match_file_names,
        case=lambda rng: (
            [f"{one}.{rng.choice(('py', 'txt', 'Txt'))}" for one in words(rng, 4, 8)],
            rng.choice((f"*{word(rng)[0]}*.t?t", "[!a-m]*", "?????.*", f"[{word(rng)[:3]}]*.[tp]*")),
        ),
    ),
    Subject(outcome=search_with_patterns, case=_pattern),
    Subject(outcome=fill_templates, case=_template),
    Subject(outcome=print_pretty, case=lambda rng: (tree(rng, 4), rng.randint(15, 50))),
    Subject(outcome=read_tables, case=_table),
    Subject(outcome=choose_plural, case=_plural),
)
