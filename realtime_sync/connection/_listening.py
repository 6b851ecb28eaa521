"""``on``, ``once``, ``off``, ``wait_for`` and ``watch``, with what a program may pass to them.

``_listening.pyi`` beside this file says the same to type checkers, with an overload for each type
of event; ``scripts/write_overloads.py`` writes it. So the bodies here are not seen by them: they
check, and hand over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._deadline import Deadline
from .._required import require_function
from .._shown import shown
from ..errors import ConfigError
from ..events import ServerEvent
from ._handlers import EVERY_EVENT, Handlers
from ._matching import checked_type
from ._observer import Observer

__all__ = ["Observing", "Registration"]


class Registration:
    """Handlers are called by `RealtimeConnection.dispatch_events` and nowhere else."""

    _handlers: Handlers

    def on(self, type: str, handler: Callable[[Any], object] | None = None) -> Any:
        """Have ``handler`` called with every event of a type; or use it as a decorator.

        Args:
            type: such as ``"response.done"`` (beta names work too), or ``"event"`` for all.
            handler: is called with the event, in the thread of `dispatch_events`.

        Returns:
            The object itself, so that calls can be chained; without a handler, a decorator.

        Raises:
            ConfigError: ``type`` is a mistake (`wait_for` has the rule), or the handler can't be
                called.
        """
        return self._register(type, handler, once=False)

    def once(self, type: str, handler: Callable[[Any], object] | None = None) -> Any:
        """Like `on`, for the next such event only."""
        return self._register(type, handler, once=True)

    def off(self, type: str, handler: Callable[[Any], object]) -> Any:
        """Take back one `on` or `once`; nothing happens if there was none.

        Raises:
            ConfigError: as `on`.
        """
        self._handlers.remove(_checked(type, "off"), _callable(handler, "off"))
        return self

    def _register(self, type: str, handler: Callable[[Any], object] | None, *, once: bool) -> Any:
        where = "once" if once else "on"
        name = _checked(type, where)
        if handler is not None:
            self._handlers.add(name, _callable(handler, where), once=once)
            return self

        def decorate(function: Callable[[Any], object]) -> Callable[[Any], object]:
            self._handlers.add(name, _callable(function, where), once=once)
            return function

        return decorate


class Observing:
    """Looking for events beside the consumer."""

    _observer: Observer

    def wait_for(
        self, event: str | Callable[[ServerEvent], bool], *, timeout: float | None = None
    ) -> ServerEvent:
        """Wait until an event came, and leave it in the queue.

        The next one is found: what came after the last that this thread found of the same type (or
        with the same predicate object), and after its last `send`, if that was later. So what
        arrived between a request and this call is found, and a loop finds each event once. A thread
        that has neither sent nor found anything finds the oldest that is still held.

        Held is what waits in the queue, and the last 1 MiB of what was consumed; what is found
        there is equal to the event that was consumed, and another object. `watch` misses nothing
        between two finds.

        Args:
            event: a type (beta names work too) or a predicate, which runs in this thread. A type
                may be unknown, for servers have their own, unless it looks like a mistake: it is in
                a family of the protocol (``response.``, ``session.``, …) or much like a type that
                is known. Find one that is really called so by a predicate.
            timeout: seconds to wait; None waits until the connection ends.

        Raises:
            RealtimeTimeout: it did not come in time.
            ConnectionClosed: the connection ended before it came. With ``reconnecting``: the link
                was lost, and perhaps what this thread sent; ask again, or wait again. A wait
                for ``"reconnected"`` goes on.
            QueueFullError: the queue is full, so nothing more is read until someone consumes.
            ServerError: the server refused what this thread sent last, so it won't come. It is
                raised once.
            ConfigError: the type is a mistake; the message has the nearest ones. Or the timeout is.
            LocalProtocolError: ``event`` is neither a type nor a predicate.
        """
        return self._observer.wait_for(event, Deadline(timeout))

    def watch(
        self, event: str | Callable[[ServerEvent], bool], *, timeout: float | None = None
    ) -> Iterator[ServerEvent]:
        """Yield each event of a type as it comes, in order, and leave them in the queue.

        It begins where `wait_for` would at this moment, and ends quietly when the connection is
        closed on purpose. Each iterator is for one thread at a time.

        What comes while the program does something with an event is kept for it, at most
        ``max_queue_bytes`` of all events that came since; leave the iterator, or close it, when it
        is not needed any more.

        Args:
            event: as for `wait_for`.
            timeout: seconds to wait for each event; None waits until the connection ends.

        Raises:
            QueueFullError: as `wait_for`; or the program was so slow that an event was missed.
            ConfigError, LocalProtocolError: as `wait_for`, at once; the others from the iteration,
                which ends with it: RealtimeTimeout, ConnectionClosedError, ServerError.
        """
        return self._observer.watch(event, timeout)


def _checked(type: str, where: str) -> str:
    every = isinstance(type, str) and type == EVERY_EVENT
    return type if every else checked_type(type, where)


def _callable(handler: Callable[[Any], object], where: str) -> Callable[[Any], object]:
    if not callable(handler):
        raise ConfigError(
            f"the handler given to {where} is {shown(handler)}; pass a function that takes the "
            "event"
        )
    what = f"the handler given to {where}"
    require_function(handler, what, takes=("event",), error=ConfigError)
    return handler
