"""Write realtime_sync/connection/_listening.pyi, what type checkers read of _listening.py.

    python scripts/write_overloads.py

It has an overload of each method for each type of event, so that `wait_for("response.done")` is
known to return a `ResponseDone`. Run it when events or those methods have changed;
tests/typing/test_overloads.py fails where the file is not what this writes.
"""

from __future__ import annotations

from pathlib import Path

from realtime_sync.events import SERVER_EVENTS, Reconnected

PLACE = Path(__file__).parents[1] / "realtime_sync" / "connection" / "_listening.pyi"

HEAD = '''\
# mypy: disable-error-code="overload-overlap"
# A text that is not known while checking may be any of the literals, and gets the last overload.
"""Written by scripts/write_overloads.py; change that, not this."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol, TypeVar, overload

from typing_extensions import Self

from .. import events
from ..events import ServerEvent
from ._handlers import Handlers
from ._observer import Observer

__all__ = ["Observing", "Registration"]

_R = TypeVar("_R")
_E = TypeVar("_E")
_H = TypeVar("_H", bound=Callable[[Any], object])

class _Decorator(Protocol[_E]):
    def __call__(self, handler: Callable[[_E], _R], /) -> Callable[[_E], _R]: ...
'''
# `{literal}` is a type of event, `{cls}` its class. The last of each is for all other types.
HANDLED = """\
    @overload
    def {method}(
        self, type: Literal["{literal}"], handler: Callable[[events.{cls}], object]
    ) -> Self: ...
    @overload
    def {method}(self, type: Literal["{literal}"]) -> _Decorator[events.{cls}]: ...
"""
HANDLED_OTHER = """\
    @overload
    def {method}(self, type: str, handler: Callable[[Any], object]) -> Self: ...
    @overload
    def {method}(self, type: str) -> Callable[[_H], _H]: ...
"""
FOUND = """\
    @overload
    def {method}(
        self, event: Literal["{literal}"], *, timeout: float | None = None
    ) -> {result}: ...
"""
FOUND_OTHER = """\
    @overload
    def {method}(
        self, event: str | Callable[[ServerEvent], bool], *, timeout: float | None = None
    ) -> {result}: ...
"""


def text() -> str:
    """Return what the file is to be."""
    classes = {**SERVER_EVENTS, Reconnected.type: Reconnected}
    types = [(name, classes[name].__name__) for name in sorted(classes)]
    parts = [HEAD, "\nclass Registration:\n    _handlers: Handlers\n\n"]
    for method in ("on", "once"):
        parts += [HANDLED.format(method=method, literal=name, cls=cls) for name, cls in types]
        parts.append(HANDLED_OTHER.format(method=method))
    parts.append("    def off(self, type: str, handler: Callable[[Any], object]) -> Self: ...\n")
    parts.append("\nclass Observing:\n    _observer: Observer\n\n")
    for method, result in (("wait_for", "{}"), ("watch", "Iterator[{}]")):
        parts += [
            FOUND.format(method=method, literal=name, result=result.format(f"events.{cls}"))
            for name, cls in types
        ]
        parts.append(FOUND_OTHER.format(method=method, result=result.format("ServerEvent")))
    return "".join(parts)


if __name__ == "__main__":
    PLACE.write_text(text())
