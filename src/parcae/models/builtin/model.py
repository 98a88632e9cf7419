"""A builtin model: finds the skill that fits the conversation and says what it says. Knows no skill by itself."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from parcae.core.errors import CallerMistake
from parcae.core.protocols import ModelCard, OnText, Reply, Request
from parcae.core.scope import derive_seed
from parcae.core.usage import Price
from parcae.models.builtin.locate import LocateSkill
from parcae.models.builtin.repair import RepairSkill
from parcae.models.builtin.repair_team import TeamRepairSkill
from parcae.models.builtin.skill import Call, Mind, Said, Size, Skill
from parcae.models.builtin.survey import SurveySkill
from parcae.models.builtin.talk import read_talk
from parcae.models.scripted import LONG_AGO, count

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponsePart

PRICES = {
    "small": Price(prompt_usd=0.15, completion_usd=0.60, nominal=True),
    "large": Price(prompt_usd=2.50, completion_usd=10.0, nominal=True),
}
SKILLS: tuple[Skill, ...] = (TeamRepairSkill(), RepairSkill(), LocateSkill(), SurveySkill())
NO_SKILL = (
    "I am a builtin model, no language model: I can search code that Parcae's own agents show me, and nothing else. "
    "For anything else name a language model, such as openai:gpt-4o-mini."
)
DEFAULT_TEMPERATURE = 1.0


def builtin(name: str) -> BuiltinModel:
    """The model `name`: "builtin:small" or "builtin:large".

    Raises:
        CallerMistake: there is no such builtin model.
    """
    size = name.removeprefix("builtin:")
    if size not in PRICES:
        raise CallerMistake(f"there is no model {name!r}", "builtin models are builtin:small and builtin:large")
    return BuiltinModel(cast("Size", size))


class BuiltinModel:
    """`small` or `large`. Equal requests get equal replies."""

    def __init__(self, size: Size, skills: tuple[Skill, ...] = SKILLS) -> None:
        self.size, self._skills = size, skills
        self._card = ModelCard(name=f"builtin:{size}", price=PRICES[size], local=True)

    @property
    def card(self) -> ModelCard:
        """Name and nominal price."""
        return self._card

    async def reply(self, request: Request, on_text: OnText | None = None) -> Reply:
        """What the fitting skill says."""
        message = self._message(request)
        if on_text is not None and message.text:
            on_text(message.text)
        return Reply(message=message, usage=count(request, message))

    def _message(self, request: Request) -> ModelResponse:
        talk = read_talk(request)
        temperature = DEFAULT_TEMPERATURE if request.temperature is None else request.temperature
        seed = derive_seed(request.seed or 0, self.size, len(request.messages), talk.latest)
        mind = Mind(size=self.size, temperature=temperature, rng=random.Random(seed))
        skill = next((skill for skill in self._skills if skill.fits(talk)), None)
        said = Said(text=NO_SKILL) if skill is None else skill.next(talk, mind)
        return _as_message(said, request, self._card.name)


def _as_message(said: Said, request: Request, model: str) -> ModelResponse:
    calls = [_as_part(call, f"{model}-{len(request.messages)}-{place}") for place, call in enumerate(said.calls)]
    text = said.text[: request.max_tokens * 4]
    parts: list[ModelResponsePart] = [TextPart(content=text)] if text else []
    return replace(ModelResponse(parts=[*parts, *calls], timestamp=LONG_AGO), model_name=model)


def _as_part(call: Call, call_id: str) -> ToolCallPart:
    return ToolCallPart(tool_name=call.tool, args=dict(call.arguments), tool_call_id=call_id)
