"""``conversation.item.added`` and ``.done`` for servers that only say ``.created``."""

from __future__ import annotations

from .._types import JsonDict

__all__ = ["ItemEvents"]


class ItemEvents:
    """Follows the items of one connection.

    GA announces an item when it is there and again when it is complete; the beta and its
    relatives announce it once. An item of the assistant's is complete at
    ``response.output_item.done``.

    Args:
        all_outputs: whether the server announces no items of the assistant's at all, so that
            each one that a response brings belongs to the conversation. Otherwise those that are
            not announced are out of band.
    """

    def __init__(self, *, all_outputs: bool = False) -> None:
        self._all_outputs = all_outputs
        self._open: dict[str, object] = {}  # item id -> previous_item_id

    def created(self, event: JsonDict) -> list[JsonDict]:
        """Return what GA says for ``conversation.item.created``."""
        added = {**event, "type": "conversation.item.added"}
        item = event.get("item") or {}
        if item.get("status") == "in_progress":
            self._open[item.get("id", "")] = event.get("previous_item_id")
            return [added]
        return [added, _done(event, item, event.get("previous_item_id"))]

    def output_done(self, event: JsonDict) -> list[JsonDict]:
        """Return ``response.output_item.done`` and what GA says after it."""
        item = event.get("item") or {}
        item_id = item.get("id", "")
        if item_id in self._open:
            return [event, _done(event, item, self._open.pop(item_id))]
        if not self._all_outputs:
            return [event]
        added = {
            "type": "conversation.item.added",
            "event_id": f"{event.get('event_id')}_added",
            "previous_item_id": None,
            "item": item,
        }
        return [added, event, _done(event, item, None)]

    def response_done(self, event: JsonDict) -> list[JsonDict]:
        """Return ``response.done`` after the end of the items that were left open."""
        left = [
            _done(event, item, self._open.pop(item.get("id", "")))
            for item in (event.get("response") or {}).get("output") or ()
            if item.get("id", "") in self._open
        ]
        return [*left, event]


def _done(event: JsonDict, item: JsonDict, previous: object) -> JsonDict:
    return {
        "type": "conversation.item.done",
        "event_id": f"{event.get('event_id')}_{item.get('id', 'item')}_done",
        "previous_item_id": previous,
        "item": item,
    }
