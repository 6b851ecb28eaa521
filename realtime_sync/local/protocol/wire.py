"""The small change of the protocol: JSON, ids, server events, and the errors a client causes."""

from __future__ import annotations

import json
import math
import secrets
from typing import Any

from ..._types import JsonDict
from ...errors import ServerError

__all__ = ["Written", "decode_json", "error_event", "event", "fault", "new_id", "write_event"]


class Written(dict[str, Any]):
    """A JSON object that somebody has written already.

    Args:
        fields: its fields, which are not to be changed any more.
        text: the same as JSON.
    """

    def __init__(self, fields: JsonDict, text: str) -> None:
        super().__init__(fields)
        self.text = text


def write_event(event: JsonDict) -> str:
    """Return the JSON text of a server event."""
    session = event.get("session")
    if not isinstance(session, Written):
        return json.dumps(event, separators=(",", ":"))
    rest = {name: value for name, value in event.items() if name != "session"}
    return f'{json.dumps(rest, separators=(",", ":"))[:-1]},"session":{session.text}}}'


def decode_json(text: str | bytes) -> Any:
    """Return the value of a JSON text, without the numbers that Python alone takes for JSON.

    Raises:
        ValueError: it is no JSON, or has a number that is too large.
        RecursionError: it is nested too deep.
    """
    return json.loads(text, parse_constant=_no_number, parse_float=_finite)


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``item_5f0c…``."""
    return f"{prefix}_{secrets.token_hex(10)}"


def event(type: str, **fields: Any) -> JsonDict:
    """Return a server event with an ``event_id`` of its own."""
    return {"type": type, "event_id": new_id("event"), **fields}


def fault(message: str, *, code: str | None = None, param: str | None = None) -> ServerError:
    """Return the exception for a request that can't be done; it becomes an ``error`` event."""
    return ServerError(message, "invalid_request_error", code, param)


def error_event(error: ServerError, *, event_id: str | None = None) -> JsonDict:
    """Return the ``error`` event for ``error``.

    Args:
        error: what went wrong.
        event_id: the ``event_id`` of the client event at fault, so that the client can tell.
    """
    detail = {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "event_id": event_id,
    }
    return event("error", error=detail)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number
