"""A rule for the kernel that closes its keyrings to a sandboxed command: no namespace parts those from ours.

A process owns the keys of the session that it was started in, such as tickets and passwords of network drives. Source:
https://man7.org/linux/man-pages/man7/session-keyring.7.html and https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Iterator

# kind of processor -> the numbers of add_key, request_key and keyctl there
_CALLS = {
    0xC000003E: (248, 249, 250),  # x86_64
    0x40000003: (286, 287, 288),  # i386
    0xC00000B7: (217, 218, 219),  # aarch64
    0x40000028: (309, 310, 311),  # arm
    0xC00000F3: (217, 218, 219),  # riscv64
    0x80000016: (278, 279, 280),  # s390x
    0xC0000015: (269, 270, 271),  # ppc64le
}
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_NUMBER_AT, _KIND_AT = 0, 4  # in the kernel's struct seccomp_data
_NOT_X32 = 0xBFFFFFFF  # x86_64 has each call a second time, with this bit set
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


@contextlib.contextmanager
def no_keyrings() -> Iterator[int]:
    """A file descriptor from which the rule, as a program for the kernel, can be read once."""
    read_fd, write_fd = os.pipe()
    try:
        os.write(write_fd, _program())
        os.close(write_fd)
        yield read_fd
    finally:
        os.close(read_fd)


def _program() -> bytes:
    rule = [_step(_LOAD, _KIND_AT)]
    for kind, calls in _CALLS.items():
        rule += [_step(_IF_EQUAL, kind, 0, 4 + len(calls)), _step(_LOAD, _NUMBER_AT), _step(_AND, _NOT_X32)]
        rule += [_step(_IF_EQUAL, call, len(calls) - place) for place, call in enumerate(calls)]
        rule += [_step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)]
    return b"".join([*rule, _step(_RETURN, _ALLOW)])


def _step(what: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("=HBBI", what, if_so, if_not, value)
