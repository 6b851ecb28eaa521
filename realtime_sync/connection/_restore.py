"""Bringing a conversation back onto a new link: what to send, and when it is done. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from .._types import JsonDict
from ..events import (
    ConversationItemCreated,
    ConversationItemDone,
    ErrorEvent,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from .reply import server_error

__all__ = ["Restoration"]

# What a server reports of a session and does not take back.
_READ_ONLY = ("id", "object", "expires_at", "model", "client_secret")
_ID = "restore_"
_RECAP = "This is what was said before the connection was renewed:"


class Restoration:
    """Restores one session.

    Args:
        session: the effective configuration, in wire form; ``{}`` when none was reported.
        items: the history in the form in which items are created.
        as_recap: tell the history in one user message, for servers that take no items of the
            assistant's.

    Attributes:
        done: everything was confirmed or refused.
        lost_items: ids of the items that the server refused.
    """

    def __init__(self, session: JsonDict, items: Sequence[JsonDict], *, as_recap: bool) -> None:
        self._session = _writable(session)
        self._items = [_recap(items)] if as_recap and items else list(items)
        self._waiting: set[str] = set()
        self._started = False
        self.lost_items: list[str] = []

    @property
    def done(self) -> bool:
        """Whether the new session has what the old one had."""
        return self._started and not self._waiting

    def receive(self, event: ServerEvent) -> list[JsonDict]:
        """Take an event of the new session; return what is to be sent.

        Raises:
            ServerError: the server refused the configuration, or the session altogether.
        """
        match event:
            case SessionCreated():
                return self._requests()
            case SessionUpdated():
                self._waiting.discard("session")
            case ConversationItemDone() | ConversationItemCreated():
                self._waiting.discard(getattr(event.item, "id", None) or "")
            case ErrorEvent(error=error):
                self._refused(error.event_id or "", event)
        return []

    def _requests(self) -> list[JsonDict]:
        self._started = True
        requests: list[JsonDict] = []
        if self._session:
            self._waiting.add("session")
            requests.append(
                {"type": "session.update", "event_id": f"{_ID}session", "session": self._session}
            )
        for item in self._items:
            self._waiting.add(item["id"])
            requests.append(
                {
                    "type": "conversation.item.create",
                    "event_id": f"{_ID}{item['id']}",
                    "item": item,
                }
            )
        return requests

    def _refused(self, event_id: str, event: ErrorEvent) -> None:
        item_id = event_id.removeprefix(_ID)
        if event_id.startswith(_ID) and item_id != "session":
            self._waiting.discard(item_id)
            self.lost_items.append(item_id)
            return
        raise server_error(event)


def _writable(session: JsonDict) -> JsonDict:
    """Return what of a reported configuration can be set again."""
    kept: JsonDict = {}
    for name, value in session.items():
        if name in _READ_ONLY or (value is None and name != "turn_detection"):
            continue
        kept[name] = _writable(value) if isinstance(value, dict) and name != "tools" else value
    return kept


def _recap(items: Sequence[JsonDict]) -> JsonDict:
    lines = [_RECAP]
    for item in items:
        words = " ".join(part.get("text", "") for part in item.get("content", []))
        if words:
            lines.append(f"{item['role']}: {words}")
    content = [{"type": "input_text", "text": "\n".join(lines)}]
    return {"id": "item_recap", "type": "message", "role": "user", "content": content}
