"""What is known of a model before it is called: published prices, and the user's own table."""

from __future__ import annotations

from pathlib import Path

import pytest

from parcae.core.errors import CallerMistake
from parcae.core.usage import Usage
from parcae.models.catalog import Catalog, load_catalog, prices_dated
from parcae.models.limits import Rates

MINE = "openai:mine@http://127.0.0.1:1/v1"


def catalog(tmp_path: Path, text: str) -> Catalog:
    file = tmp_path / "catalog.toml"
    file.write_text(text, encoding="utf-8")
    return load_catalog(file)


def test_published_models_have_a_price_and_a_window() -> None:
    card = Catalog().card("openai:gpt-4o")
    assert card.price is not None and not card.price.nominal
    assert card.price.prompt_usd > 0 and card.price.completion_usd > card.price.prompt_usd
    assert card.window_tokens == 128_000
    assert "image" in card.modalities


def test_an_unknown_price_is_none_and_never_zero() -> None:
    assert Catalog().card("openai:nobody-ever-made-this").price is None
    assert Catalog().card(MINE).price is None


def test_a_local_model_costs_nothing_and_the_builtin_ones_are_nominal() -> None:
    local, builtin = Catalog().card("ollama:llama3.1:8b"), Catalog().card("builtin:large")
    assert local.price is not None and local.price.cost_usd(Usage(prompt_tokens=10**6)) == 0
    assert builtin.price is not None and builtin.price.nominal
    assert builtin.price.cost_usd(Usage(prompt_tokens=10**6, completion_tokens=10**6)) == pytest.approx(12.5)


def test_a_long_prompt_is_charged_at_its_own_tier() -> None:
    price = Catalog().card("google:gemini-2.5-pro").price
    assert price is not None and price.above is not None and price.above_tokens is not None
    short, long = Usage(prompt_tokens=price.above_tokens), Usage(prompt_tokens=price.above_tokens + 1)
    assert price.cost_usd(long) > 1.5 * price.cost_usd(short)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("ollama:llama3.1:8b", 8e9), ("ollama:qwen2.5-0.5b", 0.5e9), ("ollama:mixtral-8x7b", None), ("openai:o3", None)],
)
def test_the_size_is_read_from_the_name_where_it_says_one(name: str, parameters: float | None) -> None:
    assert Catalog().card(name).parameters == parameters


def test_the_users_table_wins_field_by_field(tmp_path: Path) -> None:
    mine = catalog(tmp_path, '[models."openai:gpt-4o"]\nprompt_usd = 1\ncompletion_usd = 2\nrequests_per_minute = 7\n')
    card, published = mine.card("openai:gpt-4o"), Catalog().card("openai:gpt-4o")
    assert card.price is not None and (card.price.prompt_usd, card.price.completion_usd) == (1, 2)
    assert card.window_tokens == published.window_tokens and card.modalities == published.modalities
    assert mine.rates("openai:gpt-4o") == Rates(requests_per_minute=7)
    assert mine.rates("openai:gpt-4o-mini") == Rates()


def test_a_server_of_ones_own_gets_its_price_from_the_table(tmp_path: Path) -> None:
    mine = catalog(tmp_path, f'[models."{MINE}"]\nprompt_usd = 1\ncompletion_usd = 2\nwindow_tokens = 4096\n')
    card = mine.card(MINE)
    assert card.price is not None and card.price.cost_usd(Usage(prompt_tokens=10**6)) == pytest.approx(1)
    assert card.window_tokens == 4096
    assert MINE in mine.names()


@pytest.mark.parametrize(
    "text",
    [
        "[models",
        "[prices]\n",
        '[models]\n"openai:m" = 3\n',
        '[models."openai:m"]\nprice = 1\n',
        '[models."openai:m"]\nprompt_usd = "cheap"\ncompletion_usd = 1\n',
        '[models."openai:m"]\nprompt_usd = -1\ncompletion_usd = 1\n',
        '[models."openai:m"]\nprompt_usd = 1\n',
        '[models."openai:m"]\nconcurrency = 0\n',
        '[models."nobody:m"]\nprompt_usd = 1\ncompletion_usd = 1\n',
    ],
)
def test_a_bad_table_is_one_sentence_with_its_cure(tmp_path: Path, text: str) -> None:
    with pytest.raises(CallerMistake) as wrong:
        catalog(tmp_path, text)
    assert "\n" not in str(wrong.value).strip()


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallerMistake, match="nowhere"):
        load_catalog(tmp_path / "nowhere.toml")


def test_prices_say_where_they_come_from() -> None:
    assert prices_dated().startswith("genai-prices ")
