"""`TranslationConnection`: speech in one language in, speech in another out.

Source: the provider's guide to realtime translation and the published ``openai`` package: three
client events, seven server events, on the path ``/realtime/translations``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from .._opening import Opening
from .._porting import Blocking
from .._types import JsonDict, Samples
from .._uncopied import Uncopied
from ..errors import ConnectionClosedOK, LocalProtocolError
from ..events import ClientEvent, ServerEvent, SessionClosed
from ..events.sessions import RealtimeTranslationSessionUpdateRequestParam
from ._argument_checks import check_mapping, check_text
from ._audio_input import FirstSound, audio_base64
from .connection import RealtimeConnection
from .link.sender import to_dict
from .manager import RealtimeConnectionManager
from .stats import ConnectionStats

__all__ = [
    "TranslationConnection",
    "TranslationConnectionManager",
    "TranslationInputAudioBuffer",
    "TranslationSessionResource",
]

_OPENED_BY = "translations.connect()"
_Send = Callable[[JsonDict], None]


class TranslationInputAudioBuffer(Uncopied):
    """``session.input_audio_buffer.*``: what is to be translated."""

    def __init__(self, send: _Send) -> None:
        self._send = send
        self._is_unheard = True  # until the first sound, which alone is looked at closely
        self._first_sound = FirstSound()

    def append(self, *, audio: str | bytes | Samples, event_id: str | None = None) -> None:
        """Add audio; the server takes it in frames of 200 ms.

        Keep appending, silence too: audio after a gap counts as following immediately.

        Args:
            audio: base64 text; or bytes of PCM16 (int16 mono, little-endian, 24 kHz); or a mono
                array of int16, or of float32 within -1.0 to 1.0.
            event_id: an id of the caller's for this request.

        Raises:
            FormatError: half a sample, a wrong dtype or shape, text that is not base64; or the
                first sound of the connection is a whole file.
            LocalProtocolError: the session was told to close.
        """
        encoded = audio_base64(audio, pcm=True)
        if self._is_unheard and encoded:
            self._is_unheard = not self._first_sound.add(audio, encoded)
        event = _event("session.input_audio_buffer.append", event_id, audio=encoded.decode())
        self._send(event)


class TranslationSessionResource(Uncopied):
    """``session.*``: all that a client can say in a translation."""

    def __init__(self, send: _Send) -> None:
        self._send = send
        self.input_audio_buffer = TranslationInputAudioBuffer(send)

    def update(
        self,
        *,
        session: RealtimeTranslationSessionUpdateRequestParam,
        event_id: str | None = None,
    ) -> None:
        """Change the fields of ``session`` that are present; ``session.updated`` follows.

        Args:
            session: e.g. ``{"audio": {"output": {"language": "fr"}}}``.
            event_id: an id of the caller's for this request.
        """
        check_mapping("session", session, "{'audio': {'output': {'language': 'fr'}}}")
        self._send(_event("session.update", event_id, session=session))

    def close(self, *, event_id: str | None = None) -> None:
        """End the input; what is still to be said comes, then ``session.closed``.

        A second call does nothing.
        """
        self._send(_event("session.close", event_id))


class TranslationConnection(Blocking, Uncopied):
    """An open translation; ``client.realtime.translations.connect(...)`` makes it.

    Send ``session.close()`` and read on to ``session.closed``, or the end of the translation is
    lost. There is no reconnecting: what was said over a lost link can't be said again.

    Attributes:
        session: the client's events as methods.

    Threads: any thread may send and close; one at a time receives.
    """

    def __init__(self, connection: RealtimeConnection) -> None:
        self._connection = connection
        connection.opened_by = _OPENED_BY  # and takes no policy
        self._lock = threading.Lock()  # guards the one below; never held while sending
        self._ending = False
        self.session = TranslationSessionResource(self.send)

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """Send one client event and return when it is handed to the kernel.

        Raises:
            ConnectionClosed: the connection is over; the event was not sent.
            LocalProtocolError: the session was told to close, or the event is none.
        """
        kind = to_dict(event)["type"]
        with self._lock:
            if self._ending and kind == "session.close":
                return
            if self._ending:
                raise LocalProtocolError(
                    f"{kind} after session.close: the input of this translation has ended; read "
                    f"on to session.closed; {_OPENED_BY} opens another"
                )
            ends = self._ending = kind == "session.close"
        try:
            self._connection.send(event)
        except BaseException:  # a signal handler's exception as well: the input goes on
            if ends:
                with self._lock:
                    self._ending = False
            raise

    def recv(self, timeout: float | None = None) -> ServerEvent:
        """Return the next event; ``session.closed`` closes the connection.

        Args:
            timeout: seconds to wait; None waits until the connection ends.

        Raises:
            The same as `RealtimeConnection.recv`.
        """
        event = self._connection.recv(timeout)
        if isinstance(event, SessionClosed):
            self.close()
        return event

    def __iter__(self) -> Iterator[ServerEvent]:
        """Yield events to ``session.closed``, or until the connection is closed on purpose.

        Raises:
            ConnectionClosedError: the connection broke; other errors as in `recv`.
        """
        while True:
            try:
                event = self.recv()
            except ConnectionClosedOK:
                return
            yield event

    def close(self) -> None:
        """Close the connection at once: idempotent, from any thread.

        What is still to be said is lost; ``session.close()`` ends a translation in order.
        """
        with self._lock:
            self._ending = True
        self._connection.close()

    @property
    def closed(self) -> bool:
        """Whether the connection is over or being closed; events may still be queued."""
        return self._connection.closed

    @property
    def stats(self) -> ConnectionStats:
        """Counters of this connection, read at this moment."""
        return self._connection.stats

    def __enter__(self) -> TranslationConnection:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else 'open'}>"


class TranslationConnectionManager(Opening):
    """A translation to be opened: ``with manager as connection`` or ``manager.enter()``.

    Args:
        manager: opens the connection below it.
    """

    _opens = TranslationConnection
    _opens_with = frozenset({"session"})
    _noun = "connection"
    _call = "client.realtime.translations.connect(...)"
    _opened: TranslationConnection | None = None

    def __init__(self, manager: RealtimeConnectionManager) -> None:
        self._manager = manager

    def enter(self) -> TranslationConnection:
        """Open the connection; the caller closes it.

        Raises:
            The same as `RealtimeConnectionManager.enter`.
        """
        self._opened = TranslationConnection(self._manager.enter())
        return self._opened

    def __enter__(self) -> TranslationConnection:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.close()


def _event(type: str, event_id: str | None, **fields: Any) -> JsonDict:
    event: JsonDict = {"type": type}
    if event_id is not None:
        check_text("event_id", event_id)
        event["event_id"] = event_id
    return {**event, **fields}
