"""The sandbox: bubblewrap with a new user, process, network, IPC, host-name and control-group namespace.

A command sees the system's programs and libraries and what was bound for it, all read-only but what was bound
writable, an empty /tmp and home of its own, no network, no other process, no keyring, and no variable of our
environment. Works as an ordinary user where user namespaces are allowed, and as root. Docs:
https://github.com/containers/bubblewrap.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from parcae.core.errors import SandboxFailed
from parcae.tools.keyrings import no_keyrings
from parcae.tools.process import limited, run_process
from parcae.tools.sandbox import DEFAULT_LIMITS, Bind, Finished, Sandbox, SandboxLimits, slots

HOME = "/tmp/home"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    *("/etc/alternatives", "/etc/ca-certificates", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/pki", "/etc/protocols", "/etc/services"),
    *("/etc/ssl/certs", "/etc/timezone"),
)
_SPACES = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bubblewrap:
    program: str
    at_once: asyncio.Semaphore = field(default_factory=slots)
    contained: bool = True

    async def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        binds: Sequence[Bind] = (),
        env: Mapping[str, str] = MappingProxyType({}),
        limits: SandboxLimits = DEFAULT_LIMITS,
    ) -> Finished:
        async with self.at_once:
            with _init_pid() as init, no_keyrings() as rules:
                walls = [self.program, *_walls(cwd, binds, env, limits), "--json-status-fd", str(init.write_fd)]
                walls += ["--seccomp", str(rules)]
                finished = await run_process(
                    [*walls, "--", *limited(command, limits)],
                    cwd=None,
                    env={"PATH": "/usr/bin:/bin"},
                    limits=limits,
                    writes=[bind.path for bind in binds if bind.writable],
                    pass_fds=(init.write_fd, rules),
                    finish=init.kill,
                )
        if not init.ran and finished.exit_code == 1 and finished.stderr.startswith("bwrap: "):
            raise SandboxFailed(f"the sandbox could not be built: {finished.stderr.strip()}", "run `parcae doctor`")
        return finished


@dataclass(slots=True)
class _InitPid:
    """The first process of a sandbox: when it is killed, the kernel kills all others in there.

    `ran`: bubblewrap says that the walls stood and that the command ended. What the command itself says is no proof.
    """

    read_fd: int
    write_fd: int
    ran: bool = False

    def kill(self, _pid: int) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = [json.loads(line) for line in os.read(self.read_fd, 4096).decode().splitlines()]
            self.ran = any("exit-code" in one for one in said)
            os.kill(said[0]["child-pid"], signal.SIGKILL)


def bubblewrap() -> Sandbox:
    """The sandbox. Make one and share it: it runs two commands for each core at once, the others wait.

    Raises:
        SandboxFailed: the program `bwrap` is missing.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxFailed("the program `bwrap` is missing", "install the package bubblewrap")
    return _Bubblewrap(program=program)


@cache
def trouble() -> str | None:
    """Why sandboxes cannot be made here; None if they can. Probed once, by making one."""
    program = shutil.which("bwrap")
    if program is None:
        return "the program `bwrap` is missing"
    command = [program, *_SPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    try:
        with no_keyrings() as rules:
            command += ["--seccomp", str(rules), "true"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, pass_fds=(rules,))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`bwrap` does not start here ({error})"
    if done.returncode != 0:
        return f"`bwrap` may not make namespaces here ({done.stderr.strip()})"
    return None


def _walls(cwd: Path, binds: Sequence[Bind], env: Mapping[str, str], limits: SandboxLimits) -> list[str]:
    """The arguments that build what the command sees."""
    walls = [*_SPACES, "--die-with-parent", "--new-session", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    for path in (*_SYSTEM, *_SETTINGS):
        walls += _same_link(path) if Path(path).is_symlink() else ["--ro-bind-try", path, path]
    scratch_bytes = str(min(limits.written_bytes, limits.memory_bytes))
    walls += ["--proc", "/proc", "--dev", "/dev"]
    for scratch in ("/dev/shm", "/tmp"):  # in memory: the size that a file system is made with is its limit
        walls += ["--size", scratch_bytes, "--tmpfs", scratch]
    walls += ["--remount-ro", "/dev", "--dir", HOME]
    for bind in binds:
        walls += ["--bind" if bind.writable else "--ro-bind", str(bind.path), str(bind.at or bind.path)]
    walls += ["--remount-ro", "/", "--chdir", str(cwd), "--clearenv"]
    for name, value in {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": HOME, "LANG": "C.UTF-8", **env}.items():
        walls += ["--setenv", name, value]
    return walls


def _same_link(path: str) -> list[str]:
    target = Path(path).readlink()
    if path.startswith("/etc/") and path != "/etc/localtime":
        return ["--ro-bind-try", path, path]
    return ["--symlink", str(target), path]


@contextlib.contextmanager
def _init_pid() -> Iterator[_InitPid]:
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    try:
        yield _InitPid(read_fd, write_fd)
    finally:
        os.close(read_fd)
        os.close(write_fd)
