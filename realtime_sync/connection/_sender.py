"""The sending half of a connection; resources hold it instead of the connection.

So a connection is in no reference cycle, and one that is forgotten is freed at once. While the
link is being renewed the sender holds what may wait, and sets aside what belongs to the old link.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Literal

from .._types import JsonDict
from ..errors import ConnectionClosed, LocalProtocolError, QueueFullError
from ..events import ClientEvent
from ..providers.dialect import Dialect
from ..transport.base import Transport
from ._queue import EventQueue
from .reconnect import ReconnectPolicy
from .state import ConnectionState

__all__ = ["DEFAULT_MAX_QUEUE_SIZE", "Sender", "to_dict", "to_json"]

DEFAULT_MAX_QUEUE_SIZE = 1 << 20

Holding = Literal["lost", "renewal"]

# They speak of what only the old link had: its input buffer, its running response.
_LINK_BOUND = frozenset(
    {
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "response.cancel",
        "conversation.item.truncate",
    }
)


class Sender:
    """Turns client events into messages.

    Threads: all methods may be called from any thread; the transport serialises the writes.
    """

    def __init__(
        self,
        transport: Transport,
        queue: EventQueue,
        state: ConnectionState,
        *,
        dialect: Dialect | None = None,
        policy: ReconnectPolicy | None = None,
        max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE,
    ) -> None:
        self._queue = queue
        self._state = state
        self._policy = policy
        self._max_queue_size = max_queue_size
        self._last = threading.local()
        self._ids = count(1)
        self.dialect = dialect  # the link's to set, like the next
        self.on_renewal_due: Callable[[], object] = _nothing
        self._lock = threading.Lock()  # guards the five below; never held while sending
        self._transport: Transport = transport
        self._holding: Holding | None = None
        self._held = _Backlog()
        self._set_aside = _Backlog()
        self._given_up = False

    # -- for the program -------------------------------------------------------------------------

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """See `RealtimeConnection.send`."""
        wire = to_dict(event)
        event_id = wire.setdefault("event_id", f"event_{next(self._ids)}")
        dialect = self.dialect
        text = to_json(wire if dialect is None else dialect.to_wire(wire))
        self._renew_if_due()
        self._state.sent(wire)
        self._last.event_id = event_id
        self._transmit(text)

    def send_raw(self, data: str | bytes) -> None:
        """See `RealtimeConnection.send_raw`."""
        self._renew_if_due()
        self._transmit(data)

    def append(self, data: str) -> None:
        """Send an ``input_audio_buffer.append``."""
        self._renew_if_due()
        self._state.appended()
        self._transmit(data)

    def _renew_if_due(self) -> None:
        if self._state.renew_at <= time.monotonic():
            self.on_renewal_due()

    def _transmit(self, data: str | bytes) -> None:
        self._last.mark = self._queue.received
        if self._holding is not None and self._hold(data):
            return
        try:
            self._transport.send(data)
        except ConnectionClosed as closed:
            # Not taken whole by the kernel, so the server can't have it: it may wait for the
            # new link like anything that is sent a moment later.
            if self._policy is not None and self._policy.covers(closed):
                self.hold("lost")
            if not self._hold(data):
                raise

    @property
    def mark(self) -> int:
        """How many messages had come when this thread last sent; all that came if it never did."""
        mark: int = getattr(self._last, "mark", self._queue.received)
        return mark

    @property
    def last_event_id(self) -> str | None:
        """The id of the event that this thread sent last."""
        event_id: str | None = getattr(self._last, "event_id", None)
        return event_id

    @property
    def input_is_pcm(self) -> bool:
        """Whether the session takes PCM16; else it is G.711, one byte per sample."""
        return self._state.input_is_pcm

    # -- for the link ----------------------------------------------------------------------------

    def hold(self, why: Holding) -> None:
        """Keep what is sent from now on until `resume` or `give_up`.

        Args:
            why: "lost": set aside what belongs to the lost link. "renewal": the link is replaced
                at a quiet moment, when nothing belongs to the old one.
        """
        with self._lock:
            if not self._given_up:
                self._holding = why

    def resume(self, transport: Transport) -> list[str]:
        """Send what was held, in order, over ``transport``; return what was set aside.

        Raises:
            ConnectionClosed: the new link is gone as well; what was not sent is still held.
        """
        while True:
            with self._lock:
                self._transport = transport
                text = self._held.first()
                if text is None:
                    self._holding = None
                    return self._set_aside.empty()
            transport.send(text)  # new messages line up behind it meanwhile
            with self._lock:
                self._held.drop_first()

    def give_up(self) -> list[str]:
        """Stop holding, because there will be no new link; return what was not sent."""
        with self._lock:
            self._given_up = True
            self._holding = None
            return self._set_aside.empty() + self._held.empty()

    def _hold(self, data: str | bytes) -> bool:
        """Keep ``data`` if the link is being renewed; say whether it is."""
        text = data if isinstance(data, str) else data.decode()
        with self._lock:
            if self._holding is None:
                return False
            if self._holding == "lost" and _is_link_bound(text):
                self._set_aside.add(text)
                self._set_aside.trim(self._max_queue_size)
                return True
            if self._held.size + len(text) > self._max_queue_size:
                raise QueueFullError(
                    f"{self._held.size} bytes wait for the connection to be made anew and "
                    f"max_queue_size is {self._max_queue_size}: wait for the 'reconnected' event"
                )
            self._held.add(text)
            return True


class _Backlog:
    """Messages in order, and how long they are together."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self.size = 0

    def add(self, text: str) -> None:
        self._texts.append(text)
        self.size += len(text)

    def first(self) -> str | None:
        return self._texts[0] if self._texts else None

    def drop_first(self) -> None:
        if self._texts:  # `give_up` may have emptied it meanwhile
            self.size -= len(self._texts.popleft())

    def trim(self, limit: int) -> None:
        while self.size > limit:
            self.drop_first()

    def empty(self) -> list[str]:
        texts = list(self._texts)
        self._texts.clear()
        self.size = 0
        return texts


def _is_link_bound(text: str) -> bool:
    try:
        return json.loads(text).get("type") in _LINK_BOUND
    except (ValueError, AttributeError):  # sent as it is; the server will say what it is not
        return False


def _nothing() -> None:
    """Do nothing."""


def to_dict(event: ClientEvent | Mapping[str, Any]) -> JsonDict:
    """Return a client event's wire form, a copy of its own.

    Raises:
        LocalProtocolError: a mapping has no ``type``.
    """
    if not isinstance(event, Mapping):
        return event.to_dict()
    if not isinstance(event.get("type"), str):
        raise LocalProtocolError(
            f"a client event needs a 'type', such as 'session.update'; got the keys {list(event)}"
        )
    return dict(event)


def to_json(event: JsonDict) -> str:
    """Return a client event as JSON text; models may stand inside it.

    Raises:
        LocalProtocolError: something in it can't be written as JSON.
    """
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_wire_form)
    except (TypeError, ValueError) as exc:
        raise LocalProtocolError(f"{event['type']} can't be written as JSON: {exc}") from exc


def _wire_form(value: Any) -> Any:
    """Let models and events stand inside a plain dict."""
    as_dict = getattr(value, "to_dict", None)
    if as_dict is None:
        raise TypeError(f"{type(value).__name__} is neither JSON nor a model of this package")
    return as_dict()
