"""The far ends of many telephone calls, in one thread: a process of its own beside the bridge.

Arguments: the kind ("twilio" or "asterisk"), the port of the bridge, and how many calls. Each phone
says 20 ms of noise at a time by one schedule, plays what it is sent, and returns Twilio's marks.
When the bridge has hung up all calls, the process prints one line of JSON: what came, and when.
"""

from __future__ import annotations

import heapq
import json
import random
import selectors
import socket
import struct
import sys
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections import deque
from itertools import pairwise

from wire import handshake, zero_masked_frame

__all__ = ["lateness"]

_FRAME_S = 0.02
_ANSWER_S = 0.5  # who is silent for so long has ended an answer
_READ = 65_536


class Phone(ABC):
    """One phone.

    Attributes:
        arrivals: when each frame came.
        dry: how many frames of silence were heard in the middle of an answer.
        said: how many frames it has said.
    """

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrivals: list[float] = []
        self.dry = 0
        self.said = 0
        self._silence: int | None = None  # frames since the last that held sound; None before it
        self._unread = bytearray()

    def read(self) -> bool:
        """Take what has come; False when the bridge has hung up."""
        try:
            data = self.sock.recv(_READ)
        except ConnectionError:
            return False
        self._unread += data
        self._digest(time.monotonic())
        return bool(data)

    def tick(self) -> None:
        """Play a frame, and say one."""
        if self._play():
            if self._silence is not None and self._silence * _FRAME_S < _ANSWER_S:
                self.dry += self._silence
            self._silence = 0
        elif self._silence is not None:
            self._silence += 1
        self.said += 1
        self._say()

    @abstractmethod
    def _digest(self, now: float) -> None:
        """Take the whole messages among what has come."""

    @abstractmethod
    def _play(self) -> bool:
        """Play a frame; False when there is none."""

    @abstractmethod
    def _say(self) -> None:
        """Say 20 ms."""


class TwilioPhone(Phone):
    """A phone behind Twilio."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        handshake(self.sock, "/call")
        start = {"streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"]}
        self._send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))
        self._buffer: deque[str | None] = deque()  # None is a frame, a text the mark behind it
        payload = b64encode(random.Random(1).randbytes(160)).decode()
        self._media = (
            '{"event":"media","streamSid":"MZ1","media":{"track":"inbound","chunk":"%d",'
            f'"timestamp":"0","payload":"{payload}"}}}}'
        )

    def _digest(self, now: float) -> None:
        data = self._unread
        while len(data) >= 4:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + size:
                return
            self._take(data[0], bytes(data[start : start + size]), now)
            del data[: start + size]

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == 0x88:
            self.sock.sendall(b"\x88\x82\0\0\0\0" + payload[:2])
        elif opcode == 0x89:
            self.sock.sendall(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
        elif payload.startswith(b'{"event":"media"'):
            self.arrivals.append(now)
            self._buffer.append(None)
        elif opcode == 0x81:
            message = json.loads(payload)
            if message["event"] == "mark":
                self._buffer.append(message["mark"]["name"])
            else:
                self._buffer.clear()

    def _play(self) -> bool:
        while self._buffer and (name := self._buffer[0]) is not None:
            self._buffer.popleft()
            self._send(json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}))
        if not self._buffer:
            return False
        self._buffer.popleft()
        return True

    def _say(self) -> None:
        self._send(self._media % self.said)

    def _send(self, text: str) -> None:
        self.sock.sendall(zero_masked_frame(text.encode()))


class AsteriskPhone(Phone):
    """A phone behind Asterisk."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.sock.sendall(struct.pack(">BH", 0x01, 16) + bytes(16))
        self._waits = 0
        self._sound = struct.pack(">BH", 0x10, 320) + random.Random(1).randbytes(320)

    def _digest(self, now: float) -> None:
        data = self._unread
        while len(data) >= 3 and len(data) >= (end := 3 + int.from_bytes(data[1:3], "big")):
            if data[0] == 0x10:
                self.arrivals.append(now)
                self._waits += 1
            del data[:end]

    def _play(self) -> bool:
        had = self._waits > 0
        self._waits -= had
        return had

    def _say(self) -> None:
        self.sock.sendall(self._sound)


def lateness(arrivals: list[float], lead: int) -> list[float]:
    """Return by how many seconds each frame came later than the earliest of its answer would have.

    Args:
        arrivals: when frames came.
        lead: how many frames are sent ahead at the beginning of an answer; they have no schedule.

    Example:
        >>> [round(1000 * late) for late in lateness([0, 0.02, 0.045, 0.06, 9, 9.021], 0)]
        [0, 0, 5, 0, 0, 1]
    """
    found: list[float] = []
    answer: list[float] = []
    for now, after in pairwise([*arrivals, float("inf")]):
        answer.append(now)
        if after - now > _ANSWER_S:
            due = [at - _FRAME_S * number for number, at in enumerate(answer)][lead:]
            found += [each - min(due) for each in due]
            answer = []
    return found


def _hold(phones: list[Phone]) -> float:
    """Hold all calls until they are hung up; return by how much a tick was late at most."""
    begin = time.monotonic() + 0.1
    due = [(begin + _FRAME_S * i / len(phones), i) for i in range(len(phones))]
    heapq.heapify(due)
    latest = 0.0
    with selectors.DefaultSelector() as selector:
        for i, phone in enumerate(phones):
            selector.register(phone.sock, selectors.EVENT_READ, i)
        live = set(range(len(phones)))
        while live:
            now = time.monotonic()
            while due and due[0][0] <= now:
                at, i = due[0]
                if i not in live:
                    heapq.heappop(due)
                    continue
                latest = max(latest, now - at)
                try:
                    phones[i].tick()
                except OSError:  # it was hung up; reading says so
                    heapq.heappop(due)
                    continue
                heapq.heapreplace(due, (at + _FRAME_S, i))
            wait = max(0.0, due[0][0] - time.monotonic()) if due else None
            for key, _ in selector.select(wait):
                if not phones[key.data].read():
                    selector.unregister(key.fileobj)
                    live.discard(key.data)
    return latest


def main() -> None:
    """Hold the calls, and print what came."""
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    make, lead = {"twilio": (TwilioPhone, 6), "asterisk": (AsteriskPhone, 1)}[kind]
    phones = [make(port) for _ in range(count)]
    latest = _hold(phones)
    figures = {
        "said": [phone.said for phone in phones],
        "heard": [len(phone.arrivals) for phone in phones],
        "dry": [phone.dry for phone in phones],
        "late": [late for phone in phones for late in lateness(phone.arrivals, lead)],
        "own_late": latest,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
