"""The conversation: items in order, found by id."""

from __future__ import annotations

from collections.abc import Iterator

from ..server_settings import ServerSettings
from .conversation_size import ConversationSize
from .stored_items import StoredItem, StoredPart
from .wire import fault, new_id
from .wire_formats import TICKS_PER_MS

__all__ = ["ItemStore"]


class ItemStore:
    """The items of one session.

    Args:
        settings: of the server. Beyond ``max_conversation_mib`` of sound, the oldest items lose
            theirs (never their words).

    Attributes:
        id: of the conversation.
        size: how much it holds; whoever adds to an item has it weighed again there.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.id = new_id("conv")
        self.size = ConversationSize(settings)
        self._items: dict[str, StoredItem] = {}
        self._order: list[str] = []
        self._max_audio_bytes = settings.max_conversation_mib << 20

    def __iter__(self) -> Iterator[StoredItem]:
        return (self._items[item_id] for item_id in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def add(self, item: StoredItem, *, after: str | None = None) -> str | None:
        """Insert ``item`` and return the id of the item before it, or None.

        Args:
            item: a new item.
            after: an item's id, ``"root"`` for the beginning, None for the end.

        Raises:
            ServerError: the id is taken, or ``after`` is unknown.
        """
        if item.id in self._items:
            raise fault(
                f"Cannot create item: an item with id '{item.id}' already exists.",
                code="item_create_duplicate_id",
                param="item.id",
            )
        index = len(self._order)
        if after == "root":
            index = 0
        elif after is not None:
            self.get(after, to="create", param="previous_item_id")
            index = self._order.index(after) + 1
        self._order.insert(index, item.id)
        self._items[item.id] = item
        self.size.add(item)
        self._drop_old_audio()
        return self._order[index - 1] if index else None

    def before(self, item_id: str) -> str | None:
        """Return the id of the item before ``item_id``, or None."""
        index = self._order.index(item_id) if item_id in self._items else 0
        return self._order[index - 1] if index else None

    @property
    def last_id(self) -> str | None:
        """The id of the newest item at the end, or None."""
        return self._order[-1] if self._order else None

    def get(self, item_id: str, *, to: str, param: str = "item_id") -> StoredItem:
        """Return the item.

        Args:
            item_id: its id.
            to: what for, as the error says it: create, retrieve, delete or truncate.
            param: the field of the client's event that holds the id.

        Raises:
            ServerError: there is none.
        """
        item = self._items.get(item_id)
        if item is None:
            raise fault(
                f"Cannot {to} item: the item with id '{item_id}' does not exist.",
                code=f"item_{to}_invalid_item_id",
                param=param,
            )
        return item

    def clear(self) -> None:
        """Remove all items."""
        self.size.clear()
        self._items.clear()
        self._order.clear()

    def has_call(self, call_id: str | None) -> bool:
        """Return whether a function call with this id is in the conversation."""
        return any(
            item.type == "function_call" and item.fields["call_id"] == call_id for item in self
        )

    def delete(self, item_id: str) -> None:
        """Remove the item.

        Raises:
            ServerError: there is none.
        """
        self.get(item_id, to="delete")
        del self._items[item_id]
        self._order.remove(item_id)
        self.size.forget(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an answer's sound and words to what was heard.

        Raises:
            ServerError: it is not an answer's audio, or it is shorter already.
        """
        part = self._output_audio(item_id, content_index)
        end = audio_end_ms * TICKS_PER_MS
        if end > part.audio_ticks:
            raise fault(
                f"Audio content of {part.audio_ticks // TICKS_PER_MS}ms is already shorter "
                f"than {audio_end_ms}ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        if end == part.audio_ticks:
            return
        part.truncated = True
        part.audio_ticks = end
        part.transcript = part.spoken.cut(end)
        if part.audio is not None and part.format is not None:
            part.audio = part.audio[: part.format.bytes_in(end)]

    def _output_audio(self, item_id: str, content_index: int) -> StoredPart:
        parts = self.get(item_id, to="truncate").content
        if not any(part.type == "output_audio" for part in parts):
            raise fault(
                "Only model output audio messages can be truncated",
                code="invalid_value",
                param="item_id",
            )
        if not 0 <= content_index < len(parts) or parts[content_index].type != "output_audio":
            raise fault(
                f"Invalid 'content_index': item '{item_id}' has no audio at {content_index}.",
                code="invalid_value",
                param="content_index",
            )
        return parts[content_index]

    def _drop_old_audio(self) -> None:
        total = sum(item.audio_bytes for item in self._items.values())
        for item in self:
            if total <= self._max_audio_bytes:
                return
            total -= item.audio_bytes
            for part in item.content:
                part.audio = None
