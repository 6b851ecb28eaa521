"""A server that follows a script for each connection, and a client of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from raw_server import CLOSE, TEXT, RawPeer, RawServer, Script, close_payload

from realtime_sync import OpenAI

KEY = "sk-of-the-scripts"
Event = dict[str, Any]


def scripted(*scripts: Script) -> RawServer:
    """Return a server whose connections run ``scripts``, one after the other; one more fails."""
    left = list(scripts)

    def serve(peer: RawPeer) -> None:
        assert left, "a connection too many"
        left.pop(0)(peer)

    return RawServer(serve)


def client(server: RawServer, **options: Any) -> OpenAI:
    """Return a client of it."""
    return OpenAI(
        **{"api_key": KEY, "base_url": f"http://127.0.0.1:{server.port}/v1", "proxy": ""} | options
    )


def say(peer: RawPeer, type: str, **fields: Any) -> None:
    """Send an event."""
    peer.send(TEXT, json.dumps({"type": type, "event_id": "event_1", **fields}).encode())


def hear(peer: RawPeer) -> Event:
    """Return the client's next event."""
    opcode, payload = peer.frame()
    assert opcode == TEXT, (opcode, payload)
    event: Event = json.loads(payload)
    return event


def hang_up(peer: RawPeer, code: int, reason: str = "the script says so") -> None:
    """Close, and wait until the client has closed as well."""
    peer.send(CLOSE, close_payload(code, reason))
    peer.expect_end()


def hang_on(peer: RawPeer) -> None:
    """Wait until the client closes, and answer it; it must say nothing else."""
    opcode, payload = peer.frame()
    assert opcode == CLOSE, payload
    peer.send(CLOSE, payload)


def target(peer: RawPeer) -> tuple[str, dict[str, list[str]]]:
    """Return the path and the query of the upgrade."""
    parts = urlsplit(peer.head.split(b" ", 2)[1].decode())
    return parts.path, parse_qs(parts.query, keep_blank_values=True)
