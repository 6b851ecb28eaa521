"""The event of a type that this version does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from .._porting import NoOptions
from .._required import require_object, require_text
from .._types import JsonDict
from .._typing import Unpack
from ..errors import LocalProtocolError
from .base import Event, plain, set_dict, shorten
from .dump_options import check_no_options

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

    @classmethod
    def model_validate(cls, obj: Any, **options: Unpack[NoOptions]) -> UnknownEvent:
        """Return the event in a dictionary; see `Model.model_validate`."""
        check_no_options("model_validate", options, error=LocalProtocolError)
        if isinstance(obj, cls):
            return obj
        require_object(obj, "an UnknownEvent", error=LocalProtocolError)
        require_text(obj.get("type"), "the type of an event", error=LocalProtocolError)
        return cls._built(obj)

    @classmethod
    def _built(cls, values: Mapping[str, Any]) -> UnknownEvent:
        return UnknownEvent(type=values.get("type", ""), data=values)

    def _form(self) -> JsonDict:
        values: JsonDict = plain(self.data)
        return values

    def _filled(self) -> JsonDict:
        return self._form()

    def __repr__(self) -> str:
        return f"UnknownEvent(type={self.type!r}, data={shorten(self.data)})"
