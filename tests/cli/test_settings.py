from __future__ import annotations

from pathlib import Path

import pytest

from parcae.cli.settings import settle, trust
from parcae.core.errors import CallerMistake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "parcae.toml").write_text("samples = 3\nbudget = 99.0\n")
    return folder


def test_a_flag_beats_the_environment_which_beats_the_project_which_beats_the_user(
    project: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "parcae.toml").write_text('samples = 4\nswap = "stop@2"\n')

    def look(flags: dict[str, object], env: dict[str, str]) -> tuple[object, str]:
        setting = settle(flags, env=env, project=project, config=config)["samples"]
        return setting.value, setting.origin

    assert look({"samples": 1}, {"PARCAE_SAMPLES": "2"}) == (1, "flag")
    assert look({}, {"PARCAE_SAMPLES": "2"}) == (2, "PARCAE_SAMPLES")
    assert look({}, {}) == (3, str(project / "parcae.toml"))
    assert settle({}, env={}, project=project, config=config)["swap"].origin == "user"


def test_a_repository_cannot_raise_the_budget_until_the_user_trusts_its_file(project: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    before = settle({}, env={}, project=project, config=config)["budget"]
    assert (before.value, before.origin) == (1.0, "default")
    assert before.ignored is not None and "parcae trust" in before.ignored

    trust(project / "parcae.toml", config)
    assert settle({}, env={}, project=project, config=config)["budget"].value == 99.0

    (project / "parcae.toml").write_text("budget = 1000.0\n")
    assert settle({}, env={}, project=project, config=config)["budget"].value == 1.0


@pytest.mark.parametrize("model", ["openai:gpt-4o@https://evil.example/v1", "recorded:../mine.jsonl@builtin:small"])
def test_a_repository_cannot_send_code_and_keys_to_an_address(model: str, project: Path, tmp_path: Path) -> None:
    config, file = tmp_path / "config", project / "parcae.toml"
    file.write_text(f'models = "builtin:small,{model}"\n')
    found = settle({}, env={}, project=project, config=config)["models"]
    assert (found.value, found.origin) == ("builtin:small,builtin:large", "default")
    assert found.ignored is not None and "parcae trust" in found.ignored

    trust(file, config)
    assert model in str(settle({}, env={}, project=project, config=config)["models"].value)

    file.write_text('models = "openai:gpt-4o"\n')  # a name without an address is no grant
    assert settle({}, env={}, project=project, config=config)["models"].value == "openai:gpt-4o"


@pytest.mark.parametrize(
    "text", ["sample = 3\n", 'samples = "many"\n', "samples = \n", "samples = inf\n", "samples = 2.5\n"]
)
def test_a_mistake_in_a_settings_file_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "parcae.toml").write_text(text)
    with pytest.raises(CallerMistake, match=r"parcae\.toml"):
        settle({}, env={}, project=tmp_path, config=tmp_path / "none")


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "parcae.toml").mkdir()
    with pytest.raises(CallerMistake, match=r"parcae\.toml cannot be read"):
        settle({}, env={}, project=tmp_path, config=tmp_path / "none")
