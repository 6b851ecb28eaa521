"""The conversation as far as it can be told again: items, in order, with their words.

Pure bookkeeping, for restoring the conversation on a new link.
"""

from __future__ import annotations

import threading
from collections.abc import Container
from typing import Any

from attrs import define, field

from .._types import JsonDict
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemTruncated,
    ResponseOutputAudioDelta,
    ResponseOutputItemDone,
    ServerEvent,
)
from ..events.base import as_came

__all__ = ["FOLLOWED", "G711_BYTES_PER_MS", "PCM_BYTES_PER_MS", "History"]

FOLLOWED = {
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.truncated",
    "response.output_audio.delta",
    "response.output_item.done",
}

# An hour of lively conversation has a few hundred; what is older than this is let go.
_MAX_ITEMS = 2_000
PCM_BYTES_PER_MS = 48  # PCM16 at 24 kHz
G711_BYTES_PER_MS = 8

_TEXT_TYPES = {"user": "input_text", "assistant": "output_text", "system": "input_text"}


@define
class _Item:
    wire: JsonDict
    done: bool = False
    transcripts: dict[int, str] = field(factory=dict)  # by content index
    received_bytes: int = 0  # audio of the assistant's
    heard_ms: int | None = None  # where it was truncated


class History:
    """Follows the conversation's items.

    Threads: `receive` and `receive_audio` belong to the reader, `replay` to anybody.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the three below
        self._items: dict[str, _Item] = {}
        self._order: list[str] = []
        self._ordered = False  # the server names predecessors

    def receive(self, event: ServerEvent) -> None:
        """Take note of ``event``."""
        with self._lock:
            self._receive_locked(event)

    def receive_audio(self, event: ResponseOutputAudioDelta) -> None:
        """Count the audio of an item. Without the lock, since nobody else changes the figure."""
        item = self._items.get(event.item_id)
        if item is not None:
            item.received_bytes += event.audio_size

    def _receive_locked(self, event: ServerEvent) -> None:
        match event:
            case ConversationItemAdded() | ConversationItemCreated() | ConversationItemDone():
                # The beta's "created" tells of both; GA's adds first.
                self._put_locked(
                    as_came(event, "item"),
                    event.previous_item_id,
                    done=not isinstance(event, ConversationItemAdded),
                )
            case ResponseOutputItemDone():
                self._update_locked(as_came(event, "item"))
            case ConversationItemInputAudioTranscriptionCompleted():
                item = self._items.get(event.item_id)
                if item is not None:
                    item.transcripts[event.content_index or 0] = event.transcript
            case ConversationItemTruncated():
                item = self._items.get(event.item_id)
                if item is not None:
                    item.heard_ms = event.audio_end_ms
            case ConversationItemDeleted():
                if self._items.pop(event.item_id, None) is not None:
                    self._order.remove(event.item_id)

    def _put_locked(self, wire: Any, previous_item_id: str | None, *, done: bool) -> None:
        item_id = _id_of(wire)
        if item_id is None:
            return
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Item(wire)
            self._order.insert(self._position_locked(previous_item_id), item_id)
            if len(self._order) > _MAX_ITEMS:
                del self._items[self._order.pop(0)]
        item.wire = wire
        item.done = item.done or done

    def _update_locked(self, wire: Any) -> None:
        item = self._items.get(_id_of(wire) or "")
        if item is not None:
            item.wire = wire

    def _position_locked(self, previous_item_id: str | None) -> int:
        if previous_item_id in self._items:
            self._ordered = True
            return self._order.index(previous_item_id) + 1
        # None means the front, but only with a server that otherwise names predecessors.
        if previous_item_id == "root" or (previous_item_id is None and self._ordered):
            return 0
        return len(self._order)

    def replay(self, bytes_per_ms: int = PCM_BYTES_PER_MS) -> tuple[list[JsonDict], list[str]]:
        """Return the items as they are to be created again, and the ids of those that can't be.

        Speech becomes its transcript: audio is neither kept nor sent again. An item that was
        truncated keeps the share of its words that was heard.

        Args:
            bytes_per_ms: of the assistant's audio.
        """
        items, lost = [], []
        with self._lock:
            known = [(item_id, self._items[item_id]) for item_id in self._order]
        for item_id, item in known:
            if not item.done:
                continue
            wire = _create_form(item, bytes_per_ms)
            if wire is None:
                lost.append(item_id)
            else:
                items.append(wire)
        return items, lost

    def keep(self, item_ids: Container[str]) -> None:
        """Forget all items but these: the others are not in the new session."""
        with self._lock:
            self._order = [item_id for item_id in self._order if item_id in item_ids]
            self._items = {item_id: self._items[item_id] for item_id in self._order}


def _id_of(wire: Any) -> str | None:
    """Return an item's id; what a server sends in its place is nobody's item."""
    item_id = wire.get("id") if isinstance(wire, dict) else None
    return item_id if isinstance(item_id, str) else None


def _create_form(item: _Item, bytes_per_ms: int) -> JsonDict | None:
    kind = item.wire.get("type")
    if kind == "function_call_output":
        return _only(item.wire, "id", "type", "call_id", "output")
    if kind == "function_call":
        return _only(item.wire, "id", "type", "call_id", "name", "arguments")
    if kind != "message":
        return None
    text_type = _TEXT_TYPES.get(str(item.wire.get("role")))
    parts = item.wire.get("content")
    if text_type is None or not isinstance(parts, list):
        return None
    content = []
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        if part.get("type") == "input_image":
            content.append(part)
            continue
        text = part.get("text") or part.get("transcript") or item.transcripts.get(index)
        if text:
            content.append({"type": text_type, "text": _heard(text, item, bytes_per_ms)})
    if not content:
        return None
    return {**_only(item.wire, "id", "type", "role"), "content": content}


def _heard(text: str, item: _Item, bytes_per_ms: int) -> str:
    """Return the words up to the truncation, in proportion to the audio."""
    received_ms = item.received_bytes // bytes_per_ms
    if item.heard_ms is None or item.heard_ms >= received_ms:
        return text
    words = text.split()
    return " ".join(words[: len(words) * item.heard_ms // received_ms])


def _only(wire: JsonDict, *names: str) -> JsonDict:
    return {name: wire[name] for name in names if wire.get(name) is not None}
