"""Twilio's Media Streams: a call over a WebSocket that Twilio has opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..audio.g711 import decode_ulaw, encode_ulaw
from ..errors import ConnectionClosedError, RemoteProtocolError
from ._socket_door import SocketDoor, SocketLike
from .phone_call import EndedBy, PhoneCall, require_patience
from .twilio_messages import (
    Connected,
    Digit,
    Mark,
    Media,
    Stop,
    StreamRefusedError,
    StreamStart,
    TwilioMessage,
    parse_twilio,
    twilio_clear,
    twilio_mark,
    twilio_media,
)

__all__ = ["MediaStreams"]

_TRACK = "inbound"  # the caller; "outbound" is what the caller hears
# A gap is a minute of pieces at most, and a repetition a second old: one wrong number must not make
# all that follow repetitions.
_MOST_MISSED, _MOST_REPEATED = 3_000, 50


class MediaStreams(PhoneCall):
    """A call that Twilio streams to this program (``<Connect><Stream>``), and back.

    ::

        with MediaStreams(websocket) as call, client.realtime.connect() as connection:
            VoiceLoop(connection, call.source, call.sink).run()

    A session whose formats are ``audio/pcmu`` gets the caller's µ-law as it is; for any other the
    voice loop converts.

    Every frame is followed by a mark, which Twilio returns when the frame was played. So an answer
    that is interrupted is truncated within 20 ms of what the caller has heard, less the way of the
    mark. What Twilio still has then is thrown away by ``clear``; marks that come back of it don't
    count.

    Args:
        socket: the WebSocket that Twilio has opened, as the program's server gives it: it blocks,
            and has ``send``, ``close``, and ``recv`` or ``receive`` (`SocketLike`). It is closed
            when the call is.
        lead_ms: how far Twilio is kept ahead of what it plays, so that late packets are not heard.
        prebuffer_ms: the cushion gathered before an answer begins, against a late provider.
        start_timeout: seconds in which Twilio's ``start`` must come; None for no limit.
        send_timeout: seconds that one message may take; a far end that takes nothing for so long
            has gone. None for no limit.
        silence_timeout: seconds without any message, after which the call counts as over; None for
            no limit. It takes a WebSocket whose ``recv`` takes a timeout.
        clock: for tests.

    Attributes:
        source: what the caller says.
        sink: what the caller hears.

    Raises:
        ConfigError: the socket lacks a method, or an option is out of range.
    """

    def __init__(
        self,
        socket: SocketLike,
        *,
        lead_ms: int = 100,
        prebuffer_ms: int = 60,
        start_timeout: float | None = 10.0,
        send_timeout: float | None = 10.0,
        silence_timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        require_patience(send_timeout, "send_timeout")
        require_patience(silence_timeout, "silence_timeout")
        self._door = SocketDoor(socket, send_timeout=send_timeout, silence_timeout=silence_timeout)
        self._wire = _TwilioWire(self._door)
        super().__init__(
            self._wire,
            lead_ms=lead_ms,
            prebuffer_ms=prebuffer_ms,
            start_timeout=start_timeout,
            clock=clock,
        )
        self._start: StreamStart | None = None
        self._chunk = 0  # the last that came

    @property
    def start(self) -> StreamStart:
        """Which call it is, with its parameters; known within the ``with``.

        Raises:
            ConnectionClosedError: the call has not begun.
        """
        if self._start is None:
            raise ConnectionClosedError(
                reason="the call has not begun; ask for start within `with MediaStreams(…)`"
            )
        return self._start

    def _read(self) -> EndedBy:
        while (text := self._door.receive()) is not None:
            try:
                message = parse_twilio(text)
            except RemoteProtocolError as exc:
                if isinstance(exc, StreamRefusedError) and self._start is None:
                    raise
                self._note_odd(exc)
                continue
            if isinstance(message, Stop) and self._is_ours(message):
                return "stop"
            self._take(message)
        return "link"

    def _take(self, message: TwilioMessage) -> None:
        match message:
            case Connected():
                pass
            case StreamStart():
                self._take_start(message)
            case _ if not self._is_ours(message):
                self._note_ignored(f"{type(message).__name__} is of no stream that has begun")
            case Media():
                self._take_media(message)
            case Mark(name=name):
                self.sink.mark_returned(name)
            case Digit(digit=digit):
                self._take_digit(digit)

    def _take_start(self, start: StreamStart) -> None:
        if self._start is not None:
            self._note_ignored("the stream had begun before")
            return
        self._wire.stream_sid = start.stream_sid
        self._start = start
        self._has_begun()

    def _is_ours(self, message: Media | Digit | Mark | Stop) -> bool:
        if self._start is None:
            return False
        return message.stream_sid in ("", self._start.stream_sid)

    def _take_media(self, media: Media) -> None:
        if media.track != _TRACK:
            self._note_ignored(f"the track is {media.track!r}, not the caller's")
            return
        if self._follows(media.chunk) and media.ulaw:
            self._take_audio(decode_ulaw(media.ulaw))

    def _follows(self, chunk: int) -> bool:
        """Count the gap before a piece; False for one that was there already."""
        if not chunk:
            return True
        away = chunk - self._chunk
        # The first may have any number: a stream can begin in the middle of a call.
        if not self._chunk or not -_MOST_REPEATED < away <= _MOST_MISSED + 1:
            if self._chunk:
                self._note_odd(RemoteProtocolError(f"piece {chunk} follows piece {self._chunk}"))
        elif away <= 0:
            self._repeated_chunks += 1
            return False
        else:
            self._missed_chunks += away - 1
        self._chunk = chunk
        return True

    def _hang_up(self) -> None:
        self._door.close()


class _TwilioWire:
    """Sends frames as Twilio's messages."""

    can_recall = True

    def __init__(self, door: SocketDoor) -> None:
        self.stream_sid = ""
        self._door = door

    def send_frame(self, pcm: bytes, mark: str) -> None:
        self._send(
            twilio_media(self.stream_sid, encode_ulaw(pcm)), twilio_mark(self.stream_sid, mark)
        )

    def send_clear(self) -> None:
        self._send(twilio_clear(self.stream_sid))

    def _send(self, *messages: str) -> None:
        if not self._door.send(*messages):
            raise ConnectionClosedError(reason="the link of the call is over")
