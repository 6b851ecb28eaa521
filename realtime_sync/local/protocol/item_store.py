"""The conversation: items in order, found by id."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator

from ..server_settings import ServerSettings
from .conversation_size import ConversationSize
from .stored_items import StoredItem, StoredPart
from .wire import fault, new_id
from .wire_formats import TICKS_PER_MS

__all__ = ["ItemStore"]


class ItemStore:
    """The items of one session.

    Adding, finding, deleting and truncating an item cost the same however many there are.

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
        # A ring of ids: None stands before the first item and behind the last.
        self._next: dict[str | None, str | None] = {None: None}
        self._previous: dict[str | None, str | None] = {None: None}
        self._calls: Counter[str] = Counter()  # the call ids of the function calls
        self._audio: OrderedDict[str, int] = OrderedDict()  # who holds how many bytes of sound
        self._audio_bytes = 0
        self._max_audio_bytes = settings.max_conversation_mib << 20

    def __iter__(self) -> Iterator[StoredItem]:
        item_id = self._next[None]
        while item_id is not None:
            yield self._items[item_id]
            item_id = self._next[item_id]

    def __len__(self) -> int:
        return len(self._items)

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
        if after is None:
            previous = self.last_id
        elif after == "root":
            previous = None
        else:
            previous = self.get(after, to="create", param="previous_item_id").id
        self._items[item.id] = item
        following = self._next[previous]
        self._link(previous, item.id)
        self._link(item.id, following)
        if item.type == "function_call":
            self._calls[item.fields["call_id"]] += 1
        self.size.add(item)
        self.measure(item)
        return previous

    def before(self, item_id: str) -> str | None:
        """Return the id of the item before ``item_id``, or None."""
        return self._previous.get(item_id)

    @property
    def last_id(self) -> str | None:
        """The id of the newest item at the end, or None."""
        return self._previous[None]

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
        self._next = {None: None}
        self._previous = {None: None}
        self._calls.clear()
        self._audio.clear()
        self._audio_bytes = 0

    def has_call(self, call_id: str | None) -> bool:
        """Return whether a function call with this id is in the conversation."""
        return call_id in self._calls

    def delete(self, item_id: str) -> StoredItem:
        """Remove the item and return it.

        Raises:
            ServerError: there is none.
        """
        item = self.get(item_id, to="delete")
        self._link(self._previous.pop(item_id), self._next.pop(item_id))
        del self._items[item_id]
        self._audio_bytes -= self._audio.pop(item_id, 0)
        if item.type == "function_call":
            call_id = item.fields["call_id"]
            self._calls[call_id] -= 1
            if not self._calls[call_id]:
                del self._calls[call_id]
        self.size.forget(item_id)
        item.deleted = True
        return item

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
        if isinstance(part.audio, bytearray) and part.format is not None:
            del part.audio[part.format.bytes_in(end) :]
        self.measure(self._items[item_id])

    def measure(self, item: StoredItem) -> None:
        """Note how much sound ``item`` holds now, and have the oldest lose theirs if need be."""
        if self._items.get(item.id) is not item:
            return  # an out-of-band answer's, or deleted while it grows
        held = item.audio_bytes
        self._audio_bytes += held - self._audio.get(item.id, 0)
        if held or item.id in self._audio:
            self._audio[item.id] = held
        while self._audio_bytes > self._max_audio_bytes:
            oldest, lost = self._audio.popitem(last=False)
            self._audio_bytes -= lost
            for part in self._items[oldest].content:
                part.audio = None

    def _link(self, previous: str | None, following: str | None) -> None:
        self._next[previous] = following
        self._previous[following] = previous

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
