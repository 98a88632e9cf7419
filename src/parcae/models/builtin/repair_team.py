"""The skill of repairing in an organisation: the boss hires somebody for each failing test, and looks at the suite.

What an employee does follows from its task, which its superior wrote in the words of `_TASK`. How a fault is found and
mended is the business of the skill that repairs alone.
"""

from __future__ import annotations

import re
from dataclasses import replace

from parcae.models.builtin.repair import RepairSkill
from parcae.models.builtin.repair_reading import FIX, SUITE, read_repair
from parcae.models.builtin.skill import Call, Mind, Said
from parcae.models.builtin.survey_reading import Dossier
from parcae.models.builtin.talk import Talk

_TASK = re.compile(r"^Repair: make (?P<test>\S+\.py::\S+) pass\.$", re.MULTILINE)
_TEST = re.compile(r"^The failing test (\S+\.py::\S+)", re.MULTILINE)
WAIT = Said(calls=(Call(tool="wait"),))


class TeamRepairSkill:
    """Repairs with others when fixes can be written here and results handed in."""

    def __init__(self) -> None:
        self._alone = RepairSkill()

    def fits(self, talk: Talk) -> bool:
        """Whether fixes can be written and results handed in."""
        return {FIX, "hand_in"} <= talk.offered

    def next(self, talk: Talk, mind: Mind) -> Said:
        """What to say now."""
        dossier = Dossier(talk.opening)
        if any(one.tool == "hand_in" for one in talk.exchanges):
            return WAIT  # it was refused: a letter or the company's cures say what follows
        if _TASK.search(dossier.task) is None:
            return _lead(talk, dossier)
        own = replace(talk, prompts=(dossier.task, *talk.prompts[1:]))
        said = self._alone.next(own, mind)
        if said.calls:
            return said
        files = [fix[0] for fix in read_repair(own).written[-1:]]
        return Said(calls=(Call(tool="hand_in", arguments={"summary": said.text, "files": [*files]}),))


def _lead(talk: Talk, dossier: Dossier) -> Said:
    """Hire, review, hand in: whichever is next."""
    tests = list(dict.fromkeys(_TEST.findall(dossier.task)))
    reviewed = {str(one.arguments.get("name")) for one in talk.results_of("review") if not one.failed}
    waiting = [name for name in dossier.results if name not in reviewed]
    if waiting:
        return _review(talk, waiting)
    states = [state for name, (state, _) in dossier.people.items() if name not in reviewed]
    if not dossier.people and "you hired" not in dossier.acts and tests:
        hires = [_hire(number, test, dossier.task) for number, test in enumerate(tests, start=1)]
        return Said(calls=(*hires, *WAIT.calls))
    if any(state != "done" for state in states) or dossier.waiting_hires:
        return WAIT
    summary = f"repaired: {', '.join(tests)}" if dossier.people else "nobody could repair it"
    return Said(calls=(Call(tool="hand_in", arguments={"summary": summary, "files": []}),))


def _hire(number: int, test: str, goal: str) -> Call:
    return Call(
        tool="hire",
        arguments={
            "name": f"repairer-{number}",
            "role": f"repairer of {test}",
            "task": f"Repair: make {test} pass.\n\n{goal[goal.index('The failing test ') :]}",
            "why": "somebody has to find the fault",
            "checks": [f"run:python -m pytest -q {test}"],
        },
    )


def _review(talk: Talk, waiting: list[str]) -> Said:
    """The suite decides: nothing that passed before may fail."""
    ran = talk.results_of(SUITE)
    if not ran:
        return Said(calls=(Call(tool=SUITE),))
    green = ran[-1].result.startswith("all ")
    said = {"verdict": "accept"} if green else {"verdict": "reject", "reasons": ran[-1].result.partition("\n")[0]}
    return Said(calls=tuple(Call(tool="review", arguments={"name": name, **said}) for name in waiting))
