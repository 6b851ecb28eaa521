"""What the rules of every dialect's server have in common; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

__all__ = ["Answer", "Close", "Event", "Refusal", "RefusedError", "Rules", "error", "known"]

Event = dict[str, Any]
Refusal = tuple[int, str]
Answer = Callable[[Event], None]


class Close(Exception):  # noqa: N818 -- it ends a connection in order
    """The server closes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Rules:
    """The rules of one connection.

    Args:
        query: of the upgrade.
    """

    ignores_pings: ClassVar[bool] = False

    def __init__(self, query: dict[str, str]) -> None:
        self.query = query

    @classmethod
    def refusal(
        cls, path: str, query: dict[str, str], headers: dict[str, str], key: str
    ) -> Refusal | None:
        """Say with which status and words an upgrade is refused, or None."""
        return None

    def open(self) -> None:
        """Look at an accepted connection; may raise `Close`."""

    def up(self, event: Event, answer: Answer) -> Iterable[Event]:
        """Return a client event as GA events; ``answer`` sends something back instead."""
        return [event]

    def down(self, event: Event) -> Iterable[Event]:
        """Return what the server of this dialect says where GA says ``event``."""
        return [event]


def error(message: str, event: Event, *, code: str, param: str | None = None) -> Event:
    """Return the ``error`` event that refuses ``event``."""
    detail = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": param,
        "event_id": event.get("event_id"),
    }
    return {"type": "error", "event_id": "event_of_the_front", "error": detail}


class RefusedError(Exception):
    """A request breaks the dialect's rules."""

    def __init__(self, message: str, code: str, param: str) -> None:
        super().__init__(message)
        self.answer = {"message": message, "code": code, "param": param}


def known(fields: Event, names: Iterable[str], where: str) -> None:
    """Refuse what the dialect does not know."""
    for name in fields:
        if name not in set(names):
            raise RefusedError(
                f"Unknown parameter: '{where}.{name}'.", "unknown_parameter", f"{where}.{name}"
            )
