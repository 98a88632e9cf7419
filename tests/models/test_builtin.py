"""The builtin models: pure, honest about what they are, and different from each other and from seed to seed."""

from __future__ import annotations

import builtins
import inspect
import io
import os
import pathlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from tests.models.failing import MAP, METHODS, SNIPPET, request

from parcae.core.errors import CallerMistake
from parcae.core.protocols import Request
from parcae.core.usage import Price
from parcae.models.builtin import builtin
from parcae.models.scripted import count

SIZES = ("builtin:small", "builtin:large")
SUM = """shop/basket.py:10
   10   def total(items):
   11 *     result = 0
   12 *     for item in items:
   13 *         if item.price * item.count - 1 > 0:
   14             result += item.price
   15 *     return result"""
ASIDE = """shop/basket.py:2
    2   def price_of_basket(items):
    3 *     return total(items)"""


@contextmanager
def closed_off() -> Iterator[None]:
    """No file can be opened, nothing inspected, nothing imported, no chance taken from the process.

    By hand: pytest's own patching looks things up that are closed here.
    """

    def closed(*arguments: object, **settings: object) -> object:
        raise AssertionError(f"a builtin model reached outside: {arguments}")

    places: tuple[tuple[object, tuple[str, ...]], ...] = (
        (builtins, ("open", "__import__", "exec", "eval")),
        (io, ("open",)),
        (os, ("open", "listdir", "scandir", "stat", "urandom", "getenv")),
        (pathlib.Path, ("open", "read_text", "read_bytes")),
        (random, ("random", "seed", "choice")),
        (inspect, ("getsource", "getsourcefile", "stack", "currentframe", "signature")),
    )
    kept = [(place, name, getattr(place, name)) for place, names in places for name in names]
    try:
        for place, name, _ in kept:
            setattr(place, name, closed)
        yield
    finally:
        for place, name, original in kept:
            setattr(place, name, original)


@pytest.mark.parametrize("name", SIZES)
async def test_equal_requests_get_equal_replies_with_files_and_inspection_closed(name: str) -> None:
    requests = [request(*MAP[:known], seed=seed) for known in range(5) for seed in range(3)]
    requests += [request(*MAP, asked="Which?", tools=())]
    before = [await builtin(name).reply(one) for one in requests]
    model = builtin(name)
    with closed_off():
        after = [await model.reply(one) for one in reversed(requests)]
    assert list(reversed(after)) == before


@pytest.mark.parametrize("name", SIZES)
async def test_attempts_differ_by_their_seed(name: str) -> None:
    replies = {str((await builtin(name).reply(request(*MAP, seed=seed))).message.parts) for seed in range(20)}
    assert len(replies) > 1


async def test_tokens_are_counted_from_the_messages_and_prices_are_nominal() -> None:
    for name, price in (
        ("builtin:small", Price(prompt_usd=0.15, completion_usd=0.60, nominal=True)),
        ("builtin:large", Price(prompt_usd=2.50, completion_usd=10.0, nominal=True)),
    ):
        model = builtin(name)
        assert model.card.price == price
        assert model.card.local
        asked = request(*MAP)
        reply = await model.reply(asked)
        assert reply.usage == count(asked, reply.message)


async def test_without_tools_the_final_answer_is_signatures() -> None:
    for name in SIZES:
        reply = await builtin(name).reply(request(*MAP, asked="Which functions?", tools=()))
        assert reply.message.text is not None
        assert all("(" in line and line.startswith("shop.") for line in reply.message.text.splitlines())


async def test_small_goes_by_names_and_large_by_the_code_it_was_shown() -> None:
    shown = (
        *MAP,
        (SNIPPET, {"signature": "shop.basket.price_of_basket(items)"}, ASIDE),
        (SNIPPET, {"signature": "shop.basket.total(items)"}, SUM),
    )
    asked = request(*shown, asked="Which functions?", tools=(), temperature=0.0)
    small = (await builtin("builtin:small").reply(asked)).message.text or ""
    large = (await builtin("builtin:large").reply(asked)).message.text or ""
    assert small.splitlines()[0].startswith("shop.basket.price_of_basket")
    assert large.splitlines()[0].startswith("shop.basket.total")


async def test_what_no_test_executed_is_never_named() -> None:
    listing = "\n".join(f"shop.basket.step_{number}()  [executed while importing only]" for number in range(9))
    listed = (*MAP, (METHODS, {"class_name": "shop.orders"}, f"{listing}\nshop.orders.place(items)"))
    for name in SIZES:
        for seed in range(20):
            reply = await builtin(name).reply(request(*listed, asked="Which functions?", tools=(), seed=seed))
            assert "step_" not in (reply.message.text or "")


async def test_only_what_is_offered_is_called_and_nothing_is_asked_twice() -> None:
    for name in SIZES:
        for seed in range(20):
            reply = await builtin(name).reply(request(*MAP, seed=seed))
            for call in reply.message.tool_calls:
                assert call.tool_name == SNIPPET or call.args == {"class_name": "Shop"}


async def test_a_task_without_a_skill_is_declined_in_a_sentence() -> None:
    asked = Request(messages=[ModelRequest(parts=[UserPromptPart(content="Write a poem.")])])
    reply = await builtin("builtin:small").reply(asked)
    assert "no language model" in (reply.message.text or "")


async def test_text_streams_too() -> None:
    heard: list[str] = []
    reply = await builtin("builtin:large").reply(request(*MAP, asked="Which?", tools=()), heard.append)
    assert heard == [reply.message.text]


async def test_strange_messages_do_no_harm() -> None:
    odd = request(*MAP)
    messages = [*odd.messages, ModelResponse(parts=[]), ModelRequest(parts=[UserPromptPart(content=["a", "b"])])]
    for name in SIZES:
        assert (await builtin(name).reply(replace(odd, messages=messages))).message.parts
        assert (await builtin(name).reply(replace(odd, messages=[]))).message.parts


def test_an_unknown_builtin_model_is_named_with_the_cure() -> None:
    with pytest.raises(CallerMistake, match="builtin:small and builtin:large"):
        builtin("builtin:huge")
