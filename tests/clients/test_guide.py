"""Every example of docs/guide/gateway.md runs as it stands there, but for the port."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest
from tests.clients import environment
from tests.conftest import missing
from tests.gateway.process import ROOT, process

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(600)]
GUIDE = (ROOT / "docs" / "guide" / "gateway.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|bash|toml)\n(.*?)```", GUIDE, re.DOTALL)
SAYS = "I am a builtin model"


async def ran(*command: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPENAI", "ANTHROPIC"))}
    quiet = {"PYTHONWARNINGS": "ignore", "MSWEA_SILENT_STARTUP": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    home = {"MSWEA_GLOBAL_CONFIG_DIR": str(ROOT / "out" / "mini")}
    child = await asyncio.create_subprocess_exec(*command, env={**env, **quiet, **home}, stdout=-1, stderr=-1)
    out, err = await child.communicate()
    assert child.returncode == 0, err.decode()[-3000:]
    return out.decode()


async def test_every_example_of_the_guide_runs(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    file, python = tmp_path / "gateway.toml", str(environment.python())
    example = (ROOT / "examples" / "gateway.toml").read_text(encoding="utf-8")
    file.write_text(example.replace("../.parcae/", ""), encoding="utf-8")
    async with process(file) as served:
        said = []
        for kind, text in BLOCKS:
            code = text.replace("http://127.0.0.1:8790", served.url)
            if kind == "python":
                said.append(await ran(python, "-c", code))
            elif kind == "bash":
                said.append(await ran("bash", "-c", code))
    assert len(said) == 7
    assert sum(SAYS in one for one in said) == 6  # mini-swe-agent's example only names the model


async def test_the_guide_s_configuration_is_one(tmp_path: Path) -> None:
    from parcae.gateway.config import load_config

    file = tmp_path / "gateway.toml"
    tables = [text for kind, text in BLOCKS if kind == "toml"]
    file.write_text("\n".join([tables[1], tables[0]]), encoding="utf-8")
    env = {"OPENAI_API_KEY": "k", "PARCAE_KEY_ALICE": "a", "PARCAE_KEY_OPS": "o"}
    config = load_config(file, env)
    assert list(config.models) == ["coder"] and [key.name for key in config.keys] == ["alice", "ops"]
