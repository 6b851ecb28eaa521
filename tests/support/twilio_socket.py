"""A WebSocket in memory, on whose other side the test is Twilio."""

from __future__ import annotations

import json
import queue
from base64 import b64encode
from typing import Any

from guards import Guard

from realtime_sync.audio import decode_ulaw, encode_ulaw
from realtime_sync.telephony import PhoneCall

__all__ = ["SID", "SPEECH", "Socket", "all_of", "started"]

SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
SPEECH = decode_ulaw(bytes(range(1, 126)) + bytes(range(128, 163)))  # 20 ms


class Socket:
    """A blocking WebSocket on whose other side the test is."""

    def __init__(self) -> None:
        self.incoming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.sent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.broken = False

    def recv(self) -> str:
        text = self.incoming.get()
        if text is None:
            raise EOFError("the link is over")
        return text

    def send(self, message: str) -> None:
        if self.broken:
            raise BrokenPipeError
        self.sent.put(json.loads(message))

    def close(self) -> None:
        self.incoming.put(None)

    # -- the other side

    def say(self, event: str, body: object = None, **fields: Any) -> None:
        message = {"event": event, "streamSid": SID, event: body} | fields
        self.incoming.put(json.dumps(message))

    def start(self, **fields: Any) -> None:
        self.say("start", {"streamSid": SID, "callSid": "CA1", **fields})

    def media(self, chunk: int, pcm: bytes = SPEECH, **fields: Any) -> None:
        payload = b64encode(encode_ulaw(pcm)).decode()
        self.say("media", {"track": "inbound", "chunk": str(chunk), "payload": payload}, **fields)


def started(**fields: Any) -> Socket:
    socket = Socket()
    socket.start(**fields)
    return socket


def all_of(call: PhoneCall) -> bytes:
    """What the caller says until the call is over."""
    return Guard().call(lambda: b"".join(call.source), "the end of what the caller says")
