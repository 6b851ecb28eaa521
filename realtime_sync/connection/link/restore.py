"""Bringing a conversation back onto a new link: what to send, and when it is done. No I/O."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

from ..._types import JsonDict
from ...conversation.history_item import sound
from ...conversation.history_item import text as text_of
from ...events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ...events.base import as_came
from ...events.server import detail_of
from ..reply import server_error

__all__ = ["Restoration"]

# What a server reports of a session and does not take back.
_READ_ONLY = ("id", "object", "expires_at", "model", "client_secret")
_ID = "restore_"
_SESSION = f"{_ID}session"
_RECAP_ID = "item_recap"
_RECAP = "This is what was said before the connection was renewed:"

# So many items are under way at once: enough to hide the round trips, and few enough that their
# confirmations, which nobody reads while something is sent, fit into the buffers of the link.
_WINDOW = 64


class Restoration:
    """Restores one session.

    Args:
        session: the effective configuration, in wire form; ``{}`` when none was reported.
        items: the history in the form in which items are created.
        as_recap: tell the history in one user message, for servers that take no items of the
            assistant's.

    Attributes:
        lost_items: ids of the items that the server refused.
        echoes: ids, the server's own, of the items that it has confirmed and not called done. GA's
            servers do so right behind it, others never.
    """

    def __init__(self, session: JsonDict, items: Sequence[JsonDict], *, as_recap: bool) -> None:
        self._session = _writable(session)
        self._told = [item["id"] for item in items]
        self._items = deque([_recap(items)] if as_recap and items else items)
        self._waiting: dict[str, int] = {}  # what was sent and not answered, with its weight
        self._confirmed: set[str] = set()  # by the server's own ids
        self._started = False
        self.lost_items: list[str] = []
        self.echoes: set[str] = set()

    @property
    def needed(self) -> bool:
        """Whether there is anything to restore."""
        return bool(self._session or self._items)

    @property
    def done(self) -> bool:
        """Whether everything was confirmed or refused, so that the new session has it."""
        return self._started and not self._waiting and not self._items

    @property
    def kept_items(self) -> list[str]:
        """The ids of the items that the new session has, or knows from the recap."""
        return [item_id for item_id in self._told if item_id not in self.lost_items]

    def receive(self, event: ServerEvent) -> list[JsonDict]:
        """Take an event of the new session; return what is to be sent.

        Raises:
            ServerError: the server refused the configuration, or the session altogether.
        """
        match event:
            case SessionCreated() if not self._started:
                return self._begin()
            case SessionUpdated():
                self._waiting.pop(_SESSION, None)
            case ConversationItemAdded() | ConversationItemCreated() | ConversationItemDone():
                self._confirm(event)
            case ErrorEvent():
                return self._refused(event) + self._next_items()
        return self._next_items()

    def refuse(self, request: JsonDict) -> list[JsonDict]:
        """Take note that ``request`` can't be sent to this server; return what to send instead."""
        self._lose(request["item"]["id"])
        return self._next_items()

    def _begin(self) -> list[JsonDict]:
        self._started = True
        requests = [self._session_update()] if self._session else []
        return requests + self._next_items()

    def _session_update(self) -> JsonDict:
        self._waiting[_SESSION] = 0
        return {"type": "session.update", "event_id": _SESSION, "session": self._session}

    def _next_items(self) -> list[JsonDict]:
        requests: list[JsonDict] = []
        room = _WINDOW - sum(self._waiting.values())
        while self._started and self._items and room > 0:
            item = self._items.popleft()
            room -= _weight(item)
            self._waiting[item["id"]] = _weight(item)
            event_id = f"{_ID}{item['id']}"
            requests.append(
                {"type": "conversation.item.create", "event_id": event_id, "item": item}
            )
        return requests

    def _confirm(
        self, event: ConversationItemAdded | ConversationItemCreated | ConversationItemDone
    ) -> None:
        """Take note of an item that the server has, however it tells of it.

        Many tell of one item more than once, and only the first time counts.
        """
        item = as_came(event, "item")
        item = item if isinstance(item, dict) else {}
        item_id = text_of(item.get("id"))
        if isinstance(event, ConversationItemDone):
            self.echoes.discard(item_id)
        if item_id in self._confirmed or text_of(item.get("type")).startswith("mcp_"):
            return  # those of an MCP server come by themselves
        if not item_id and isinstance(event, ConversationItemAdded):
            return  # without an id it can't be known from what comes behind it
        # A server that gives ids of its own answers in order.
        self._waiting.pop(item_id if item_id in self._waiting else self._oldest_item(), None)
        if item_id:
            self._confirmed.add(item_id)
            if not isinstance(event, ConversationItemDone):
                self.echoes.add(item_id)

    def _oldest_item(self) -> str:
        return next((item_id for item_id in self._waiting if item_id != _SESSION), "")

    def _refused(self, event: ErrorEvent) -> list[JsonDict]:
        error = detail_of(event)
        event_id = text_of(error.event_id)
        if not event_id and error.type == "invalid_request_error":
            # Not every server says which request it refuses, but all answer in order.
            event_id = _ID + ("session" if _SESSION in self._waiting else self._oldest_item())
        # A server may report fields that it does not take; it says which.
        if event_id == _SESSION and _drop(self._session, text_of(error.param)):
            return [self._session_update()]
        item_id = event_id.removeprefix(_ID)
        if item_id not in self._waiting:
            raise server_error(event)
        self._lose(item_id)
        return []

    def _lose(self, item_id: str) -> None:
        self._waiting.pop(item_id, None)
        self.lost_items += self._told if item_id == _RECAP_ID else [item_id]


def _weight(item: JsonDict) -> int:
    """Return how much of the window an item takes: an image is large."""
    types = {part.get("type") for part in item.get("content", [])}
    return _WINDOW if "input_image" in types else 1


def _writable(session: JsonDict) -> JsonDict:
    """Return what of a reported configuration can be set again."""
    sendable = _sendable({k: v for k, v in session.items() if k not in _READ_ONLY})
    return _without_nulls(sendable)


def _sendable(value: Any) -> Any:
    """Replace what a server may report and nobody can send: half an emoji, a number that is none.

    The whole session would be refused for it, at each attempt.
    """
    match value:
        case str():
            return sound(value)
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {_sendable(name): _sendable(part) for name, part in value.items()}
        case list():
            return [_sendable(part) for part in value]
    return value


def _without_nulls(values: JsonDict) -> JsonDict:
    """Leave out what is null by default; turn detection is not."""
    kept: JsonDict = {}
    for name, value in values.items():
        if value is not None or name == "turn_detection":
            is_config = isinstance(value, dict) and name != "tools"
            kept[name] = _without_nulls(value) if is_config else value
    return kept


def _drop(session: JsonDict, param: str) -> bool:
    """Remove what ``param`` names, such as ``session.audio.input.format``; say if it was there."""
    head, *path = param.split(".")
    if head != "session" or not path:
        return False
    *parents, name = path
    for parent in parents:
        session = session.get(parent) or {}
        if not isinstance(session, dict):
            return False
    return session.pop(name, None) is not None


def _recap(items: Sequence[JsonDict]) -> JsonDict:
    text = "\n".join([_RECAP, *filter(None, map(_line, items))])
    content = [{"type": "input_text", "text": text}]
    return {"id": _RECAP_ID, "type": "message", "role": "user", "content": content}


def _line(item: JsonDict) -> str:
    match item["type"]:
        case "function_call":
            return f"assistant called {item.get('name')}({item.get('arguments')})"
        case "function_call_output":
            return f"the function returned: {item.get('output')}"
    words = " ".join(part["text"] for part in item["content"] if part.get("text"))
    return f"{item['role']}: {words}" if words else ""
