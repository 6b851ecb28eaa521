"""The dialect of servers that still speak the beta protocol, whose session is flat.

OpenAI's own server refuses it since May 2026 and closes with code 4000; Azure's preview API and
several relatives speak it. Source: the provider's migration guide "beta to GA".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._types import JsonDict
from ..events.base import plain
from ..events.session_shape import flat_config, flat_item, nested_config, nested_item
from ._item_events import ItemEvents

__all__ = ["BetaDialect"]


class BetaDialect:
    """GA outside, beta on the wire.

    The beta's names of events need nothing: they are understood everywhere.

    Args:
        metadata: whether the server takes and echoes ``metadata`` of a response, as OpenAI's did.

    Example:
        >>> dialect = BetaDialect()
        >>> dialect.to_wire({"type": "session.update", "session": {"output_modalities": ["audio"]}})
        {'type': 'session.update', 'session': {'modalities': ['text', 'audio']}}
    """

    name = "beta"
    assistant_items = True
    headers: Mapping[str, str] = {"OpenAI-Beta": "realtime=v1"}
    greeting: Sequence[JsonDict] = ()
    server_tools: frozenset[str] = frozenset()
    closes_response_on_speech_started = False

    def __init__(self, *, metadata: bool = True) -> None:
        self.metadata = metadata
        self._items = ItemEvents()
        self._readers: dict[str, Callable[[JsonDict], list[JsonDict]]] = {
            "session.created": self._session,
            "session.updated": self._session,
            "transcription_session.created": self._transcription_session,
            "conversation.item.created": lambda event: self._items.created(_item(event)),
            "conversation.item.retrieved": lambda event: [_item(event)],
            "response.created": lambda event: [_response(event)],
            "response.done": lambda event: self._items.response_done(_response(event)),
            "response.output_item.added": lambda event: [_item(event)],
            "response.output_item.done": lambda event: self._items.output_done(_item(event)),
        }
        self.server_types = frozenset(self._readers)

    def to_wire(self, event: JsonDict) -> JsonDict:
        """See `Dialect.to_wire`."""
        kind = event["type"]
        if kind == "session.update":
            session = plain(event.get("session")) or {}
            if session.get("type") == "transcription":
                kind = "transcription_session.update"
            return {**event, "type": kind, "session": flat_config(session)}
        if kind == "response.create" and event.get("response") is not None:
            return {**event, "response": flat_config(plain(event["response"]))}
        if kind == "conversation.item.create":
            return {**event, "item": flat_item(plain(event.get("item")))}
        return event

    def from_wire(self, event: JsonDict) -> list[JsonDict]:
        """See `Dialect.from_wire`."""
        reader = self._readers.get(event["type"])
        return [event] if reader is None else reader(event)

    def _session(self, event: JsonDict) -> list[JsonDict]:
        session = event.get("session") or {}
        return [{**event, "session": {"type": "realtime", **nested_config(session)}}]

    def _transcription_session(self, event: JsonDict) -> list[JsonDict]:
        session = {**(event.get("session") or {}), "type": "transcription"}
        return self._session({**event, "type": "session.created", "session": session})


def _item(event: JsonDict) -> JsonDict:
    return {**event, "item": nested_item(event.get("item"))}


def _response(event: JsonDict) -> JsonDict:
    response: Any = event.get("response")
    return {**event, "response": nested_config(response or {})}
