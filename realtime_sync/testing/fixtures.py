"""Fixtures for pytest, by ``pytest_plugins = ["realtime_sync.testing.fixtures"]`` in a conftest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..clients.local import Local
from .scripted_server import ScriptedServer

__all__ = ["local_server", "scripted_server"]


@pytest.fixture
def scripted_server() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes servers that follow a script: called like the class `ScriptedServer`.

    When the test is over, each of them must have come to the end of its script.
    """
    servers: list[ScriptedServer] = []

    def make(*arguments: Any, **options: Any) -> ScriptedServer:
        servers.append(ScriptedServer(*arguments, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.assert_complete()


@pytest.fixture(scope="session")
def local_server() -> Iterator[Local]:
    """The client of one embedded server for the whole run, with ``.url`` and ``.api_key``."""
    with Local() as client:
        assert client.url  # starts it, so that no test waits for that
        yield client
