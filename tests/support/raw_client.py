"""A client that sends exactly what a test says, for what no well-behaved package would send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedded import Server
from strict_openai import validate
from websockets.sync.client import connect
from websockets.sync.connection import Connection

Event = dict[str, Any]


class RawClient:
    """A WebSocket to the server; what it receives is validated strictly."""

    def __init__(self, socket: Connection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    def send(self, type: str, **fields: Any) -> None:
        """Send a client event."""
        self.socket.send(json.dumps({"type": type, **fields}))

    def session(self, **fields: Any) -> Event:
        """Update the session and return what it is then."""
        self.send("session.update", session={"type": "realtime", **fields})
        updated: Event = self.until("session.updated")["session"]
        return updated

    def speak(self, wire_audio: bytes, *, chunk: int = 4_800) -> None:
        """Append audio that is encoded already."""
        for start in range(0, len(wire_audio), chunk):
            piece = base64.b64encode(wire_audio[start : start + chunk]).decode()
            self.send("input_audio_buffer.append", audio=piece)

    def write(self, text: str) -> None:
        """Add a user message."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        self.send("conversation.item.create", item=item)

    def next(self) -> Event:
        """Receive one event."""
        self.events.append(validate(self.socket.recv()))
        return self.events[-1]

    def until(self, type: str) -> Event:
        """Receive until an event of ``type`` came; any other error fails."""
        while True:
            event = self.next()
            if event["type"] == type:
                return event
            assert event["type"] != "error", event

    def error(self) -> Event:
        """Receive an error event and return its ``error``."""
        error: Event = self.until("error")["error"]
        return error

    def types(self) -> list[str]:
        """The types of all that was received, without the deltas."""
        return [e["type"] for e in self.events if not e["type"].endswith(".delta")]


@contextmanager
def raw_client(
    server: Server, query: str = "model=gpt-realtime", **options: Any
) -> Iterator[RawClient]:
    """Connect with the server's key, unless ``additional_headers`` says otherwise."""
    options.setdefault("additional_headers", {"Authorization": f"Bearer {server.key}"})
    url = f"{server.url.replace('http', 'ws', 1)}/realtime?{query}"
    with connect(url, ssl=server.tls(), proxy=None, max_size=None, **options) as socket:
        yield RawClient(socket)
