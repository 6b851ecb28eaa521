"""How long and how large an answer may be, whatever the server does.

urllib3 has a limit for each silence alone: a byte a second is none, and a head or a trailer without
an end is read for ever. So what reads from the socket counts, beneath both libraries.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from math import inf
from typing import Any, Final

__all__ = ["MAX_ANSWER_BYTES", "AnswerTooLarge", "AnswerTooSlow", "bounded"]

MAX_ANSWER_BYTES: Final = 16 << 20  # an SDP or a secret has a few thousand
_SLOWEST: Final = 10  # times the longest silence that is allowed


class AnswerTooLarge(Exception):  # noqa: N818 -- never leaves the package
    """An answer has more than `MAX_ANSWER_BYTES`; urllib3 lets this pass, and tries no more."""


class AnswerTooSlow(TimeoutError):  # noqa: N818 -- nor does this
    """An answer came in pieces, for too long in all.

    Attributes:
        limit_s: how many seconds it had.
    """

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no end after {limit_s:g} s")
        self.limit_s = limit_s


class BoundedFile(io.RawIOBase):
    """The bytes of one answer: those that the socket still gives within its bounds.

    What the program does between two reads takes no time.

    Args:
        sock: where ``raw`` comes from; its timeout is the longest silence, None for any.
        raw: its file, unbuffered.
        clock: for tests.
    """

    def __init__(
        self,
        sock: socket.socket,
        raw: io.RawIOBase,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sock = sock
        self._raw = raw
        self._clock = clock
        self._silence_s = sock.gettimeout() or inf
        self._waited_s = 0.0
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        limit_s = self._silence_s * _SLOWEST
        left_s = limit_s - self._waited_s
        if left_s <= 0:
            raise AnswerTooSlow(limit_s)
        if left_s < self._silence_s:
            self._sock.settimeout(left_s)
        began = self._clock()
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError as exc:
            if left_s < self._silence_s:
                raise AnswerTooSlow(limit_s) from exc
            raise
        self._waited_s += self._clock() - began
        self._bytes += count or 0
        if self._bytes > MAX_ANSWER_BYTES:
            raise AnswerTooLarge
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(BoundedFile(sock, self.fp.detach()))


@cache
def bounded(connection: type[HTTPConnection]) -> type[HTTPConnection]:
    """Return a class of connections as ``connection``, whose answers have bounds."""
    name = f"Bounded{connection.__name__}"
    return type(name, (connection,), {"response_class": _BoundedResponse})
