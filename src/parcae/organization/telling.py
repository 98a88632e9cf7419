"""What a person may do to a run from outside, as an event. Knows nothing of terminals or pages."""

from __future__ import annotations

import secrets
from typing import Literal

from parcae.core.errors import CallerMistake
from parcae.organization.events import Controlled
from parcae.organization.office import Office

Action = Literal["pause", "resume", "cancel", "message", "answer"]


def controlled(office: Office, action: Action, *, to: str = "", about: str = "", text: str = "") -> Controlled:
    """The event to append; whoever works on the run reads it within a second. `about` is the key of a question.

    Raises:
        CallerMistake: nobody is called `to`, the message is empty, or there is no such open question.
    """
    if action == "message" and to not in office.chart.employees:
        raise CallerMistake(f"nobody here is called {to!r}", "name an employee of the run")
    if action == "message" and not text.strip():
        raise CallerMistake("the message is empty", "say what the agent must know")
    if action == "answer":
        asked = office.questions.get(about)
        if asked is None:
            raise CallerMistake(f"there is no open question {about!r}", "it may have been answered already")
        if not text.strip():
            raise CallerMistake("the answer is empty", 'an approval is answered with "yes" or "no"')
        to = office.chart.by_scope[asked.scope].name
    key = f"human-{secrets.token_hex(6)}"
    return Controlled(scope=office.scope.id, key=key, action=action, to=to, about=about, text=text)
