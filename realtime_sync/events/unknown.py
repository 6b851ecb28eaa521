"""The event of a type that this version does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from .._required import require_object
from .._types import JsonDict
from ..errors import LocalProtocolError
from .base import Event, plain, set_dict, shorten

__all__ = ["UnknownEvent"]


@frozen(kw_only=True, slots=False, eq=False, repr=False, init=False)
class UnknownEvent(Event):
    """An event of a type that this version does not know, with all its fields.

    Example:
        >>> event = UnknownEvent(type="response.smell.delta", data={"delta": "rose"})
        >>> event.type, event.data["delta"]
        ('response.smell.delta', 'rose')
        >>> event.to_dict()
        {'delta': 'rose', 'type': 'response.smell.delta'}

    Attributes:
        type: the name on the wire. It is declared as a literal of its own so that a check of
            ``event.type`` leaves only known classes to a type checker.
        data: every field as it came, ``type`` included.
        extra: the same without ``type`` and ``event_id``.

    Raises:
        LocalProtocolError: ``data`` is no mapping.
    """

    type: Literal["unknown"]
    data: Mapping[str, Any]

    def __init__(self, *, type: str, data: Mapping[str, Any], raw: str | None = None) -> None:
        require_object(data, "the data of an event", error=LocalProtocolError)
        known = ("type", "event_id")
        values: dict[str, Any] = {"type": type, "data": {**data, "type": type}, "raw": raw}
        values["event_id"] = data.get("event_id")
        values["extra"] = {name: v for name, v in data.items() if name not in known}
        set_dict(self, values)

    def replace(self, **changes: Any) -> UnknownEvent:
        """Return a copy with some fields of `data` changed."""
        data = {**self.data, **changes}
        return UnknownEvent(type=data["type"], data=data)

    def to_dict(self) -> JsonDict:
        """Return the wire form."""
        values: JsonDict = plain(self.data)
        return values

    def __repr__(self) -> str:
        return f"UnknownEvent(type={self.type!r}, data={shorten(self.data)})"
