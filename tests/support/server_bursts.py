"""Clients that send more than their share: their bytes, on sockets that know nothing else."""

from __future__ import annotations

import base64
import json
import os
import socket
from typing import Any

from framing import TEXT, header
from guards import GUARD_S

CONVERSATION = "/v1/realtime?model=local"
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
SECOND = base64.b64encode(bytes(48_000)).decode()
MINUTES = base64.b64encode(bytes(15 << 20)).decode()

Address = tuple[str, int]


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a client's frame, masked with zeros."""
    head = bytearray(header(opcode | (0x80 if fin else 0), len(payload)))
    head[1] |= 0x80
    return bytes(head) + bytes(4) + payload


def event(type: str, **fields: Any) -> bytes:
    """Return the frame of an event."""
    return masked(TEXT, json.dumps({"type": type, **fields}).encode())


def head(path: str, *, upgrade: bool, key: str = "") -> bytes:
    """Return a request, or a handshake."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    if upgrade:
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
    return "\r\n".join([*lines, "", ""]).encode()


def websocket(
    address: Address, path: str = CONVERSATION, *, key: str = "", timeout: float = GUARD_S
) -> socket.socket:
    """Return a WebSocket on which ``session.created`` has come."""
    link = socket.create_connection(address, timeout=timeout)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(head(path, upgrade=True, key=key))
    read_until(link, b"session.created")
    return link


def read_until(link: socket.socket, wanted: bytes) -> None:
    """Read until ``wanted`` has come."""
    received = b""
    while wanted not in received:
        piece = link.recv(1 << 20)
        assert piece, received
        received = received[-len(wanted) :] + piece
