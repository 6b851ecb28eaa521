"""A server for Asterisk's AudioSocket: it accepts calls, and runs a function for each."""

from __future__ import annotations

import logging
import socket as sockets
import threading
from collections.abc import Callable
from functools import partial

from .._deadline import Deadline
from .._fork import Home
from .._required import is_whole, require, require_count, require_function, require_text
from .._signal_safe import Claim, Latch
from .._threads import join_all, spawn
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import ConcurrencyError, ConfigError, ConnectError, RealtimeError
from .audio_socket import AudioSocket
from .phone_call import require_patience

__all__ = ["AudioSocketServer"]

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # how soon the thread that accepts sees that it is to end
_CLOSE_S = 5.0


class AudioSocketServer(Uncopied):
    """Accepts calls of Asterisk's, and runs ``handler`` for each on a thread of its own.

    ::

        with AudioSocketServer(answer, port=9092) as server:
            server.wait()

    Args:
        handler: gets the `AudioSocket`, which has begun. When it returns, the call is hung up. What
            it raises is logged, and ends its call alone.
        host: the address to listen at, of IPv4 or IPv6.
        port: 0 to 65535; 0 takes a free one.
        max_calls: so many calls at once; one more is hung up at once.
        start_timeout: seconds in which a call's UUID must come; one that stays silent is hung up.
        send_timeout: see `AudioSocket`.
        silence_timeout: see `AudioSocket`.

    Raises:
        ConfigError: an option is wrong.

    Threads:
        One accepts, from `start` to `close`, and one for each call. All methods may be called from
        any thread.

    Processes:
        It belongs to the process that made it: in a forked child its methods raise
        ConcurrencyError, and `close` leaves the parent's calls alone.
    """

    def __init__(
        self,
        handler: Callable[[AudioSocket], object],
        *,
        host: str = "127.0.0.1",
        port: int = 9092,
        max_calls: int = 100,
        start_timeout: float = 10.0,
        send_timeout: float | None = 10.0,
        silence_timeout: float | None = None,
    ) -> None:
        require_function(handler, "handler", takes=("call",), error=ConfigError)
        require_text(host, "host", error=ConfigError)
        require(_is_name(host), "host must be an address or a name", host, error=ConfigError)
        require(is_whole(port, 0, 65_535), "port must be 0 to 65535", port, error=ConfigError)
        require_count(max_calls, "max_calls", least=1, error=ConfigError)
        Deadline(start_timeout)  # raises for what is no time
        self._handler = handler
        self._address = (host, port)
        self._max_calls = max_calls
        require_patience(send_timeout, "send_timeout")
        require_patience(silence_timeout, "silence_timeout")
        self._call_on = partial(
            AudioSocket,
            start_timeout=start_timeout,
            send_timeout=send_timeout,
            silence_timeout=silence_timeout,
        )
        self._home = Home()
        self._started = Claim()
        self._closed = Latch()
        self._draining = Latch()
        self._listener: sockets.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._lock = threading.Lock()  # guards the two below
        self._calls: dict[AudioSocket, threading.Thread | None] = {}  # None: it is being started
        self._refused = 0

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._address[1]

    @property
    def calls(self) -> int:
        """How many calls there are now, those included that have not said who they are."""
        with self._home.checked(self._lock):
            return len(self._calls)

    @property
    def refused(self) -> int:
        """How many calls were hung up, because there were ``max_calls``."""
        return self._refused

    def start(self) -> Self:
        """Listen.

        Raises:
            ConnectError: the address can't be listened at.
            RealtimeError: the system gives no thread.
            ConcurrencyError: it was started or closed before, or this is a forked child.
        """
        self._home.check()
        token = object()
        if self._draining.is_set or self._started.setdefault("now", token) is not token:
            raise ConcurrencyError("this server was started or closed before; make a new one")
        host, port = self._address
        family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
        try:
            listener = sockets.create_server(self._address, family=family)
        except OSError as exc:
            self._started.clear()  # it may be tried again
            raise ConnectError(
                f"can't listen at {host}:{port} ({exc.strerror or exc}): give an address of this "
                "machine as host, and as port one that is free, or 0 for any"
            ) from exc
        listener.settimeout(_LOOK_S)
        self._listener = listener
        self._address = listener.getsockname()[:2]
        self._acceptor = spawn(lambda: self._accept(listener), name="phone-server")
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is closed; False when ``timeout`` seconds were not enough."""
        self._home.check()
        return self._closed.wait(Deadline(timeout))

    def close(self) -> None:
        """Accept nothing more, hang up all calls, and wait 5 seconds for their handlers.

        In a forked child it gives up the child's copy of the door, and the parent's stays open.
        """
        if self._home.left:
            if self._listener is not None:
                self._listener.close()
            return
        self._closed.set()
        deadline = Deadline(_CLOSE_S)
        self._shut_the_door(deadline)
        with self._lock:
            calls = dict(self._calls)
        for call in calls:
            call.close()
        if not join_all([thread for thread in calls.values() if thread is not None], deadline):
            log.warning("a handler of a call has not returned; its thread is left behind")

    def drain(self, timeout: float | None = None) -> bool:
        """Accept nothing more, and wait until all calls have ended by themselves.

        For a program that is told to end; `close` then hangs up whoever is left.

        Returns:
            False when ``timeout`` seconds were not enough.

        Raises:
            ConcurrencyError: this is a forked child.
        """
        deadline = Deadline(timeout)
        self._home.check()
        self._shut_the_door(deadline)
        with self._lock:
            threads = [thread for thread in self._calls.values() if thread is not None]
        return join_all(threads, deadline)

    def _shut_the_door(self, deadline: Deadline) -> None:
        self._draining.set()
        if self._acceptor is not None:
            join_all([self._acceptor], deadline)
        if self._listener is not None:
            self._listener.close()  # Asterisk's dialplan goes on at once

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- threads ---------------------------------------------------------------------------------

    def _accept(self, listener: sockets.socket) -> None:
        while not self._draining.is_set:
            if (call := self._next(listener)) is not None:
                self._take(call)

    def _next(self, listener: sockets.socket) -> AudioSocket | None:
        link = None
        try:
            link = listener.accept()[0]
            return self._call_on(link)  # which takes descriptors of its own
        except TimeoutError:
            return None  # nobody has called
        except OSError as exc:  # the caller has left again, or there are no descriptors left
            log.warning("a call could not be accepted: %s", exc)
            if link is not None:
                link.close()
            self._draining.wait(Deadline(_LOOK_S))
            return None

    def _take(self, call: AudioSocket) -> None:
        with self._lock:
            is_full = len(self._calls) >= self._max_calls
            if is_full:
                self._refused += 1
            else:
                self._calls[call] = None
        if is_full:
            log.warning("a call was hung up: there are %d, as max_calls says", self._max_calls)
            call.close()
            return
        try:
            thread = spawn(lambda: self._serve(call), name="phone-call")
        except RealtimeError:
            log.exception("a call was hung up")
            self._forget(call)
            return
        with self._lock:
            if call in self._calls:  # it may be over
                self._calls[call] = thread

    def _serve(self, call: AudioSocket) -> None:
        try:
            call.__enter__()  # `_forget` closes it
        except RealtimeError as exc:  # a stranger, not a fault of the program
            log.warning("a connection of which no call began was hung up: %s", exc)
            self._forget(call)
            return
        try:
            self._handler(call)
        except Exception:
            log.exception("a call has failed")
        finally:
            self._forget(call)

    def _forget(self, call: AudioSocket) -> None:
        call.close()
        with self._lock:
            self._calls.pop(call, None)


def _is_name(host: str) -> bool:
    """Whether the system can be asked for it; what IDNA refuses is a TypeError of a socket's."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return "\0" not in host
