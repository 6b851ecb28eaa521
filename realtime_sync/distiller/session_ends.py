"""What ends a session, as an exception of the Distiller's."""

from __future__ import annotations

from ..errors import (
    ConnectionClosed,
    DistillerConnectionError,
    DistillerMessageError,
    DistillerTimeoutError,
    UserAlreadyConnectedError,
)
from ..events.wire_values import as_object, as_text
from .wire_messages import DistillerEvent

__all__ = ["end_of_link", "end_of_message", "is_refusal"]

# The server's words in a close frame, as the SDK looks for them.
_ALREADY_CONNECTED = "User is already connected"
_TIMEOUT = "Connection timeout"


def end_of_message(event: DistillerEvent) -> DistillerMessageError:
    """Return the exception for an ``error`` message, with the server's text."""
    detail = as_text(as_object(event.get("error_detail")).get("message"))
    plain = event.get("error")
    words = detail or as_text(plain) or as_text(as_object(plain).get("message"))
    return DistillerMessageError(
        words or "the server sent an error without a message", extra={"event": dict(event)}
    )


def end_of_link(end: ConnectionClosed, *, in_turn: bool = False) -> DistillerConnectionError:
    """Return the exception for a link that has ended.

    Args:
        end: how.
        in_turn: whether something of a turn was going on, which is lost.
    """
    extra = {"code": end.code, "reason": end.reason}
    if _ALREADY_CONNECTED in end.reason:
        error: DistillerConnectionError = UserAlreadyConnectedError(end.reason, extra=extra)
    elif _TIMEOUT in end.reason:
        error = DistillerTimeoutError(end.reason, extra=extra)
    else:
        lost = " in the middle of a turn, which can't be taken up again" if in_turn else ""
        why = f": {end.reason}" if end.reason else ""
        error = DistillerConnectionError(
            f"the session has ended{lost} (code {end.code}{why}); "
            "client.realtime_distiller(project=…, uuid=…) opens another",
            extra=extra,
        )
    error.__cause__ = end
    return error


def is_refusal(end: ConnectionClosed) -> bool:
    """Whether the server has ended a link with words that say not to come back."""
    by_server = end.closed_by == "the server"
    return by_server and (_ALREADY_CONNECTED in end.reason or _TIMEOUT in end.reason)
