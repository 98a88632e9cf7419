"""A loopback upstream that speaks OpenAI and Anthropic, driven by a script, with faults."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Document = dict[str, object]


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next call."""

    status: int = 0
    cut_after: int | None = None  # events of a stream
    hang: bool = False
    drop: bool = False


@dataclass(slots=True)
class Scripted:
    """Answers with `reply(path, document)`: a document, a stream's events, a response; keeps what it is asked."""

    reply: Callable[[str, Document], object]
    seen: list[tuple[str, Document]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    cancelled: int = 0
    pause_after: int | None = None  # events of a stream, after which `release` is waited for
    release: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        document = json.loads(await request.read())
        path = request.path.removeprefix("/v1")
        self.seen.append((path, document))
        self.headers.append(dict(request.headers))
        fault = self.faults.pop(0) if self.faults else Fault()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if fault.hang:
                await self.release.wait()
            if fault.drop and request.transport is not None:
                request.transport.close()
            if fault.status:
                body = {"error": {"message": "scripted fault", "type": "server_error", "code": "fault"}}
                return web.json_response(body, status=fault.status)
            answer = self.reply(path, document)
            if isinstance(answer, web.StreamResponse):
                return answer
            if isinstance(answer, list):
                return await self._stream(request, answer, fault)
            return web.json_response(answer)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    async def _stream(self, request: web.Request, events: list[object], fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, event in enumerate(events):
            if fault.cut_after is not None and number >= fault.cut_after:
                assert request.transport is not None
                request.transport.close()
                return response
            if number == self.pause_after:
                await self.release.wait()
            data = event if isinstance(event, str) else json.dumps(event)
            kind = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
            await response.write(f"{kind}data: {data}\n\n".encode())
        await response.write_eof()
        return response


@asynccontextmanager
async def upstream(reply: Callable[[str, Document], object]) -> AsyncIterator[Scripted]:
    scripted = Scripted(reply=reply)
    app = web.Application(client_max_size=100_000_000)
    app.router.add_post("/{path:.*}", scripted.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    scripted.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield scripted
    finally:
        scripted.release.set()
        await runner.cleanup()


# ---- replies --------------------------------------------------------------------------------------------------------


def chat(text: str | None = None, *calls: tuple[str, str, str], usage: tuple[int, int] = (10, 5)) -> Document:
    """A whole reply of /chat/completions; calls are (id, name, arguments)."""
    message: Document = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": one, "type": "function", "function": {"name": name, "arguments": arguments}}
            for one, name, arguments in calls
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "upstream-model",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if calls else "stop"}
        ],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }


def chat_stream(text: str = "", *calls: tuple[str, str, str], usage: tuple[int, int] | None = (10, 5)) -> list[object]:
    """The chunks of the same reply, streamed."""

    def chunk(delta: Document, finish: str | None = None) -> Document:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "upstream-model",
            "choices": [choice],
        }

    chunks: list[object] = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"content": word}) for word in re.findall(r"\S+\s*", text)]
    for index, (one, name, arguments) in enumerate(calls):
        head = {"index": index, "id": one, "type": "function", "function": {"name": name, "arguments": ""}}
        chunks.append(chunk({"tool_calls": [head]}))
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            chunks.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
    chunks.append(chunk({}, "tool_calls" if calls else "stop"))
    if usage is not None:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        chunks.append({**chunk({}), "choices": [], "usage": counted})
    return [*chunks, "[DONE]"]


def turns(document: Document) -> int:
    """How many replies of a model the request's history holds."""
    messages = document["messages"]
    assert isinstance(messages, list)
    return sum(message["role"] == "assistant" for message in messages)


def messages(text: str | None = None, *calls: tuple[str, str, str], usage: tuple[int, int] = (10, 5)) -> Document:
    """A whole reply of /messages."""
    content: list[object] = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": one, "name": name, "input": json.loads(arguments)} for one, name, arguments in calls
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "upstream-model",
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage[0], "output_tokens": usage[1]},
    }


def messages_stream(text: str = "", *calls: tuple[str, str, str], usage: tuple[int, int] = (10, 5)) -> list[object]:
    """The events of the same reply, streamed."""
    whole = messages(text, *calls, usage=usage)
    head = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": usage[0], "output_tokens": 1}}
    events: list[object] = [{"type": "message_start", "message": head}]
    content = whole["content"]
    assert isinstance(content, list)
    for index, block in enumerate(content):
        is_text = block["type"] == "text"
        start = {**block, "text": ""} if is_text else {**block, "input": {}}
        said = block["text"] if is_text else json.dumps(block["input"])
        half = len(said) // 2
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for part in (said[:half], said[half:]):
            delta = (
                {"type": "text_delta", "text": part} if is_text else {"type": "input_json_delta", "partial_json": part}
            )
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [
        *events,
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage[1]}},
        {"type": "message_stop"},
    ]


def response(text: str | None = None, *calls: tuple[str, str, str], usage: tuple[int, int] = (10, 5)) -> Document:
    """A whole reply of /responses."""
    part = {"type": "output_text", "text": text, "annotations": []}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    output: list[object] = [said] if text else []
    output += [
        {"id": f"fc_{one}", "type": "function_call", "call_id": one, "name": name, "arguments": arguments}
        for one, name, arguments in calls
    ]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "upstream-model",
        "output": output,
        "usage": {"input_tokens": usage[0], "output_tokens": usage[1], "total_tokens": sum(usage)},
    }


def response_stream(text: str = "", *calls: tuple[str, str, str]) -> list[object]:
    """The events of the same reply, streamed."""
    whole = response(text, *calls)
    output = whole["output"]
    assert isinstance(output, list)
    events: list[Document] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}}
    ]
    for index, item in enumerate(output):
        place = {"item_id": item["id"], "output_index": index}
        if item["type"] == "message":
            part, at = item["content"][0], {**place, "content_index": 0}
            events += [
                {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}},
                {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
                {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
                {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
                {"type": "response.content_part.done", **at, "part": part},
            ]
        else:
            arguments = item["arguments"]
            events += [
                {"type": "response.output_item.added", "output_index": index, "item": {**item, "arguments": ""}},
                {"type": "response.function_call_arguments.delta", **place, "delta": arguments},
                {"type": "response.function_call_arguments.done", **place, "arguments": arguments},
            ]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]
