"""The published `openai` package, connected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from embedded import Server
from openai_peer import Peer, async_peer, sync_peer


@pytest.fixture(params=["sync", "async"])
def peer(request: pytest.FixtureRequest, server: Server) -> Iterator[Peer]:
    """A connection that has been greeted."""
    make = {"sync": sync_peer, "async": async_peer}[request.param]
    for made in make(server, {"model": "gpt-realtime"}):
        assert made.next()["type"] == "session.created"
        yield made
