"""One link to the Distiller: a WebSocket, less what the server and this program settle alone."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from .._deadline import Deadline
from .._threads import Attempt, join_all, spawn
from ..errors import ConnectionClosed, ConnectionClosedError, RemoteProtocolError
from ..transport.base import Transport
from .custom_agents import CustomAgents
from .server_pings import ServerPings
from .session_ends import end_of_link, end_of_message
from .turn_state import TurnState
from .wire_messages import PONG, DistillerEvent, decode_message, is_agent_call

__all__ = ["DistillerLink"]

_LAST_STEPS_S = 1.0


class DistillerLink(Transport):
    """A transport that answers the server's pings and its requests to agents by itself.

    Nothing of them reaches whoever reads, so both work whether or not anybody consumes.

    Args:
        wire: an open WebSocket, owned from now on.
        turn: is told when the session begins.
        agents: answer the server's requests.
        clock: for tests.

    Threads: as `Transport`. A thread of its own cuts a link whose server is silent too long;
        `read` and `abort` end it.
    """

    def __init__(
        self,
        wire: Transport,
        *,
        turn: TurnState,
        agents: CustomAgents,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._wire = wire
        self._turn = turn
        self._agents = agents
        self._pings = ServerPings(clock)
        self._early: list[str | bytes] = []  # read while the session began
        self._watcher: threading.Thread | None = None
        self._look: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes the watcher
        self._over = False
        self._silence: str | None = None  # why the watcher has cut the link

    # -- the beginning ---------------------------------------------------------------------------

    def await_session(self) -> None:
        """Wait for ``session.created``; what comes beside it is what `read` returns first.

        The client sends nothing before. The greeting itself is kept in ``turn``: read, it would
        count as a sign that the link is good, and a server that greets and then hangs up would be
        asked for ever. Where this raises, the link is cut.

        Raises:
            DistillerMessageError: the server sent an error instead, with its text.
            UserAlreadyConnectedError: another session of this project and uuid is open.
            DistillerTimeoutError: nothing came for 30 s.
            DistillerConnectionError: the link ended.
        """
        attempt = Attempt.current()
        if attempt is not None:  # nobody waits for the session any more
            attempt.on_leave(self._wire.abort)
        try:
            self._watcher = spawn(self._watch, name="distiller-pings")
            while not self._pings.begun:
                self._early += [each for each in self._read() if not self._takes_greeting(each)]
        except ConnectionClosed as closed:
            raise end_of_link(closed) from closed
        finally:
            if not self._pings.begun:
                self.abort()
                self._end_watch()

    def _takes_greeting(self, message: str | bytes) -> bool:
        event = None if self._pings.begun else _event(message)
        if event is None:
            return False
        if event.type == "error":
            raise end_of_message(event)
        if event.type != "session.created":
            return False
        self._turn.begin(event)
        self._pings.begin()  # which only gives the watcher more time, so it is not woken
        return True

    # -- reading ---------------------------------------------------------------------------------

    def read(self) -> list[str | bytes]:
        """Block until there is a message for the program (see `Transport.read`)."""
        self.check_process()
        if self._early:
            messages, self._early = self._early, []
            return messages
        return self._read()

    def _read(self) -> list[str | bytes]:
        self._pings.resume()
        try:
            while True:
                messages = [each for each in self._wire.read() if not self._settles(each)]
                if messages:
                    return messages
        except ConnectionClosed as closed:
            self._end_watch()
            if self._silence is None:
                raise
            raise ConnectionClosedError(1006, self._silence, closed_by="this side") from closed
        finally:
            self._pings.pause()

    def _settles(self, message: str | bytes) -> bool:
        """Do what a message asks for that is not the program's; return whether it is such."""
        # First by its text: a second look into each piece of sound would cost as much as the first.
        if isinstance(message, bytes) or not ('"PING"' in message or '"wait"' in message):
            return False
        event = _event(message)
        if event is None:
            return False
        if event.type == "PING":
            self._pings.note()
            self._look.put(None)
            self._answer(PONG)
            return True
        if is_agent_call(event):
            self._agents.call(event, self._answer)
            return True
        return False

    def _answer(self, text: str) -> None:
        with suppress(ConnectionClosed):  # then nobody waits for it
            self._wire.post(text)

    # -- a silent server -------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._over and not self.cut_if_silent():
            with suppress(queue.Empty):
                self._look.get(timeout=self._pings.remaining())

    def cut_if_silent(self) -> bool:
        """Cut the link if the server is silent too long; return whether it is."""
        if self._pings.remaining() > 0:
            return False
        self._silence = self._pings.words()  # first, for whoever reads
        self._wire.abort()
        return True

    def _end_watch(self) -> None:
        self._over = True
        self._look.put(None)
        if self._watcher is not None:
            join_all([self._watcher], Deadline(_LAST_STEPS_S))

    # -- the rest is the WebSocket's -------------------------------------------------------------

    def send(self, text: str | bytes) -> None:
        """Send one message (see `Transport.send`)."""
        self._wire.send(text)

    def post(self, text: str | bytes) -> None:
        """Queue one message (see `Transport.post`)."""
        self._wire.post(text)

    def take_back(self) -> list[str]:
        """Return what was not sent (see `Transport.take_back`); answers are of no use elsewhere."""
        own = '"request_type":"executor"'
        return [text for text in self._wire.take_back() if text != PONG and own not in text]

    def start_close(self, code: int, reason: str, deadline: Deadline) -> None:
        """Have the link closed (see `Transport.start_close`)."""
        self._wire.start_close(code, reason, deadline)

    def close(self, code: int = 1000, reason: str = "", *, timeout: float) -> None:
        """Close the link (see `Transport.close`)."""
        self._wire.close(code, reason, timeout=timeout)

    def abort(self) -> None:
        """Cut the link (see `Transport.abort`)."""
        if self.forked:
            return
        self._wire.abort()
        self._over = True
        self._look.put(None)

    @property
    def closed(self) -> bool:
        """Whether `send` would refuse a message."""
        return self._wire.closed

    @property
    def bytes_in(self) -> int:
        """Bytes received."""
        return self._wire.bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes sent."""
        return self._wire.bytes_out

    @property
    def messages_in(self) -> int:
        """Messages received, with those that are settled here."""
        return self._wire.messages_in

    @property
    def messages_out(self) -> int:
        """Messages sent, with those that are settled here."""
        return self._wire.messages_out


def _event(message: str | bytes) -> DistillerEvent | None:
    """Return the event in a message, None where it is none."""
    if isinstance(message, str):
        with suppress(RemoteProtocolError):
            return decode_message(message)
    return None
