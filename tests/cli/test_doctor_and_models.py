"""`parcae doctor`, `parcae models list`, and where keys come from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.cli.test_runs import Capture, documented

from parcae.cli.keys import Keys
from parcae.cli.main import run
from parcae.core.errors import CallerMistake
from parcae.models.scripted import say
from parcae.testing.servers import Fault, serving

PRINTS = f"{sys.executable} -c \"import sys; print('key-for-' + sys.argv[1])\" {{provider}}"


def test_the_doctor_looks_at_everything_and_shows_no_key(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "do-not-show-this")
    assert run(["doctor", "--home", str(tmp_path / "home"), "--json"]) == 0
    document = documented(capsys)
    assert "do-not-show-this" not in str(document)
    checks = {one["name"]: one for one in document["checks"]}  # type: ignore[attr-defined]  # a list, by its schema
    assert {"python", "sandbox", "git", "keys", "home", "prices"} <= set(checks)
    assert "OPENAI_API_KEY" in checks["keys"]["found"]
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_exit_code_six(tmp_path: Path, capsys: Capture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(["doctor", "--home", str(blocked / "home")]) == 6
    assert "cannot be written" in capsys.readouterr().out


@pytest.mark.loopback
@pytest.mark.parametrize(("line", "code"), [(say("ok"), 0), (Fault(status=401), 4)])
def test_a_probe_asks_the_model_for_a_token(line: object, code: int, tmp_path: Path, capsys: Capture) -> None:
    import asyncio
    import threading

    ready, done, at = threading.Event(), threading.Event(), list[str]()

    async def serve() -> None:
        async with serving([line]) as server:  # type: ignore[list-item]  # a reply or a fault
            at.append(server.url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        home = str(tmp_path / "home")
        assert run(["doctor", "--home", home, "--probe", f"openai:any@{at[0]}/v1", "--json"]) == code
    finally:
        done.set()
        thread.join()
    [probe] = [one for one in documented(capsys)["checks"] if one["name"] == "probe"]  # type: ignore[attr-defined]  # a list
    assert probe["state"] == ("ok" if code == 0 else "failed")


def test_models_are_listed_with_prices_and_nominal_ones_are_marked(tmp_path: Path, capsys: Capture) -> None:
    assert run(["models", "list", "--json"]) == 0
    document = documented(capsys)
    models = {one["name"]: one for one in document["models"]}  # type: ignore[attr-defined]  # a list, by its schema
    assert models["builtin:large"]["nominal"] is True
    assert models["openai:gpt-4o-mini"]["nominal"] is False
    assert "genai-prices" in str(document["prices"])
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[models."openai:mine@http://127.0.0.1:1/v1"]\nprompt_usd = 1\ncompletion_usd = 2\n')
    assert run(["models", "list", "mine", "--catalog", str(catalog)]) == 0
    assert "openai:mine@http://127.0.0.1:1/v1" in capsys.readouterr().out


def test_a_key_comes_from_the_environment_before_the_key_command() -> None:
    learnt: list[str] = []
    keys = Keys({"OPENAI_API_KEY": "mine"}, PRINTS, learnt.append)
    assert keys.get("OPENAI_API_KEY") == "mine"
    assert learnt == []
    assert keys.get("ANTHROPIC_API_KEY") == keys.get("ANTHROPIC_API_KEY") == "key-for-anthropic"
    assert learnt == ["key-for-anthropic"]
    assert keys.get("HOME_OF_NOBODY") is None


def test_another_variable_of_the_same_provider_is_enough() -> None:
    keys = Keys({"GEMINI_API_KEY": "g"}, PRINTS)
    assert keys.get("GOOGLE_API_KEY") is None
    assert keys.get("GEMINI_API_KEY") == "g"


@pytest.mark.parametrize("command", ["no-such-command-anywhere", f"{sys.executable} -c pass", "false"])
def test_a_key_command_that_gives_no_key_is_one_sentence(command: str) -> None:
    with pytest.raises(CallerMistake, match="key command"):
        Keys({}, command).get("OPENAI_API_KEY")


def test_without_a_command_there_is_no_key() -> None:
    assert Keys({}, "").get("OPENAI_API_KEY") is None
