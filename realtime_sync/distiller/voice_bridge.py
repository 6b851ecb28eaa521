"""A Distiller session as a `RealtimeConnection`, so that the voice engine can run over it.

The connection's transport is the session: what it reads comes from the session's queue, and what
it sends is a call of the session's. Below it there is still one socket and one reader.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from .._codec import decode_base64
from .._deadline import Deadline
from .._types import JsonDict
from ..connection import RealtimeConnection, RealtimeConnectionManager
from ..connection.settings import ConnectionSettings
from ..errors import ConnectionClosed, ConnectionClosedError, DistillerError, RealtimeError
from ..events.json_writer import event_text
from ..providers.base import Endpoint
from ..transport import Transport, TransportOptions
from ..transport.base import check_close, closed_by_us
from .voice_translation import VoiceTranslation

__all__ = ["SpokenSession", "VoiceBridge"]

_SET_IN_YAML = "the settings of a Distiller project are in its configuration, not in session.update"
_ANSWERS_BY_ITSELF = (
    "the Distiller answers what the user says or writes; it can't be asked for anything else"
)


class SpokenSession(Protocol):
    """What the bridge needs of a Distiller session."""

    @property
    def vad_enabled(self) -> bool:
        """Whether the server hears the user while it speaks."""

    def poll(self, timeout: float | None = None) -> Mapping[str, Any] | None:
        """Return the next message, or None when none came in time or `wake` was called."""

    def wake(self) -> None:
        """Let `poll` return."""

    def send_audio_chunk(self, audio: bytes) -> object:
        """Let the server hear int16 mono, little-endian, at 16 kHz."""

    def send_text_query(self, text: str) -> None:
        """Ask in writing."""

    def commit_audio(self) -> None:
        """Have what was sent processed."""

    def clear_audio_buffer(self) -> None:
        """Have what was sent forgotten."""

    def cancel_response(self) -> None:
        """End the response that runs."""

    def notify_playback_started(self) -> None:
        """Tell that something is heard."""

    def notify_playback_stopped(self) -> None:
        """Tell that nothing is heard any more."""


class VoiceBridge(Transport):
    """A transport whose wire is a session; made for one connection.

    Args:
        session: whose messages nobody else takes meanwhile. It stays open when this is closed.
        output_hz: samples per second of what it says.
        waits: whether a user who is not heard during a response is heard again only after
            `listen`, when it was played, and not at once when it is done.

    Attributes:
        failure: what the session has raised; the connection tells of it as of a close.

    Threads: as `Transport`.
    """

    def __init__(self, session: SpokenSession, *, output_hz: int, waits: bool = False) -> None:
        super().__init__()
        self.failure: RealtimeError | None = None
        self._session = session
        self._waits = waits
        self._deaf = False
        self._lock = threading.Lock()  # guards the three below; never held while sending
        self._translation = VoiceTranslation(output_hz=output_hz, can_interrupt=session.vad_enabled)
        self._answers = self._translation.begin()  # what the client is to read next
        self._to_ask: list[str] = []  # texts of items for which no response is asked for yet
        self._end: ConnectionClosed | None = None
        self._read = self._sent = 0

    @contextmanager
    def open(self) -> Iterator[RealtimeConnection]:
        """Return the connection over this, for a ``with``; its end leaves the session open.

        Raises:
            RealtimeError: `failure`, in the place of the `ConnectionClosedError` that tells of it.
        """
        manager = RealtimeConnectionManager(
            lambda query, headers: Endpoint("ws://distiller", {}),
            options={},
            defaults=TransportOptions(),
            settings=ConnectionSettings(),
            transport=lambda url, headers, options: self,
        )
        with manager as connection:
            try:
                yield connection
            except ConnectionClosedError:
                if self.failure is None:
                    raise
                raise self.failure from self.failure.__cause__

    def role_of(self, item_id: str) -> str | None:
        """Return the name of the agent that says an item; None for one of the user's."""
        with self._lock:
            return self._translation.role_of(item_id)

    def listen(self) -> None:
        """Let the user be heard again."""
        self._deaf = False

    # -- reading ---------------------------------------------------------------------------------

    def read(self) -> list[str | bytes]:
        """Block until there are events; return them (see `Transport.read`)."""
        while True:
            events = self._take_answers()
            if events:
                self._read += len(events)
                return [event_text(event) for event in events]
            if self._end is not None:
                raise self._end.copy()
            self._receive()

    def _take_answers(self) -> list[JsonDict]:
        with self._lock:
            events, self._answers = self._answers, []
        return events

    def _receive(self) -> None:
        """Take the session's next message."""
        try:
            message = self._session.poll()
        except RealtimeError as exc:
            self.failure = exc
            self._end = _as_close(exc)
        else:
            if message is not None:
                with self._lock:
                    self._answers += self._translation.receive(message)
                    if self._translation.responding and not self._session.vad_enabled:
                        self._deaf = True
                    elif not self._waits:
                        self._deaf = False

    # -- sending ---------------------------------------------------------------------------------

    def send(self, text: str | bytes) -> None:
        """Do with the session what an event of the client's asks for (see `Transport.send`)."""
        self.check_process()
        if self._end is not None:
            raise self._end.copy()
        self._sent += 1
        try:
            self._do(json.loads(text))
        except DistillerError as exc:  # `read` tells of it, with everything that came before
            raise _as_close(exc) from exc

    def _do(self, event: JsonDict) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                self._append(decode_base64(event["audio"]))
            case "input_audio_buffer.commit":
                self._session.commit_audio()
            case "input_audio_buffer.clear":
                self._session.clear_audio_buffer()
                self._answer(self._translation.cleared)
            case "response.cancel":
                with self._lock:
                    self._translation.cancelled()
                self._session.cancel_response()
            case "conversation.item.create":
                self._create(event)
            case "response.create":
                self._ask(event)
            case "conversation.item.truncate":
                self._answer(lambda: self._translation.truncated(event))
            case "conversation.item.delete":
                self._answer(lambda: self._translation.deleted(event))
            case _:
                self._answer(lambda: self._translation.refused(event, _SET_IN_YAML))

    def post(self, text: str | bytes) -> None:
        """Do as `send`; the session queues by itself (see `Transport.post`)."""
        self.send(text)

    def take_back(self) -> list[str]:
        """Return nothing, since all was sent at once (see `Transport.take_back`)."""
        return []

    def _append(self, audio: bytes) -> None:
        # While it answers, a server without VAD hears nothing; with it, that is an interruption.
        if audio and not self._deaf:
            self._session.send_audio_chunk(audio)

    def _create(self, event: JsonDict) -> None:
        words = _written(event["item"])
        if words is None:
            self._answer(lambda: self._translation.refused(event, _ANSWERS_BY_ITSELF))
            return
        with self._lock:
            self._to_ask.append(words)
        self._answer(lambda: self._translation.user_wrote(event["item"]))

    def _ask(self, event: JsonDict) -> None:
        with self._lock:
            words, self._to_ask = self._to_ask, []
        if words:
            self._session.send_text_query("\n".join(words))
        else:
            self._answer(lambda: self._translation.refused(event, _ANSWERS_BY_ITSELF))

    def _answer(self, make: Callable[[], list[JsonDict]]) -> None:
        """Let the client read what the server of the Realtime API would have said."""
        with self._lock:
            self._answers += make()
        self._session.wake()

    # -- closing ---------------------------------------------------------------------------------

    def start_close(self, code: int, reason: str, deadline: Deadline) -> None:
        """End this, and leave the session open (see `Transport.start_close`)."""
        self._finish(closed_by_us(code, reason))

    def close(self, code: int = 1000, reason: str = "", *, timeout: float) -> None:
        """End this, and leave the session open (see `Transport.close`)."""
        check_close(code, reason)
        self._finish(closed_by_us(code, reason))

    def abort(self) -> None:
        """End this, and leave the session open (see `Transport.abort`)."""
        if not self.forked:
            self._finish(closed_by_us(1000))

    def _finish(self, end: ConnectionClosed) -> None:
        if self._end is None:
            self._end = end
            self._session.wake()

    @property
    def closed(self) -> bool:
        """Whether `send` would refuse a message."""
        return self.forked or self._end is not None

    @property
    def bytes_in(self) -> int:
        """Nothing: the session counts what its socket carries."""
        return 0

    @property
    def bytes_out(self) -> int:
        """Nothing: the session counts what its socket carries."""
        return 0

    @property
    def messages_in(self) -> int:
        """Events that were read."""
        return self._read

    @property
    def messages_out(self) -> int:
        """Events that were sent."""
        return self._sent


def _as_close(failure: RealtimeError) -> ConnectionClosed:
    """Return the end of a session as that of a link; an end by a message has no code of its own."""
    end = failure.__cause__
    if isinstance(end, ConnectionClosed):
        return end
    return ConnectionClosedError(1011, str(failure), closed_by="the server")


def _written(item: JsonDict) -> str | None:
    """Return the text of a message of the user's; None for any other item."""
    content = item.get("content")
    if item.get("role") != "user" or not isinstance(content, list):
        return None
    texts = [part.get("text") for part in content if part.get("type") == "input_text"]
    return "\n".join(text for text in texts if text) or None
