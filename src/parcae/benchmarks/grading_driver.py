"""Both sides of one grading, each in a sandbox of its own: the tests here, the solution there, plain values between.

    python grading_driver.py solution SOCKET FILE        # serves the functions of FILE
    python grading_driver.py tests SOCKET FILE NAME...   # runs FILE; each NAME is a function of the other side

The solution sees the arguments of its calls and nothing else of the tests; what it gives back is rebuilt here from
plain JSON, so it can bring no behaviour of its own. Needs nothing but a Python; imports nothing of Parcae.
"""

from __future__ import annotations

import builtins
import itertools
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

PASSED = "every test passed"
MOST_BYTES = 16 << 20
_MOST_LAZY = 100_000
_LAZY: tuple[type, ...] = (
    range,
    map,
    filter,
    zip,
    enumerate,
    reversed,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
_SHAPES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "lazy": iter}


def pack(value: Any) -> Any:
    """`value` as JSON; TypeError if it is not plain."""
    if value is None or isinstance(value, (bool, str)):
        return value
    for kind, packed in _PACKED:
        if isinstance(value, kind):
            return packed(value)
    if isinstance(value, _LAZY) or type(value).__name__ == "generator":
        return {"lazy": [pack(one) for one in itertools.islice(value, _MOST_LAZY)]}
    raise TypeError(f"{type(value).__name__} is no plain value")


_PACKED: tuple[tuple[Any, Any], ...] = (
    (int, int),
    (float, lambda value: {"float": float(value).hex()}),
    (complex, lambda value: {"complex": [value.real.hex(), value.imag.hex()]}),
    ((bytes, bytearray), lambda value: {"bytes": bytes(value).hex()}),
    (list, lambda value: [pack(one) for one in value]),
    (tuple, lambda value: {"tuple": [pack(one) for one in value]}),
    (set, lambda value: {"set": [pack(one) for one in value]}),
    (frozenset, lambda value: {"frozenset": [pack(one) for one in value]}),
    (dict, lambda value: {"dict": [[pack(key), pack(one)] for key, one in value.items()]}),
)


def unpack(packed: Any) -> Any:
    """What `pack` was given."""
    if isinstance(packed, list):
        return [unpack(one) for one in packed]
    if not isinstance(packed, dict):
        return packed
    (shape, held), *_ = packed.items()
    if shape == "float":
        return float.fromhex(held)
    if shape == "complex":
        return complex(*map(float.fromhex, held))
    if shape == "bytes":
        return bytes.fromhex(held)
    if shape == "dict":
        return {unpack(key): unpack(one) for key, one in held}
    return _SHAPES[shape]([unpack(one) for one in held])


class _Line:
    """One JSON document a line, over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rwb")

    def send(self, document: Any) -> None:
        self.stream.write(json.dumps(document).encode() + b"\n")
        self.stream.flush()

    def receive(self) -> Any:
        line = self.stream.readline(MOST_BYTES)
        if not line.endswith(b"\n"):
            raise ConnectionError("the solution is gone, or said too much")
        return json.loads(line)


def serve_solution(address: str, file: str) -> None:
    """Run the solution, then call its functions as asked."""
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(Path(file).read_text(encoding="utf-8"), "solution.py", "exec"), space)
    connection = socket.socket(socket.AF_UNIX)
    while True:
        try:
            connection.connect(address)
            break
        except OSError:
            time.sleep(0.01)
    line = _Line(connection)
    while True:
        try:
            asked = line.receive()
        except (ConnectionError, ValueError):
            return
        try:
            arguments, named = unpack(asked["arguments"]), unpack(asked["named"])
            line.send({"value": pack(space[asked["name"]](*arguments, **named))})
        except Exception as error:  # noqa: BLE001  # whatever the solution raises is the tests' to judge
            line.send({"raised": type(error).__name__, "text": str(error)[:1000]})


def _raise_here(name: str, text: str) -> NoReturn:
    """Raise what the solution raised; a StopIteration would end the tests' loops unseen."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not StopIteration:
        raise kind(text)
    raise RuntimeError(text)


def run_tests(address: str, file: str, names: list[str]) -> None:
    """Wait for the solution, run the tests against it, and say so if all of them passed."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(1)
    connection, _ = listener.accept()
    line = _Line(connection)

    def remote(name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            line.send({"name": name, "arguments": pack(arguments), "named": pack(named)})
            said = line.receive()
            if "raised" not in said:
                return unpack(said["value"])
            _raise_here(str(said["raised"]), str(said["text"]))

        return call

    space = {"__name__": "tests", **{name: remote(name) for name in names}}
    exec(compile(Path(file).read_text(encoding="utf-8"), "tests.py", "exec"), space)
    sys.stdout.write(f"{PASSED}\n")


if __name__ == "__main__":
    role, where, what, *rest = sys.argv[1:]
    serve_solution(where, what) if role == "solution" else run_tests(where, what, rest)
