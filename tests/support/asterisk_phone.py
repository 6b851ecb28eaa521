"""A caller on the other side of Asterisk: AudioSocket's frames over TCP.

It says 20 ms at a time by a clock of its own, and keeps what it hears: what Asterisk was sent is
played, and nothing is ever recalled.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from guards import Guard

__all__ = ["CALL", "AsteriskPhone"]

CALL = UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
FRAME_S = 0.02
_SOUND = 0x10


class AsteriskPhone:
    """A call of Asterisk's to ``port``.

    Args:
        port: where the program listens.
        uuid: False leaves out the first frame, for `send` to send another one.

    Attributes:
        hung_up: whether the program has sent a hang-up.
        sizes: how long each frame of sound was that came.
        failure: what has ended a thread of the phone's own.
    """

    def __init__(self, port: int, *, uuid: bool = True) -> None:
        self.hung_up = False
        self.sizes: list[int] = []
        self.failure: BaseException | None = None
        self._heard = bytearray()
        self._said = bytearray()
        self._changed = threading.Condition()  # guards all above
        self._over = threading.Event()
        self._send_lock = threading.Lock()
        self._link = socket.create_connection(("127.0.0.1", port))
        if uuid:
            self.send(0x01, CALL.bytes)
        self._threads = [
            threading.Thread(target=self._watched, args=(work,))
            for work in (self._receive, self._live)
        ]
        for thread in self._threads:
            thread.start()

    def say(self, pcm: bytes) -> None:
        """Say ``pcm`` (8 kHz) after what is being said."""
        with self._changed:
            self._said += pcm

    def press(self, digit: str) -> None:
        """Press a key."""
        self.send(0x03, digit.encode())

    def hang_up(self) -> None:
        """End the call."""
        self._over.set()
        self.send(0x00, b"")

    def drop(self) -> None:
        """Break the link."""
        self._over.set()
        self._link.shutdown(socket.SHUT_RDWR)

    def heard(self) -> bytes:
        """Return what was heard so far, as PCM16 at 8 kHz; without the silence between."""
        with self._changed:
            return bytes(self._heard)

    def wait_for_end(self) -> None:
        """Wait until the program has ended the link."""
        Guard().join(self._threads[0])

    def send(self, kind: int, payload: bytes) -> None:
        """Send a frame."""
        with self._send_lock, suppress(OSError):  # the program may have hung up
            self._link.sendall(struct.pack(">BH", kind, len(payload)) + payload)

    def close(self) -> None:
        """End the phone, whatever became of the call."""
        self._over.set()
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            Guard().join(thread)
        self._link.close()
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> AsteriskPhone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watched(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            self.failure = exc

    def _receive(self) -> None:
        with suppress(OSError), self._link.makefile("rb") as stream:
            while len(header := stream.read(3)) == 3:
                kind, length = struct.unpack(">BH", header)
                payload = stream.read(length)
                with self._changed:
                    if kind == 0x00:
                        self.hung_up = True
                        continue
                    assert kind == _SOUND, "Asterisk takes nothing else"
                    self._heard += payload
                    self.sizes.append(len(payload))

    def _live(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += FRAME_S
            with self._changed:
                said = bytes(self._said[:320]).ljust(320, b"\0")
                del self._said[:320]
            self.send(_SOUND, said)
