"""The published `openai` package, connected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from embedded import Server
from openai_peer import Peer, async_peer, sync_peer


# Not the synchronous client over TLS: it reads and writes one TLS object in two threads. On a busy
# machine two of a hundred of its handshakes never end, with websockets' own server too, and now
# and then the process dies of its heap.
@pytest.fixture(
    params=[(sync_peer, "ws"), (async_peer, "ws"), (async_peer, "wss")],
    ids=["sync-ws", "async-ws", "async-wss"],
)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A connection that has been greeted."""
    make, scheme = request.param
    server: Server = request.getfixturevalue(f"{scheme}_server")
    for made in make(server, "gpt-realtime"):
        assert made.next()["type"] == "session.created"
        yield made
