"""``on``, ``once`` and ``off``, for a connection and for one that is still to be opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, overload

from ._handlers import Handler, Handlers

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Registration"]

H = TypeVar("H", bound=Handler)


class Registration:
    """Handlers are called by `RealtimeConnection.dispatch_events` and nowhere else."""

    _handlers: Handlers

    @overload
    def on(self, type: str, handler: Handler) -> Self: ...
    @overload
    def on(self, type: str) -> Callable[[H], H]: ...
    def on(self, type: str, handler: Handler | None = None) -> Self | Callable[[H], H]:
        """Have ``handler`` called with every event of a type; or use it as a decorator.

        Args:
            type: such as ``"response.done"`` (beta names work too), or ``"event"`` for all.
            handler: is called with the event, in the thread of `dispatch_events`.

        Returns:
            The object itself, so that calls can be chained; without a handler, a decorator.
        """
        return self._register(type, handler, once=False)

    @overload
    def once(self, type: str, handler: Handler) -> Self: ...
    @overload
    def once(self, type: str) -> Callable[[H], H]: ...
    def once(self, type: str, handler: Handler | None = None) -> Self | Callable[[H], H]:
        """Like `on`, for the next such event only."""
        return self._register(type, handler, once=True)

    def off(self, type: str, handler: Handler) -> Self:
        """Take back one `on` or `once`; nothing happens if there was none."""
        self._handlers.remove(type, handler)
        return self

    def _register(
        self, type: str, handler: Handler | None, *, once: bool
    ) -> Self | Callable[[H], H]:
        if handler is not None:
            self._handlers.add(type, handler, once=once)
            return self

        def decorate(function: H) -> H:
            self._handlers.add(type, function, once=once)
            return function

        return decorate
