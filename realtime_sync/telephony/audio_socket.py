"""Asterisk's AudioSocket: a call over a TCP connection that Asterisk has opened.

A frame is its kind (one byte), the length of its payload (two bytes, big-endian) and the payload.
Source: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/ and Asterisk's
``res_audiosocket.c``.
"""

from __future__ import annotations

import logging
import socket as sockets
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from .._deadline import Deadline
from .._required import require
from ..audio.resample import Resampler
from ..errors import ConfigError, ConnectionClosedError, RemoteProtocolError
from ..transport.duplex import Duplex, LinkBroken, LinkOver, set_options
from .dtmf import DIGITS
from .in_flight import PHONE_HZ
from .phone_call import EndedBy, PhoneCall, require_patience

__all__ = ["AudioSocket"]

log = logging.getLogger(__name__)

_HEADER = struct.Struct(">BH")
_HANG_UP, _UUID, _DIGIT, _SOUND, _ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
# PCM16 at these rates; the dialplan's application takes the first alone.
_RATES = {_SOUND: PHONE_HZ, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000, 0x15: 44_100}
_RATES[0x16] = 48_000
_LAST_WORD_S = 0.5  # so long a hang-up waits for a frame that is on its way
_READ_SIZE = 65_536


class AudioSocket(PhoneCall):
    """A call that Asterisk's ``AudioSocket()`` has connected to this program.

    ::

        connection, _ = listener.accept()
        with AudioSocket(connection) as call:
            VoiceLoop(session, call.source, call.sink).run()

    `AudioSocketServer` accepts calls and runs a function for each.

    Asterisk returns no marks and throws nothing away: what was sent is heard. So frames go out at
    the moment when they are due, and an answer that is interrupted is truncated at the last.

    Args:
        socket: the TCP connection that Asterisk has opened. It is closed when the call is.
        lead_ms: how far Asterisk is kept ahead of what it plays; an interruption is heard as much
            later.
        prebuffer_ms: the cushion gathered before an answer begins, against a late provider.
        start_timeout: seconds in which the call's UUID must come; None for no limit.
        send_timeout: seconds that one frame may take; a far end that takes nothing for so long has
            gone. None for no limit.
        silence_timeout: seconds without any frame, after which the call counts as over; None for no
            limit.
        clock: for tests.

    Attributes:
        source: what the caller says; other rates than 8 kHz are converted, which takes soxr.
        sink: what the caller hears.

    Raises:
        ConfigError: it is no TCP socket or a closed one, or an option is out of range.
    """

    def __init__(
        self,
        socket: sockets.socket,
        *,
        lead_ms: int = 0,
        prebuffer_ms: int = 60,
        start_timeout: float | None = 10.0,
        send_timeout: float | None = 10.0,
        silence_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        fits = (
            isinstance(socket, sockets.socket)
            and socket.type == sockets.SOCK_STREAM
            and socket.fileno() >= 0  # not closed
        )
        require(fits, "AudioSocket takes a connected TCP socket", socket, error=ConfigError)
        require_patience(send_timeout, "send_timeout")
        require_patience(silence_timeout, "silence_timeout")
        set_options(socket)  # a frame must not wait for another one, and Asterisk may vanish
        self._link = Duplex(socket)
        self._silence_timeout = silence_timeout
        self._unread = bytearray()
        self._wire = _AsteriskWire(self._link, send_timeout)
        super().__init__(
            self._wire,
            lead_ms=lead_ms,
            prebuffer_ms=prebuffer_ms,
            start_timeout=start_timeout,
            clock=clock,
        )
        self._uuid: UUID | None = None
        self._kind = _SOUND  # of the caller's sound so far
        self._resampler: Resampler | None = None

    @property
    def uuid(self) -> UUID:
        """Which call it is, as the dialplan says; known within the ``with``.

        Raises:
            ConnectionClosedError: the call has not begun.
        """
        if self._uuid is None:
            raise ConnectionClosedError(
                reason="the call has not begun; ask for uuid within `with AudioSocket(…)`"
            )
        return self._uuid

    def _read(self) -> EndedBy:
        with suppress(OSError, LinkOver):  # the link broke, or was closed here
            while (header := self._exactly(_HEADER.size)) is not None:
                kind, length = _HEADER.unpack(header)
                if kind == _HANG_UP:
                    return "stop"
                payload = self._exactly(length)
                if payload is None:
                    break
                self._take(kind, payload)
        return "link"

    def _exactly(self, size: int) -> bytes | None:
        """Return so many bytes of the link; None when it ends before."""
        while len(self._unread) < size:
            piece = self._link.read(_READ_SIZE)
            if piece is None and self._link.wait(self._silence_timeout, or_writable=False):
                continue
            if piece is None:
                log.warning(
                    "nothing has come from the far end of a call for %g s", self._silence_timeout
                )
            if not piece:
                return None
            self._unread += piece
        found = bytes(self._unread[:size])
        del self._unread[:size]
        return found

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _UUID:
            self._take_uuid(payload)
        elif self._uuid is None:
            self._note_ignored(f"a frame of kind {kind:#04x} comes before the call's UUID")
        elif kind in _RATES:
            self._take_sound(kind, payload)
        elif kind == _DIGIT and payload.decode("latin-1").upper() in tuple(DIGITS):
            self._take_digit(payload.decode("latin-1").upper())
        elif kind == _ERROR:
            self._note_odd(RemoteProtocolError(f"asterisk tells of an error: {payload[:8].hex()}"))
        else:
            self._note_odd(RemoteProtocolError(f"a frame of kind {kind:#04x} is of no use here"))

    def _take_uuid(self, payload: bytes) -> None:
        if self._uuid is not None:
            self._note_ignored("the call has its UUID")
            return
        if len(payload) != 16:
            raise RemoteProtocolError(f"the call's UUID has {len(payload)} bytes in place of 16")
        self._uuid = UUID(bytes=payload)
        self._has_begun()

    def _take_sound(self, kind: int, payload: bytes) -> None:
        if len(payload) % 2:
            self._note_odd(RemoteProtocolError(f"{len(payload)} bytes of sound hold half a sample"))
            return
        if kind != self._kind:
            self._kind, rate = kind, _RATES[kind]
            telephone = rate == PHONE_HZ
            self._resampler = None if telephone else Resampler(rate, PHONE_HZ, quality="LQ")
        pcm = payload if self._resampler is None else self._resampler.process(payload)
        if pcm:
            self._take_audio(pcm)

    def _hang_up(self) -> None:
        if self.ended_by == "closed":
            self._wire.hang_up()
        self._link.end()

    def _release(self) -> None:
        self._link.release()


class _AsteriskWire:
    """Sends frames of PCM16 at 8 kHz, which every dialplan takes."""

    can_recall = False

    def __init__(self, link: Duplex, send_timeout: float | None) -> None:
        self._link = link
        self._send_timeout = send_timeout
        self._send_lock = threading.Lock()  # keeps frames whole; held across the write

    def send_frame(self, pcm: bytes, mark: str) -> None:
        try:
            with self._send_lock:
                # In one write: Asterisk takes a frame that comes in two for a broken one.
                self._write(_HEADER.pack(_SOUND, len(pcm)) + pcm)
        except (LinkBroken, LinkOver) as exc:
            raise ConnectionClosedError(reason="the link of the call is over") from exc

    def _write(self, frame: bytes) -> None:
        rest, deadline = memoryview(frame), Deadline(self._send_timeout)
        while rest := rest[self._link.write_some(rest) :]:
            if deadline.expired:
                log.warning("the far end of a call has taken nothing for %g s", deadline.timeout)
                raise LinkOver
            self._link.wait_to_write(deadline.remaining())

    def send_clear(self) -> None:
        """Nothing can be recalled, and nobody asks for it."""

    def hang_up(self) -> None:
        if not self._send_lock.acquire(timeout=_LAST_WORD_S):
            return  # the far end takes nothing: closing the link is all there is
        try:
            with suppress(LinkBroken):
                self._link.write_some(memoryview(_HEADER.pack(_HANG_UP, 0)))
        finally:
            self._send_lock.release()
