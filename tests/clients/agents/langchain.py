"""LangChain's ChatOpenAI with bound tools, unmodified: invoked and streamed."""

from __future__ import annotations

import json
import os
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def look(at: int) -> str:
    """Look."""
    return "dark"


def run(streamed: bool) -> str:
    model = ChatOpenAI(
        model="thrifty", base_url=os.environ["GATEWAY_URL"] + "/v1", api_key=os.environ["GATEWAY_KEY"]
    ).bind_tools([look])
    messages = [HumanMessage("What is there?")]
    while True:
        if streamed:
            message = None
            for chunk in model.stream(messages):
                message = chunk if message is None else message + chunk
        else:
            message = model.invoke(messages)
        messages.append(message)
        if not message.tool_calls:
            return message.text
        messages += [ToolMessage(look.invoke(call["args"]), tool_call_id=call["id"]) for call in message.tool_calls]


if __name__ == "__main__":
    print(json.dumps({name: run(name == "streamed") for name in sys.argv[1:]}))
