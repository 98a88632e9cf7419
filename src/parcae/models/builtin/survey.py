"""The skill of surveying Python code, alone or in an organisation: lead, read one module, or review.

What an employee does follows from its task, which its superior wrote in the words of `_TASK`. Leads split modules into
groups and hire; agents read a module, write a note and hand it in; a lead compares each note with the source by
another method than the one that made it, and merges what it accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from parcae.core.protocols import JsonValue
from parcae.models.builtin.skill import Call, Mind, Said
from parcae.models.builtin.survey_check import wrong_in
from parcae.models.builtin.survey_facts import facts_of
from parcae.models.builtin.survey_reading import Dossier, File, file_of, listed
from parcae.models.builtin.survey_report import Summary, rendered, sentence, summed
from parcae.models.builtin.talk import Talk

NOTES = "notes"
REPORT = "REPORT.md"
MOST_AT_ONCE = 20  # modules of one lead
REVIEWS_AT_ONCE = 4
_TASK = re.compile(r"Write (?P<out>\S+): survey (?P<what>the module|these modules:|the folder) (?P<of>.+)\.$", re.M)
_LETTERS = ("[a-cA-C]", "[d-hD-H]", "[i-nI-N]", "[o-rO-R]", "[s-zS-Z]", "[!a-zA-Z]")
WAIT = Said(calls=(Call(tool="wait"),))


class SurveySkill:
    """Surveys a code base when the goal asks for it and there are tools for files."""

    def fits(self, talk: Talk) -> bool:
        """Whether the goal is a survey and files can be read and written."""
        asked = f"{talk.system}\n{talk.opening}".lower()
        return "survey" in asked and {"read_file", "write_file", "list_files"} <= talk.offered

    def next(self, talk: Talk, mind: Mind) -> Said:
        """What to say now."""
        dossier = Dossier(talk.opening)
        if "hire" not in talk.offered:
            return _alone(talk)
        if any(one.tool == "hand_in" and one.failed for one in talk.exchanges):
            return WAIT
        task = _TASK.search(dossier.task)
        if task is None:
            return _lead(talk, dossier, REPORT, None, "")
        match task["what"]:
            case "the module":
                return _note(talk, task["of"], task["out"])
            case "these modules:":
                return _lead(talk, dossier, task["out"], task["of"].split(", "), "")
            case _:
                return _lead(talk, dossier, task["out"], None, task["of"].rstrip("/"))


# ---- one module


def _note(talk: Talk, path: str, out: str) -> Said:
    """Read the module, write its note, hand it in. A note that is there already is written anew."""
    source, old = file_of(talk, path), file_of(talk, out)
    if source.missing or old.missing:
        return Said(calls=(*source.missing, *old.missing))
    document = _document(source, path)
    functions = sum(one[1] == "def" for one in document["definitions"])
    said = (
        f"{path}: {functions} functions, {len(document['definitions']) - functions} classes, {document['lines']} lines"
    )
    write = _write(out, json.dumps(document, ensure_ascii=False) + "\n", old)
    return Said(calls=(write, Call(tool="hand_in", arguments={"summary": said, "files": [out]})))


def _document(source: File, path: str) -> dict[str, Any]:
    if source.unreadable:
        return {**facts_of("").document(path), "error": "line 1: it cannot be read as text"}
    return dict(facts_of(source.text or "").document(path))


def _write(path: str, content: str, old: File) -> Call:
    arguments: dict[str, JsonValue] = {"path": path, "content": content}
    if old.version:
        arguments["based_on"] = old.version
    return Call(tool="write_file", arguments=arguments)


# ---- leads


def _lead(talk: Talk, dossier: Dossier, out: str, modules: Sequence[str] | None, folder: str) -> Said:
    """Hire, review, merge: whichever is next."""
    verdicts = {
        str(one.arguments["name"]): one.arguments["verdict"] for one in talk.results_of("review") if not one.failed
    }
    people = {
        name: ("done" if verdicts.get(name) == "accept" else "working" if name in verdicts else state, task)
        for name, (state, task) in dossier.people.items()
    }
    if results := {name: note for name, note in dossier.results.items() if name not in verdicts}:
        return _review(talk, dossier, results)
    if not people and not dossier.waiting_hires and "you hired" not in dossier.acts:
        return _split_up(talk, modules, folder)
    if dossier.waiting_hires or any(state != "done" for state, _ in people.values()):
        return WAIT
    return _merge(talk, dossier, out)


def _split_up(talk: Talk, modules: Sequence[str] | None, folder: str) -> Said:
    if modules is None:
        found, missing = _modules_below(talk, folder)
        if missing:
            return Said(calls=missing)
        modules = found
    if not modules:
        text = "there are no Python modules here"
        return Said(calls=(Call(tool="hand_in", arguments={"summary": text, "files": []}),))
    whole = not folder and len(modules) > 1 and "# Your task\nWrite " not in talk.opening
    if len(modules) <= MOST_AT_ONCE and not whole:
        hires = [
            _hire(path, "reader", f"Write {_note_of(path)}: survey the module {path}.", _note_of(path))
            for path in modules
        ]
    else:
        hires = [_hire_lead(name, paths, is_folder) for name, paths, is_folder in groups(modules, folder)]
    return Said(calls=(*hires, WAIT.calls[0]))


def _hire_lead(name: str, paths: Sequence[str], is_folder: bool) -> Call:
    out = f"{NOTES}/{name.replace('/', '.')}.summary.json"
    what = f"the folder {name}/" if is_folder else f"these modules: {', '.join(paths)}"
    return _hire(name, "lead", f"Write {out}: survey {what}.", out)


def _hire(about: str, role: str, task: str, out: str) -> Call:
    arguments: dict[str, JsonValue] = {
        "name": f"{role}-{about.removesuffix('.py').replace('/', '.')}"[-46:],
        "role": f"{role} of {about}",
        "task": task,
        "why": "many can read side by side",
        "checks": [f"json:{out}"],
    }
    return Call(tool="hire", arguments=arguments)


def groups(modules: Sequence[str], folder: str) -> list[tuple[str, list[str], bool]]:
    """`modules` as work for leads: (name, paths, whether it is a whole folder). Small folders share a lead."""
    prefix = f"{folder}/" if folder else ""
    by_folder: dict[str, list[str]] = {}
    for path in sorted(modules):
        head, slash, _ = path.removeprefix(prefix).partition("/")
        by_folder.setdefault(head if slash else "", []).append(path)
    found: list[tuple[str, list[str], bool]] = []
    small: list[str] = []
    for head, paths in by_folder.items():
        if head and len(paths) > MOST_AT_ONCE:
            found.append((f"{prefix}{head}", paths, True))
        else:
            small += paths
    label = folder or "top"
    chunks = [small[start : start + MOST_AT_ONCE] for start in range(0, len(small), MOST_AT_ONCE)]
    found += [(f"{label}-{number}", chunk, False) for number, chunk in enumerate(chunks, 1)]
    return found


def _modules_below(talk: Talk, folder: str) -> tuple[list[str], tuple[Call, ...]]:
    """The Python files below a folder as listed so far, and the listings that are still needed."""
    seen = {str(one.arguments.get("pattern")): one for one in talk.results_of("list_files")}
    wanted = [f"{folder}/*.py" if folder else f"{letters}*.py" for letters in (("",) if folder else _LETTERS)]
    missing: list[Call] = []
    found: set[str] = set()
    while wanted:
        pattern = wanted.pop()
        if pattern not in seen:
            missing.append(Call(tool="list_files", arguments={"under": folder, "pattern": pattern}))
            continue
        paths, cut = listed(seen[pattern])
        found.update(paths)
        if cut:
            stem = pattern.removesuffix("*.py")
            wanted += [f"{stem}{letters}*.py" for letters in _LETTERS]
    return sorted(path for path in found if path.endswith(".py")), tuple(missing)


# ---- reviews and merging


def _review(talk: Talk, dossier: Dossier, results: Mapping[str, str]) -> Said:
    """Compare some of the results that wait with their sources; the rest in the next turn."""
    missing: list[Call] = []
    verdicts: list[Call] = []
    for name, note in list(results.items())[:REVIEWS_AT_ONCE]:
        task = _TASK.search(dossier.people.get(name, ("", ""))[1])
        told = file_of(talk, note)
        source = file_of(talk, task["of"]) if task is not None and task["what"] == "the module" else None
        missing += told.missing
        if source is not None:
            missing += source.missing
        if not missing:
            wrong = _wrong(told, source)
            arguments: dict[str, JsonValue] = {"name": name, "verdict": "reject" if wrong else "accept"}
            if wrong:
                arguments["reasons"] = "; ".join(wrong)
            verdicts.append(Call(tool="review", arguments=arguments))
    if missing:
        return Said(calls=tuple(missing))
    left = len(results) > len(verdicts) or any(state == "working" for state, _ in dossier.people.values())
    return Said(calls=(*verdicts, WAIT.calls[0]) if left or dossier.waiting_hires else tuple(verdicts))


def _wrong(told: File, source: File | None) -> list[str]:
    if told.unreadable or not told.text:
        return ["there is nothing to read"]
    if source is not None:
        if source.unreadable:
            return [] if '"error": "line 1' in told.text else ["the note does not say that the source cannot be read"]
        return wrong_in(told.text, source.text or "", source.path)
    try:
        document = json.loads(told.text)
    except ValueError as broken:
        return [f"the summary is no JSON ({broken})"]
    modules = document.get("modules") if isinstance(document, dict) else None
    if not modules or len(set(modules)) != len(modules):
        return ["the summary names no modules, or one of them twice"]
    return []


def _merge(talk: Talk, dossier: Dossier, out: str) -> Said:
    """All that was accepted in one summary, with a text for people beside it."""
    parts = [task["out"] for _, words in dossier.people.values() if (task := _TASK.search(words) or _cut_task(words))]
    text_path = out if out == REPORT else out.replace(".summary.json", ".md")
    files = {path: file_of(talk, path) for path in (*parts, out, text_path)}
    missing = [call for one in files.values() for call in one.missing]
    if missing:
        return Said(calls=tuple(missing))
    documents = [json.loads(files[path].text or "{}") for path in parts if files[path].text]
    total = summed(documents)
    beside = [
        (path.replace(".summary.json", ".md"), _said(json.loads(files[path].text or "{}")))
        for path in parts
        if path.endswith(".summary.json")
    ]
    text = rendered(f"Survey: {out.removesuffix('.summary.json')}" if out != REPORT else "Survey", total, beside)
    writes = [_write(text_path, text, files[text_path])]
    if out != REPORT:
        writes.insert(0, _write(out, total.json(), files[out]))
    names = list(dict.fromkeys([out, text_path]))
    return Said(calls=(*writes, Call(tool="hand_in", arguments={"summary": sentence(total), "files": [*names]})))


def _cut_task(words: str) -> re.Match[str] | None:
    """A task whose end was cut off in a list of people: where it writes to stands first."""
    return re.match(r"Write (?P<out>\S+): survey ", words)


def _said(document: dict[str, Any]) -> str:
    total = Summary()
    total.add(document)
    return sentence(total)


def _note_of(path: str) -> str:
    """Where the note on a module lies; never a name that looks like a secret's, as secrets.py.json would."""
    folder, slash, name = path.rpartition("/")
    return f"{NOTES}/{folder}{slash}note-{name.removesuffix('.py')}.json"


# ---- without an organisation


def _alone(talk: Talk) -> Said:
    """Read every module one after another, note it, then write the report."""
    modules, missing = _modules_below(talk, "")
    if missing:
        return Said(calls=missing)
    written = {
        str(one.arguments.get("path")): str(one.arguments.get("content")) for one in talk.results_of("write_file")
    }
    for path in modules:
        if _note_of(path) in written:
            continue
        source = file_of(talk, path)
        if source.missing:
            return Said(calls=source.missing)
        return Said(
            calls=(_write(_note_of(path), json.dumps(_document(source, path)) + "\n", File(path=path, text="")),)
        )
    total = summed(json.loads(written[_note_of(path)]) for path in modules)
    if REPORT not in written:
        return Said(calls=(_write(REPORT, rendered("Survey", total), File(path=REPORT, text="")),))
    return Said(text=f"{REPORT}: {sentence(total)}")
