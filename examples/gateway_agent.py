"""An agent that knows nothing of Parcae: OpenAI's SDK, four tools, a loop. Only its base URL is the gateway's.

    parcae serve --config examples/gateway.toml &
    python examples/gateway_agent.py

It looks for the function behind a failing test of examples/ledgerbook. The gateway's `builtin:` models, which need no
key, know how to do that and nothing else; with a real model behind the gateway any agent will do.
"""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

from openai import OpenAI

PROJECT = Path(__file__).parent / "ledgerbook"
FAILING, MODULE = "test_closing_balance", "tests/test_ledger.py"
QUESTION = """The failing test {module}::{test}:
```python
{source}
```

It fails with:
```
AssertionError: assert '3,270.45' == '2,420.45'
```"""


def functions() -> dict[str, tuple[str, str]]:
    """Signature -> (module, source) of every function of the project."""
    found = {}
    for file in sorted((PROJECT / "ledgerbook").glob("*.py")):
        module, source = f"ledgerbook.{file.stem}", file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                code = ast.get_source_segment(source, node) or ""
                found[f"{module}.{node.name}({ast.unparse(node.args)})"] = (module, code)
    return found


FUNCTIONS = functions()


def get_covered_packages() -> str:
    return "ledgerbook"


def get_failing_tests_covered_classes(package_name: str) -> str:
    return "\n".join(sorted({module for module, _ in FUNCTIONS.values()}))


def get_failing_tests_covered_methods_for_class(class_name: str) -> str:
    listed = [signature for signature, (module, _) in FUNCTIONS.items() if module == class_name]
    return "\n".join(listed) or f"Error: there is no {class_name}"


def get_code_snippet(signature: str) -> str:
    if signature not in FUNCTIONS:
        return f"Error: there is no {signature}; use a signature that a tool gave you"
    return "\n".join(f"{number:>4} *  {line}" for number, line in enumerate(FUNCTIONS[signature][1].splitlines(), 1))


TOOLS = (
    get_covered_packages,
    get_failing_tests_covered_classes,
    get_failing_tests_covered_methods_for_class,
    get_code_snippet,
)


def offered() -> list[dict]:
    """The tools as JSON schemas."""
    tools = []
    for tool in TOOLS:
        names = tool.__code__.co_varnames[: tool.__code__.co_argcount]
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(names)}
        tools.append({"type": "function", "function": {"name": tool.__name__, "description": "", "parameters": schema}})
    return tools


def run(task: str, seed: int) -> str:
    """Ask, call, ask again, until the model answers."""
    client = OpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8790/v1"),
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
    )
    source = ast.get_source_segment(text := (PROJECT / MODULE).read_text(encoding="utf-8"), find(text)) or ""
    messages = [{"role": "user", "content": QUESTION.format(module=MODULE, test=task, source=source)}]
    while True:
        raw = client.chat.completions.with_raw_response.create(
            model="thrifty", messages=messages, tools=offered(), seed=seed, temperature=1.0
        )
        message, said = raw.parse().choices[0].message, raw.headers
        calls = message.tool_calls or []
        print(
            f"step {said['x-parcae-step']:>2}  {said['x-parcae-model']:14} ${float(said['x-parcae-cost-usd']):.6f}  ",
            end="",
        )
        print(", ".join(call.function.name for call in calls) or "answers")
        if not calls:
            return message.content or ""
        messages.append(message)
        for call in calls:
            tool = next(tool for tool in TOOLS if tool.__name__ == call.function.name)
            result = tool(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def find(source: str) -> ast.FunctionDef:
    """The failing test."""
    return next(node for node in ast.walk(ast.parse(source)) if getattr(node, "name", "") == FAILING)


if __name__ == "__main__":
    print(run(FAILING, seed=int(os.environ.get("SEED", "8"))))
