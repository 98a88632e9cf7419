"""An OpenAI-compatible server that answers at once, as cheaply as Python can: python -m bench.load.upstream PORT.

POST: a chat completion; streamed, if asked for, as `chunks` events over `seconds` (a header "x-seconds" sets them).
GET /count: how many were answered, and how many tokens they were billed for.
"""

from __future__ import annotations

import asyncio
import json
import sys

import httptools
import uvloop

SAID = "I looked into the file, and what the test wants is there. " * 2
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": SAID, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 500, "completion_tokens": 60, "total_tokens": 560},
    }
).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
WHOLE = (HEAD % b"application/json") + b"content-length: %d\r\n\r\n" % len(REPLY) + REPLY
CHUNKS = 20


def _event(choices: list[object], **more: object) -> bytes:
    document = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "small",
        "choices": choices,
        **more,
    }
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


DELTA = _event([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}])
LAST = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + _event(
    [], usage={"prompt_tokens": 500, "completion_tokens": 60, "total_tokens": 560}
)
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
answered = 0


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.streams, self.seconds = False, 1.0

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        pass

    def on_body(self, body: bytes) -> None:
        if b'"stream":true' in body:
            self.streams = True

    def on_message_complete(self) -> None:
        global answered
        if self.url == b"/count":
            body = json.dumps({"answered": answered}).encode()
            self.transport.write((HEAD % b"application/json") + b"content-length: %d\r\n\r\n" % len(body) + body)
        elif self.streams:
            self.streams = False
            self.transport.write((HEAD % b"text/event-stream") + b"transfer-encoding: chunked\r\n\r\n")
            self.tick(CHUNKS)
        else:
            answered += 1
            self.transport.write(WHOLE)

    def tick(self, left: int) -> None:
        global answered
        if self.transport.is_closing():
            return
        if left:
            self.transport.write(DELTA)
            asyncio.get_running_loop().call_later(self.seconds / CHUNKS, self.tick, left - 1)
            return
        answered += 1
        self.transport.write(LAST + DONE)


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
