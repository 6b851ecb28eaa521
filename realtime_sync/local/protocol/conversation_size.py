"""How much a conversation holds, and whether more fits into it."""

from __future__ import annotations

import sys
from typing import Any

from ..._types import JsonDict
from ..server_settings import ServerSettings
from .stored_items import StoredItem
from .wire import fault

__all__ = ["ConversationSize", "weight"]

_MIB = 1 << 20
_ITEM_BYTES = 1_000  # what an item takes besides its content
_PART_BYTES = 500  # and a part of it


class ConversationSize:
    """Weighs items against what the server's options allow.

    Sound is not counted here, except as a part of one item: `ItemStore` lets the oldest go.

    Args:
        settings: of the server: ``max_items``, ``max_item_mib`` and ``max_conversation_mib``.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._most_items = settings.max_items
        self._most_item_mib = settings.max_item_mib
        self._most_mib = settings.max_conversation_mib
        self._held: dict[str, int] = {}  # item id -> bytes
        self._total = 0

    def require_room(self) -> None:
        """Raise `ServerError` when the conversation is full: nothing may be added."""
        advice = "Delete items, or begin another session."
        if len(self._held) >= self._most_items:
            raise fault(
                f"The conversation has {len(self._held)} items, and may have {self._most_items} "
                f"(--max-items). {advice}",
                code="conversation_full",
            )
        if self._total >= self._most_mib * _MIB:
            raise fault(
                f"The items of the conversation take {self._total / _MIB:.1f} MiB without their "
                f"sound, and may take {self._most_mib} (--max-conversation-mib). {advice}",
                code="conversation_full",
            )

    def require_fit(self, given: StoredItem | JsonDict, where: str) -> None:
        """Raise `ServerError` when a client's item, or another object of its, is too large.

        Args:
            given: an item as it was parsed, or decoded JSON.
            where: its path in the client's event.
        """
        if isinstance(given, StoredItem):
            self.require_weight(_weight_of(given) + given.audio_bytes, where)
        else:
            self.require_weight(weight(given), where)

    def require_weight(self, size: int, where: str) -> None:
        """Raise `ServerError` when what has this `weight` is too large, see `require_fit`."""
        if size > self._most_item_mib * _MIB:
            raise fault(
                f"Invalid '{where}': it takes {size / _MIB:.1f} MiB, and may take "
                f"{self._most_item_mib} (--max-item-mib). Make it smaller, or divide it.",
                code="item_too_large",
                param=where,
            )

    def add(self, item: StoredItem) -> None:
        """Count an item."""
        self._held[item.id] = _weight_of(item)
        self._total += self._held[item.id]

    def weigh_again(self, item: StoredItem) -> None:
        """Count an item anew that has grown, unless it was deleted meanwhile."""
        if item.id in self._held:
            self.forget(item.id)
            self.add(item)

    def forget(self, item_id: str) -> None:
        """Count an item no more."""
        self._total -= self._held.pop(item_id, 0)

    def clear(self) -> None:
        """Count nothing any more."""
        self._held.clear()
        self._total = 0


def _weight_of(item: StoredItem) -> int:
    parts = (
        _PART_BYTES
        + weight(part.text)
        + weight(part.transcript)
        + weight(part.heard)
        + weight(part.other)
        for part in item.content
    )
    return _ITEM_BYTES + weight(item.fields) + sum(parts)


def weight(value: Any) -> int:
    """Return how many bytes decoded JSON takes, which for ``[[],[]]`` is twenty times its text."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(map(weight, value)) + sum(map(weight, value.values()))
    return size + sum(map(weight, value)) if isinstance(value, list) else size
