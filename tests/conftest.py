"""What every test shares: the network is off, the recordings are found or their absence is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket
from hypothesis import HealthCheck, settings

# tests never time: a busy machine is no failure
settings.register_profile("steady", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def network(request: pytest.FixtureRequest) -> Iterator[None]:
    """No sockets, but for tests marked `loopback`: these reach 127.0.0.1 and nothing else."""
    if request.node.get_closest_marker("loopback"):
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()


def missing(what: str) -> None:
    """Skip a test, or the module being read, for a tool or a folder that is not here; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing", allow_module_level=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded runs beside the checkout (or PARCAE_SHARED/data)."""
    folder = Path(os.environ.get("PARCAE_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "autofl_d4j.jsonl.gz").exists():
        missing(f"the folder of recordings {folder}")
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """asyncio is what we run on."""
    return "asyncio"
