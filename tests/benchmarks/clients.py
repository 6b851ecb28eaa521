"""The clients side by side: each used as its own documentation says, and as fast as it can be.

Every ``take`` is the loop that a program would write; what it does with an event is nothing.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import wire
from traffic import MIXES

__all__ = [
    "AGENT_BY_HAND",
    "AGENT_QUIET",
    "CLIENTS",
    "FLOOR",
    "OPENAI",
    "OURS",
    "OURS_FAST",
    "OURS_NUMPY",
    "Client",
]


class Client(Protocol):
    """One connection to the load server."""

    def receive(self) -> Any:
        """Return the next event; raise any exception at the end."""

    def take(self, count: int, /) -> None:
        """Receive so many events."""

    @staticmethod
    def stamp(event: Any, /) -> int:
        """Return when the load server sent an event of a talk, on the monotonic clock, in ns."""

    def say(self, text: str, /) -> object:
        """Send a text message."""

    def append(self, pcm: bytes, /) -> None:
        """Send audio."""

    def close(self) -> None:
        """End the connection."""


class RealtimeSync:
    """This project."""

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        from realtime_sync import OpenAI

        client = OpenAI(api_key="key", websocket_base_url=base, ssl_context=tls)
        self._connection = client.realtime.connect(model=plan).enter()
        self.receive = self._connection.recv
        self.say = self._connection.send_raw
        self.close = self._connection.close

    def append(self, pcm: bytes) -> None:
        self._connection.input_audio_buffer.append(audio=pcm)

    def take(self, count: int) -> None:
        receive = self.receive
        for _ in range(count):
            receive()

    @staticmethod
    def stamp(event: Any) -> int:
        return int(event.event_id[6:])


class RealtimeSyncNumpy(RealtimeSync):
    """This project in a program that uses NumPy, as every one with a microphone does."""

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        import numpy  # noqa: F401  # the masks are made with it if it is there

        super().__init__(base, plan, tls)


class OpenAIPython:
    """openai-python's synchronous ``client.realtime``."""

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        import openai

        client = openai.OpenAI(api_key="key", websocket_base_url=base)
        options: Any = {"ssl": tls} if tls else {}
        manager = client.realtime.connect(model=plan, websocket_connection_options=options)
        self._connection = manager.enter()
        self.receive = self._connection.recv
        self.say = self._connection.send_raw
        self.close = self._connection.close

    def append(self, pcm: bytes) -> None:
        self._connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    def take(self, count: int) -> None:
        receive = self.receive
        for _ in range(count):
            receive()

    @staticmethod
    def stamp(event: Any) -> int:
        return int(event.event_id[6:])


def _append_event(pcm: bytes) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


class Websockets:
    """The library websockets, its threaded client, and json."""

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        from websockets.sync.client import connect

        url = f"{base}/realtime?model={plan}"
        self._socket = connect(url, ssl=tls, max_size=None, compression=None, proxy=None)
        self._recv = self._socket.recv
        self.say = self._socket.send
        self.close = self._socket.close

    def receive(self) -> Any:
        return json.loads(self._recv())

    def append(self, pcm: bytes) -> None:
        self.say(_append_event(pcm))

    def take(self, count: int) -> None:
        recv, loads = self._recv, json.loads
        for _ in range(count):
            loads(recv())

    @staticmethod
    def stamp(event: Any) -> int:
        return int(event["event_id"][6:])


class WebsocketClient:
    """The library websocket-client, without its check of UTF-8 in Python, and json."""

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        import websocket

        self._socket = websocket.create_connection(
            f"{base}/realtime?model={plan}",
            skip_utf8_validation=True,  # with it the figures are 5 to 50 times larger
            sslopt={"context": tls} if tls else {},
        )
        self._recv = self._socket.recv
        self.say = self._socket.send
        self.close = self._socket.close

    def receive(self) -> Any:
        return json.loads(self._recv())

    def append(self, pcm: bytes) -> None:
        self.say(_append_event(pcm))

    def take(self, count: int) -> None:
        recv, loads = self._recv, json.loads
        for _ in range(count):
            loads(recv())

    @staticmethod
    def stamp(event: Any) -> int:
        return int(event["event_id"][6:])


class RawSocket:
    """The floor: bytes in and out of a socket, frames prepared beforehand, nothing looked at."""

    _ANY_STAMP = re.compile(rb'"event_id":"event_(\d{21})')

    def __init__(self, base: str, plan: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(base)
        assert parts.hostname
        assert parts.port
        sock = socket.create_connection((parts.hostname, parts.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls.wrap_socket(sock, server_hostname=parts.hostname) if tls else sock
        wire.handshake(self._socket, f"{parts.path}/realtime?model={plan}")
        self._plan = plan
        self._inbox = wire.Inbox()
        self._stamps: list[int] = []
        self._frames: dict[int, bytes] = {}

    def receive(self) -> int:
        while not self._stamps:
            data = self._socket.recv(1 << 16)
            if not data or data.endswith(wire.CLOSE_NORMAL):
                raise EOFError
            self._stamps = [int(stamp) for stamp in self._ANY_STAMP.findall(data)][::-1]
        return self._stamps.pop()

    def take(self, count: int) -> None:
        kind, *arguments = self._plan.split("-")
        if kind == "flood":
            sizes = [len(wire.server_frame(text)) for text in MIXES[arguments[0]]]
            whole, rest = divmod(count, len(sizes))
            left = whole * sum(sizes) + sum(sizes[:rest])
            buffer = bytearray(1 << 16)
            while left > 0:
                left -= self._socket.recv_into(buffer)
            return
        while count > 0:
            count -= self._inbox.count(self._socket.recv(1 << 16))

    def say(self, text: str) -> None:
        self._socket.sendall(wire.zero_masked_frame(text.encode()))

    def append(self, pcm: bytes) -> None:
        frame = self._frames.get(len(pcm))
        if frame is None:
            frame = wire.zero_masked_frame(_append_event(pcm).encode())
            self._frames[len(pcm)] = frame
        self._socket.sendall(frame)

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def stamp(event: int) -> int:
        return event


OURS = "realtime_sync"
OURS_NUMPY = "realtime_sync, NumPy loaded"
OURS_FAST = "realtime_sync[fast]"
OPENAI = "openai-python"
AGENT_BY_HAND = "session of agents, by hand"
AGENT_QUIET = "session of agents, events=False"
FLOOR = "raw socket"
CLIENTS: dict[str, Callable[[str, str, ssl.SSLContext | None], Client]] = {
    OURS: RealtimeSync,
    OURS_NUMPY: RealtimeSyncNumpy,
    OURS_FAST: RealtimeSyncNumpy,
    OPENAI: OpenAIPython,
    "websockets + json": Websockets,
    "websocket-client + json": WebsocketClient,
    FLOOR: RawSocket,
}
os.environ["NO_PROXY"] = "localhost,127.0.0.1"
