"""The sending half of a connection; resources hold it instead of the connection.

So a connection is in no reference cycle, and one that is forgotten is freed at once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from ..errors import LocalProtocolError
from ..events import ClientEvent
from ..transport.base import Transport
from ._queue import EventQueue
from .state import ConnectionState

__all__ = ["Sender"]


class Sender:
    """Turns client events into messages.

    Threads: all methods may be called from any thread; the transport serialises the writes.
    """

    def __init__(self, transport: Transport, queue: EventQueue, state: ConnectionState) -> None:
        self._transport = transport
        self._queue = queue
        self._state = state
        self._last = threading.local()

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """See `RealtimeConnection.send`."""
        self.send_raw(_to_json(event))

    def send_raw(self, data: str | bytes) -> None:
        """See `RealtimeConnection.send_raw`."""
        self._last.mark = self._queue.received
        self._transport.send(data)

    @property
    def mark(self) -> int:
        """How many messages had come when this thread last sent; all that came if it never did."""
        mark: int = getattr(self._last, "mark", self._queue.received)
        return mark

    @property
    def input_is_pcm(self) -> bool:
        """Whether the session takes PCM16; else it is G.711, one byte per sample."""
        return self._state.input_is_pcm


def _to_json(event: ClientEvent | Mapping[str, Any]) -> str:
    if not isinstance(event, Mapping):
        return event.to_json()
    if not isinstance(event.get("type"), str):
        raise LocalProtocolError(
            f"a client event needs a 'type', such as 'session.update'; got the keys {list(event)}"
        )
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_wire_form)
    except (TypeError, ValueError) as exc:
        raise LocalProtocolError(f"{event['type']} can't be written as JSON: {exc}") from exc


def _wire_form(value: Any) -> Any:
    """Let models and events stand inside a plain dict."""
    to_dict = getattr(value, "to_dict", None)
    if to_dict is None:
        raise TypeError(f"{type(value).__name__} is neither JSON nor a model of this package")
    return to_dict()
