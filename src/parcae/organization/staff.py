"""How employees work: what they may call, on which models, and through which Worker. Knows nothing of any one of them.

The Worker is handed in, so an employee may be a single agent or a watched, swapping group of attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parcae.agents.loop import Agent
from parcae.agents.role import Role
from parcae.core.plan import EMPLOYEE_TEMPERATURE
from parcae.core.protocols import Model, Tool, Worker
from parcae.core.scope import Scope
from parcae.core.task import Task
from parcae.core.usage import Limits
from parcae.organization.chart import Employee
from parcae.organization.checklist import checklist_tools
from parcae.organization.checks import Command
from parcae.organization.delegation import delegation_tools
from parcae.organization.dossier import system_prompt
from parcae.organization.human import Approved, human_tools
from parcae.organization.judges import Panel
from parcae.organization.letters import letter_tools
from parcae.organization.office import Office
from parcae.organization.results import HAND_IN, result_tools
from parcae.organization.several import Seams, seams_of
from parcae.organization.waiting import WAIT, waiting_tools

RANKS = ("boss", "admin", "agent")


def single(role: Role, ladder: Sequence[Model], seams: Seams) -> Worker:
    """A single agent: what an employee is unless somebody says otherwise."""
    return Agent(role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffing:
    """The same for every employee of a rank.

    `ladders`: the models of each rank, cheapest first. `tools`: what employees may do besides dealing with each other:
    files, commands, MCP servers. `employ` makes the Worker of a rank, from its role, its ladder and what several
    attempts at one turn need; it is asked twice: for employees whose task has checks, and for those without.
    `turn_limits`: what one turn of a rank may use. `approvals`: tools whose every call a person must allow. `command`
    runs checks that are commands. `human`: whether a person can be asked.
    """

    ladders: Mapping[str, tuple[Model, ...]]
    tools: tuple[Tool, ...] = ()
    employ: Callable[[Role, Sequence[Model], Seams], Worker] = single
    turn_limits: Mapping[str, Limits] = field(default_factory=dict)
    approvals: frozenset[str] = frozenset()
    command: Command | None = None
    panel: Panel | None = None
    human: bool = False
    max_tokens: int = 4096
    temperature: float | None = EMPLOYEE_TEMPERATURE
    prompts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What is made of a Staffing for one organisation, once. `checked`: the workers of those whose task has checks."""

    staffing: Staffing
    workers: Mapping[str, Worker]
    checked: Mapping[str, Worker]
    grants: frozenset[str]

    def worker(self, who: Employee) -> Worker:
        """Who does the turns of `who`. Attempts that nothing can compare are not made (contract 5)."""
        return (self.checked if who.order.checks else self.workers)[who.rank]

    def model(self, who: Employee, above: Model | None = None) -> Model:
        """The model of `who`; no lower on its ladder than `above` stands there, and `above` itself if it is not."""
        ladder = self.staffing.ladders[who.rank]
        rung = self.rung(who)
        if above is not None:
            names = [model.card.name for model in ladder]
            if above.card.name not in names:
                return above
            rung = max(rung, names.index(above.card.name))
        return ladder[rung]

    def rung(self, who: Employee) -> int:
        """Where on its ladder `who` is."""
        most = len(self.staffing.ladders[who.rank]) - 1
        return most if who.rung < 0 else min(who.rung, most)

    def rungs(self, who: Employee) -> int:
        """How long its ladder is."""
        return len(self.staffing.ladders[who.rank])


def staffed(staffing: Staffing, office: Office, goal: str) -> Staff:
    """The workers of every rank, with tools that act on `office`."""
    own = [
        *delegation_tools(office),
        *letter_tools(office),
        *result_tools(office, command=staffing.command, panel=staffing.panel),
        *checklist_tools(office),
        *waiting_tools(),
        *(human_tools(office) if staffing.human else ()),
    ]
    given = [Approved(tool, office) if tool.spec.name in staffing.approvals else tool for tool in staffing.tools]
    tools: tuple[Tool, ...] = (*given, *own)
    alone, several = (seams_of(office, tools, staffing.command, several=one) for one in (False, True))
    workers, checked = dict[str, Worker](), dict[str, Worker]()
    for rank in RANKS:
        role = Role(
            name=rank,
            system=staffing.prompts.get(rank) or system_prompt(rank, goal),
            opening=_question,
            tools=tools,
            max_steps=office.limits.turn_steps,
            closing=frozenset({HAND_IN, WAIT}),
            max_tokens=staffing.max_tokens,
            temperature=staffing.temperature,
        )
        workers[rank] = staffing.employ(role, staffing.ladders[rank], alone)
        checked[rank] = staffing.employ(role, staffing.ladders[rank], several)
    grants = frozenset(tool.spec.name for tool in own if tool.spec.effect == "outside")
    return Staff(staffing=staffing, workers=workers, checked=checked, grants=grants)


def turn_scope(office: Office, who: Employee, turn: int, staff: Staff) -> Scope:
    """The scope of one turn: files are shared by all, written under the employee's name."""
    limits = staff.staffing.turn_limits.get(who.rank, Limits())
    scope = replace(office.scope_of(who), workspace=None).child(f"turn-{turn}", limits=limits)
    trunk = office.scope.workspace
    if trunk is not None:
        member = getattr(trunk, "member", None)
        trunk = member(f"{who.name}-{turn}") if member is not None else trunk
    return replace(scope, workspace=trunk, grants=office.scope.grants | staff.grants)


def _question(task: Task, scope: Scope) -> str:
    return task.question
