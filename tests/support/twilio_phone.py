"""A caller on the other side of Twilio: its messages over a real WebSocket, and a far end's buffer.

The far end plays a frame every 20 ms by a clock of its own, and returns a mark when the sound
before it was played. On ``clear`` it throws its buffer away and returns the marks in it, too,
which is the bad case for whoever counts them. Source:
https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from __future__ import annotations

import json
import socket as sockets
import threading
import time
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from guards import Guard
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from realtime_sync.audio import decode_ulaw, encode_ulaw

__all__ = ["ACCOUNT_SID", "CALL_SID", "STREAM_SID", "TwilioPhone", "answering"]

STREAM_SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL_SID = "CA79e5ba0f5a668481ce02b83e7395059f"
ACCOUNT_SID = "AC5a668481ce02b83e7395059f0123456a"
FRAME = 160  # samples, and bytes of µ-law
FRAME_S = 0.02
_SILENCE = b"\xff" * FRAME


class TwilioPhone:
    """A call that Twilio streams to ``url``.

    Args:
        url: of the program's server.
        parameters: the ``<Parameter>`` elements.
        start: False leaves out ``connected`` and ``start``, for `send` to send others.
        headers: of the upgrade, such as its signature.
        call_sid, stream_sid: of the call, where there are several.
        link: of websockets' `connect`, such as ``ssl``.

    Attributes:
        ended: the link has ended, by whichever side.
        limit: the far end plays so many frames and then stalls; None for no limit.
        played: how many frames it has played to their end.
        played_at_clears: what ``played`` was when each ``clear`` came.
        messages: whatever came of the program, in order.
        failure: what has ended a thread of the phone's own.
    """

    def __init__(
        self,
        url: str,
        *,
        parameters: dict[str, str] | None = None,
        start: bool = True,
        headers: Mapping[str, str] | None = None,
        call_sid: str = CALL_SID,
        stream_sid: str = STREAM_SID,
        **link: Any,
    ) -> None:
        self.ended = threading.Event()
        self._call_sid = call_sid
        self._stream_sid = stream_sid
        self.limit: int | None = None
        self.played = 0
        self.played_at_clears: list[int] = []
        self.messages: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self._heard = bytearray()  # µ-law; silence included
        self._started = 0  # frames that have begun to play
        self._said = bytearray()  # µ-law that the caller has still to say
        self._buffer: deque[bytes | str] = deque()  # sound, and the names of marks
        self._changed = threading.Condition()  # guards all above
        self._sequence = 0
        self._chunk = 0
        self._over = threading.Event()
        opening = connect(
            url, compression=None, close_timeout=1, proxy=None, additional_headers=headers, **link
        )
        self._link = opening.__enter__()  # websockets 17 warns of one that is not entered
        if start:
            self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            self.send_start(parameters or {})
        self._threads = [
            threading.Thread(target=self._watched, args=(work,))
            for work in (self._receive, self._live)
        ]
        for thread in self._threads:
            thread.start()

    # -- what a caller does ------------------------------------------------------------------------

    def say(self, pcm: bytes) -> None:
        """Say ``pcm`` (8 kHz) after what is being said."""
        with self._changed:
            self._said += encode_ulaw(pcm)

    def press(self, digit: str) -> None:
        """Press a key."""
        self.send({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": digit}})

    def hang_up(self) -> None:
        """End the call: ``stop``, and then the link."""
        self._over.set()
        self.send({"event": "stop", "stop": {"accountSid": ACCOUNT_SID, "callSid": self._call_sid}})
        self._link.close()

    def drop(self) -> None:
        """Break the link."""
        self._over.set()
        self._link.socket.shutdown(sockets.SHUT_RDWR)

    def wait_for_end(self) -> None:
        """Wait until the program has ended the link."""
        Guard().join(self._threads[0])

    @property
    def close_code(self) -> int | None:
        """The code of the close, None as long as there is none."""
        return self._link.close_code

    def close(self) -> None:
        """End the phone, whatever became of the call."""
        self._over.set()
        self._link.close()
        for thread in self._threads:
            Guard().join(thread)
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> TwilioPhone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what can be seen --------------------------------------------------------------------------

    def heard(self) -> bytes:
        """Return what was heard so far as PCM16 at 8 kHz, silence included."""
        with self._changed:
            return decode_ulaw(bytes(self._heard))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a kind that have come."""
        with self._changed:
            return [message for message in self.messages if message["event"] == kind]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so; it is looked at whenever something has changed."""
        with self._changed:
            assert self._changed.wait_for(condition, Guard().seconds), f"{what} did not come"

    # -- messages ----------------------------------------------------------------------------------

    def send_start(self, parameters: dict[str, str]) -> None:
        """Send ``start`` with all its fields."""
        start = {
            "accountSid": ACCOUNT_SID,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        self.send({"event": "start", "start": start})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, numbered as Twilio does."""
        self._sequence += 1
        whole = {"sequenceNumber": str(self._sequence), "streamSid": self._stream_sid} | message
        if message["event"] == "connected":
            whole = message
        with suppress(ConnectionClosed, OSError):  # the program may have hung up
            self._link.send(json.dumps(whole))

    def send_text(self, text: str | bytes) -> None:
        """Send whatever is no message."""
        self._link.send(text)

    def _send_media(self, ulaw: bytes) -> None:
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(20 * self._chunk),
            "payload": b64encode(ulaw).decode(),
        }
        self.send({"event": "media", "media": media})

    # -- threads -----------------------------------------------------------------------------------

    def _watched(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            self.failure = exc
        finally:
            with self._changed:
                self._changed.notify_all()

    def _receive(self) -> None:
        try:
            with suppress(ConnectionClosed):
                for text in self._link:
                    self._take(json.loads(text))
        finally:
            self.ended.set()

    def _take(self, message: dict[str, Any]) -> None:
        assert message["streamSid"] == self._stream_sid, message
        marks: list[str] = []
        with self._changed:
            match message["event"]:
                case "media":
                    ulaw = b64decode(message["media"]["payload"], validate=True)
                    assert len(ulaw) == FRAME, "frames of 20 ms"
                    self._buffer.append(ulaw)
                case "mark":
                    self._buffer.append(message["mark"]["name"])
                case "clear":
                    self.played_at_clears.append(self.played)
                    marks = [each for each in self._buffer if isinstance(each, str)]
                    self._buffer.clear()
                case other:
                    raise AssertionError(f"{other} is none of Twilio's")
            self.messages.append(message)
            self._changed.notify_all()
        self._return(marks)

    def _live(self) -> None:
        """Say and play a frame at a time."""
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += FRAME_S
            with self._changed:
                said = bytes(self._said[:FRAME]).ljust(FRAME, b"\xff")
                del self._said[:FRAME]
                marks = self._play_locked()
                self._changed.notify_all()
            self._return(marks)
            self._send_media(said)

    def _play_locked(self) -> list[str]:
        """Play a frame; return the marks behind the one before it."""
        self.played = self._started
        marks = []
        while self._buffer and isinstance(self._buffer[0], str):
            marks.append(str(self._buffer.popleft()))
        stalls = self.limit is not None and self._started >= self.limit
        if self._buffer and not stalls:
            frame = self._buffer.popleft()
            assert isinstance(frame, bytes)
            self._heard += frame
            self._started += 1
        else:
            self._heard += _SILENCE
        return marks

    def _return(self, marks: list[str]) -> None:
        for name in marks:
            self.send({"event": "mark", "mark": {"name": name}})


@contextmanager
def answering(handler: Callable[[ServerConnection], None], **options: Any) -> Iterator[str]:
    """Run a server that answers calls with ``handler``; gives its URL.

    ``options`` are those of websockets' server.

    What a handler raises, and one that does not return, fail the test.
    """
    failures: list[BaseException] = []
    threads: list[threading.Thread] = []

    def answer(link: ServerConnection) -> None:
        threads.append(threading.current_thread())
        try:
            handler(link)
        except BaseException as exc:
            failures.append(exc)

    with serve(answer, "127.0.0.1", 0, compression=None, close_timeout=1, **options) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/call"
        finally:
            for thread in threads:
                Guard().join(thread)
            server.shutdown()
            Guard().join(serving)
    if failures:
        raise failures[0]
