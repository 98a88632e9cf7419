"""Falsehoods put in on purpose: a model that sometimes writes a false note. A pure function of the request."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic_ai.messages import ToolCallPart

from parcae.core.protocols import OnText, Reply, Request
from parcae.core.scope import derive_seed
from parcae.models.builtin import BuiltinModel
from parcae.models.builtin.skill import Size

SHARES = {"small": 0.25, "large": 0.03}  # of the notes on modules that a size falsifies; an assumption, not a finding


class Falsifying(BuiltinModel):
    """The builtin model `size`, which falsifies some of the notes that it writes on modules."""

    def __init__(self, size: Size) -> None:
        super().__init__(size)
        self.share = SHARES[size]

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """What the builtin model says, some notes falsified by chance that depends on the request's seed."""
        answered = await super().reply(request, on_text)
        parts = [
            self._perhaps(part, request.seed or 0) if isinstance(part, ToolCallPart) else part
            for part in answered.message.parts
        ]
        return replace(answered, message=replace(answered.message, parts=parts))

    def _perhaps(self, part: ToolCallPart, seed: int) -> ToolCallPart:
        arguments = part.args_as_dict()
        path = str(arguments.get("path"))
        if part.tool_name != "write_file" or "/note-" not in path:
            return part
        if derive_seed(seed, "falsify", path) % 1000 >= 1000 * self.share:
            return part
        note = json.loads(arguments["content"])
        if note["definitions"]:
            note["definitions"][derive_seed(seed, "which", path) % len(note["definitions"])][2] = "made_up"
        else:
            note["import_statements"] += 1
        return replace(part, args=arguments | {"content": json.dumps(note)})
