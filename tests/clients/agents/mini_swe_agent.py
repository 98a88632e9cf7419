"""mini-swe-agent, unmodified: its agent, its LiteLLM model, its local shell."""

from __future__ import annotations

import json
import os
import sys

from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel


def run(provider: str) -> str:
    url = os.environ["GATEWAY_URL"]
    model = LitellmModel(
        model_name=f"{provider}/thrifty",
        model_kwargs={"api_base": f"{url}/v1" if provider == "openai" else url, "api_key": os.environ["GATEWAY_KEY"]},
        cost_tracking="ignore_errors",
    )
    agent = DefaultAgent(model, LocalEnvironment(), system_template="Be brief.", instance_template="{{task}}")
    return agent.run("What is there?")["submission"].strip()


if __name__ == "__main__":
    print(json.dumps({name: run(name) for name in sys.argv[1:]}))
