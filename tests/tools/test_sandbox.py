"""The walls hold: no network, no home, nothing written outside, no variables, and every bomb ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parcae.core.errors import SandboxFailed
from parcae.tools import bubblewrap, sandbox
from parcae.tools.process_tree import descendants
from parcae.tools.sandbox import Bind, Finished, Sandbox, SandboxLimits
from parcae.tools.unsandboxed import unsandboxed

TIGHT = SandboxLimits(wall_seconds=60, cpu_seconds=30, memory_bytes=256 << 20, processes=24, written_bytes=32 << 20)
LITTLE = replace(TIGHT, written_bytes=8 << 20)
SHORT = SandboxLimits(wall_seconds=1.0)


async def python(code: str, box: Sandbox, folder: Path, limits: SandboxLimits = TIGHT, **env: str) -> Finished:
    prefix = Path(sys.base_prefix)
    binds = [Bind(path=folder, writable=True), *([] if prefix.is_relative_to("/usr") else [Bind(path=prefix)])]
    command = [str(Path(sys.executable).resolve()), "-S", "-c", code]
    return await box.run(command, cwd=folder, binds=binds, env=env, limits=limits)


@pytest.mark.loopback
async def test_there_is_no_network_not_even_this_machine(walls: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = await python(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)", walls, tmp_path)
    assert done.exit_code == 1
    assert "Error" in done.stderr


async def test_the_home_and_the_rest_of_the_disk_are_not_there(walls: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    inside = tmp_path / "inside"
    inside.mkdir()
    home = Path.home()
    code = (
        "import os; print(os.path.exists({!r}), os.environ['HOME'], os.listdir(os.environ['HOME']), "
        "[name for name in os.listdir({!r}) if name not in {!r}] if os.path.isdir({!r}) else [])"
    ).format(str(secret), str(home), [".pyenv", ".local"], str(home))
    done = await python(code, walls, inside)
    assert done.stdout.split() == ["False", "/tmp/home", "[]", "[]"]


async def test_only_what_was_bound_writable_can_be_written(walls: Sandbox, tmp_path: Path) -> None:
    code = """
for name in ("mine", "/tmp/scratch", "/usr/x", "/etc/x", "/x"):
    try:
        open(name, "w").close(); print("yes")
    except OSError:
        print("no")
"""
    done = await python(code, walls, tmp_path)
    assert done.stdout.split() == ["yes", "yes", "no", "no", "no"]
    assert (tmp_path / "mine").exists()
    assert not Path("/tmp/scratch").exists()


async def test_nothing_of_our_environment_comes_along(
    walls: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    for box in (walls, unsandboxed()):
        done = await python("import os; print(os.environ.get('OPENAI_API_KEY'), os.environ['A'])", box, tmp_path, A="1")
        assert done.stdout.split() == ["None", "1"]


async def test_other_processes_are_not_seen(walls: Sandbox, tmp_path: Path) -> None:
    done = await python("import os; print([n for n in os.listdir('/proc') if n.isdigit()])", walls, tmp_path)
    assert str(os.getpid()) not in done.stdout or len(done.stdout.split()) < 8


KEYS = """
import ctypes
kernel = ctypes.CDLL(None, use_errno=True).syscall
print(kernel({keyctl}, 10, ctypes.c_int(-3), b"user", b"parcae-probe", 0))
"""


async def test_keys_of_our_session_are_not_found(walls: Sandbox, tmp_path: Path) -> None:
    add_key, keyctl = (217, 219) if os.uname().machine == "aarch64" else (248, 250)
    key = ctypes.CDLL(None).syscall(add_key, b"user", b"parcae-probe", b"a ticket", 8, ctypes.c_int(-3))
    if key < 0:
        pytest.skip("this kernel keeps no keys for us")
    code = KEYS.format(keyctl=keyctl)
    assert (await python(code, unsandboxed(), tmp_path)).stdout == f"{key}\n"
    assert (await python(code, walls, tmp_path)).stdout == "-1\n"


async def test_a_fork_bomb_ends(walls: Sandbox, tmp_path: Path) -> None:
    # Bounded by itself as well, so that a sandbox that failed this test would do no harm.
    code = "import os, time\nfor _ in range(40):\n    os.fork() or (time.sleep(30), os._exit(0))\ntime.sleep(30)"
    for box in (walls, unsandboxed()):
        done = await python(code, box, tmp_path)
        assert done.limit == "processes" or "Resource temporarily unavailable" in done.stderr
        assert done.seconds < 30
    assert not [pid for pid in descendants(os.getpid()) if _command(pid).startswith(f"{sys.executable}\0-S\0-c")]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


async def test_memory_is_bounded_for_one_process_and_for_all(walls: Sandbox, tmp_path: Path) -> None:
    one = await python("x = bytearray(1 << 30)", walls, tmp_path)
    assert one.out_of_memory or "MemoryError" in one.stderr
    code = (
        "import os, time\nfor _ in range(4):\n    if not os.fork():\n        x = b'x' * (120 << 20)\n"
        "        time.sleep(30)\ntime.sleep(30)"
    )
    many = await python(code, walls, tmp_path)
    assert many.out_of_memory
    assert many.seconds < 30


HOARDS = {
    "one file": "kept = open('big', 'wb')",
    "without a name": "kept = open('big', 'wb'); os.unlink('big')",
    "never had one": "kept = os.fdopen(os.memfd_create('big'), 'wb')",
    "too deep": "for _ in range(50): os.mkdir('d' * 100); os.chdir('d' * 100)\nkept = open('a', 'wb', 0)",
}


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk, whose writes the kernel counts by process, and one in memory, where it does not."""
    if request.param == "disk":
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("hoard", HOARDS)
async def test_what_is_written_is_bounded(hoard: str, walls: Sandbox, place: Path) -> None:
    code = f"import os, time\n{HOARDS[hoard]}\nfor _ in range(24):\n    kept.write(bytes(1 << 20))\ntime.sleep(30)"
    for name, box in (("walls", walls), ("none", unsandboxed())):
        folder = place / name
        folder.mkdir()
        done = await python(code, box, folder, LITTLE)
        assert done.limit == "written_bytes" and done.seconds < 20


async def test_nothing_is_written_beside_what_was_given_without_bound(walls: Sandbox, tmp_path: Path) -> None:
    code = """
import multiprocessing, os
print(multiprocessing.Lock().acquire())
print(os.write(os.open("/dev/null", os.O_WRONLY), b"x"), len(open("/dev/urandom", "rb").read(9)))
for folder in ("/tmp", "/dev/shm", "/dev"):
    try:
        for number in range(64):
            open(f"{folder}/{number}", "wb").write(bytes(1 << 20))
    except OSError:
        pass
    print(sum(os.stat(f"{folder}/{name}").st_size for name in os.listdir(folder) if name.isdigit()) <= 32 << 20)
"""
    done = await python(code, walls, tmp_path)
    assert done.stdout.split() == ["True", "1", "9", "True", "True", "True"], done.stderr


async def test_what_others_write_meanwhile_ends_nothing(walls: Sandbox, place: Path) -> None:
    inside, beside = place / "inside", place / "beside"
    inside.mkdir()
    task = asyncio.ensure_future(
        python("import time; time.sleep(1); open('mine', 'w').write('x')", walls, inside, LITTLE)
    )
    await asyncio.sleep(0.2)
    beside.write_bytes(bytes(16 << 20))
    done = await task
    assert (done.limit, done.exit_code) == (None, 0)


async def test_time_is_bounded_and_what_was_said_is_kept(walls: Sandbox, tmp_path: Path) -> None:
    for box in (walls, unsandboxed()):
        done = await python("print('hi', flush=True)\nwhile True: pass", box, tmp_path, SHORT)
        assert done.timed_out
        assert done.limit in ("wall_seconds", "cpu_seconds")


async def test_much_output_is_cut_and_said_so(walls: Sandbox, tmp_path: Path) -> None:
    limits = SandboxLimits(output_bytes=1000)
    done = await python("print('x' * 100_000)", walls, tmp_path, limits)
    assert done.exit_code == 0
    assert done.stdout.endswith("more bytes]")
    assert len(done.stdout) < 1100


async def test_cancelling_leaves_no_child(walls: Sandbox, tmp_path: Path) -> None:
    for box in (walls, unsandboxed()):
        started = tmp_path / "started"
        code = "import time; open('started', 'w').close(); time.sleep(60)"
        task = asyncio.ensure_future(python(code, box, tmp_path))
        while not started.exists():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started.unlink()
        assert not [pid for pid in descendants(os.getpid()) if "time.sleep(60)" in _command(pid)]


async def test_a_program_that_is_not_there_is_said(walls: Sandbox, tmp_path: Path) -> None:
    done = await walls.run(["/no/such/program"], cwd=tmp_path, binds=[Bind(path=tmp_path)])
    assert done.exit_code != 0


async def test_a_command_that_speaks_like_the_sandbox_is_no_broken_sandbox(walls: Sandbox, tmp_path: Path) -> None:
    done = await python("import sys; sys.exit('bwrap: no permissions')", walls, tmp_path)
    assert (done.exit_code, done.stderr) == (1, "bwrap: no permissions\n")


def test_without_bubblewrap_the_package_and_the_way_around_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "trouble", lambda: "the program `bwrap` is missing")  # a machine without it
    with pytest.raises(SandboxFailed, match=r"apt install bubblewrap.*--no-sandbox") as failed:
        sandbox.find_sandbox(False)
    assert failed.value.exit_code == 5
    assert not sandbox.find_sandbox(True).contained
