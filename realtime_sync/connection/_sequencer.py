"""One response at a time: ``response.create`` that waits for the running one and merges."""

from __future__ import annotations

import contextlib
import threading

from .._types import JsonDict
from ..errors import ConnectionClosed
from ..events import ErrorEvent
from ..events.server import detail_of
from .link.sender import Sender
from .state import ConnectionState

__all__ = ["ResponseSequencer"]

_BUSY = "conversation_already_has_active_response"


class ResponseSequencer:
    """Sends a ``response.create`` when the conversation is idle, at most one at a time.

    Threads: `request` from any thread; `idle` and `absorbs` belong to the reader, which never
        waits for a send, but posts.
    """

    def __init__(self, sender: Sender, state: ConnectionState) -> None:
        self._sender = sender
        self._state = state
        self._lock = threading.Lock()  # guards the two below
        self._waiting: JsonDict | None = None
        self._asked: JsonDict | None = None  # sent last, and not known to be accepted
        state.sequencer = self

    def request(self, event: JsonDict) -> None:
        """Send ``event`` now or when the running response is done; the latest of several."""
        with self._lock:
            if self._waiting is not None or self._state.busy:
                self._waiting = event
                return
            self._asked = event
        self._sender.send(event)

    def idle(self) -> None:
        """Take note that no response is running or asked for."""
        with self._lock:
            event, self._waiting = self._waiting, None
            self._asked = event
        if event is not None:
            with contextlib.suppress(ConnectionClosed):  # whoever consumes is told
                self._sender.post(event)

    def absorbs(self, event: ErrorEvent) -> bool:
        """Whether ``event`` only says that another response was quicker, which is our affair."""
        error = detail_of(event)
        with self._lock:
            asked = self._asked
            if asked is None or error.code != _BUSY:
                return False
            if error.event_id != asked.get("event_id"):
                return False
            self._asked = None
            self._waiting = self._waiting or asked
        if not self._state.busy:
            self.idle()
        return True
