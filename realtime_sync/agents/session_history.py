"""What was said in a session, for its program: to read, to change, and to keep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, overload

from .._types import JsonDict
from ..connection.connection import RealtimeConnection
from ..voice.transcript import Transcript
from .conversation_export import export_conversation, import_items
from .given import require_text
from .item_forms import NewItem, create_forms
from .items import AssistantMessageItem, RealtimeItem, items_of

__all__ = ["SessionHistory"]


class SessionHistory(Sequence[RealtimeItem]):
    """The items of a conversation in order: messages, and calls together with their outputs.

    It is read like a list; every look into it is at the conversation of that moment, and a loop
    goes over a snapshot. Items are in the order in which they belong together, also when the words
    of a turn come late. An assistant's has in ``heard`` the words that were heard by then.

    A change is sent at once. It is in the history when the server has confirmed it; what it
    refuses comes as an ``error`` event. No answer is asked for.

    Args:
        transcript: of the session.
        connection: to the model.
        agent_name: returns the name of who has the word.

    Threads: all of it may be used from any thread.
    """

    def __init__(
        self,
        transcript: Transcript,
        connection: RealtimeConnection,
        *,
        agent_name: Callable[[], str],
    ) -> None:
        self._transcript = transcript
        self._connection = connection
        self._agent_name = agent_name
        self._lock = threading.Lock()  # guards _asked
        self._asked: set[str] = set()  # ids of items that are sent, and perhaps not confirmed

    # -- to read -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._snapshot())

    @overload
    def __getitem__(self, index: int) -> RealtimeItem: ...
    @overload
    def __getitem__(self, index: slice) -> list[RealtimeItem]: ...
    def __getitem__(self, index: int | slice) -> RealtimeItem | list[RealtimeItem]:
        return self._snapshot()[index]

    def __iter__(self) -> Iterator[RealtimeItem]:
        return iter(self._snapshot())

    def __eq__(self, other: object) -> bool:
        """Whether another sequence has the same items, as they are now."""
        if isinstance(other, SessionHistory | list | tuple):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"SessionHistory({self._snapshot()!r})"

    def heard(self, item_id: str) -> str:
        """Return the words of an item that were heard by now; none of one that is not there.

        Raises:
            UserError: the id is no text.
        """
        require_text(item_id, "item_id")
        return self._transcript.heard(item_id)

    def _snapshot(self) -> list[RealtimeItem]:
        items = items_of(self._transcript.items)
        for item in items:
            if isinstance(item, AssistantMessageItem):
                item.heard = self.heard(item.item_id)
        return items

    # -- to change ---------------------------------------------------------------------------------

    def add(self, item: NewItem, after: str | None = None) -> str:
        """Add an item, and return its id.

        Args:
            item: a text of the user's; an item of a history; or one in the protocol's form, such
                as ``{"type": "message", "role": "assistant", "content": [{"type": "output_text",
                "text": "Hello!"}]}``. It keeps its id, unless an item has that already.
            after: behind which item it belongs, by its id; "root" for the front, None for the end.

        Raises:
            UserError: it is no item, or says nothing; ``after`` is no id.
            ConnectionClosed: the connection is over.
        """
        if after is not None:
            require_text(after, "after")
        forms = create_forms(item, lambda item_id: not self._claim(item_id))
        return self._create(forms, after)[0]

    def delete(self, item_id: str) -> None:
        """Delete an item; a call together with its output.

        Raises:
            UserError: the id is no text.
            ConnectionClosed: the connection is over.
        """
        require_text(item_id, "item_id")
        for each in self._with_output(item_id):
            self._release(each)
            self._connection.conversation.item.delete(item_id=each)

    def replace(self, item_id: str, item: NewItem) -> str:
        """Put another item in the place of one, and return its id, which is a new one.

        Args:
            item_id: of the one that goes.
            item: as `add` takes it, such as a changed copy (``item.model_copy(update={...})``).

        Raises:
            UserError: it is no item, or says nothing; the id is no text.
            ConnectionClosed: the connection is over.
        """
        require_text(item_id, "item_id")
        made = self.add(item, after=item_id)
        self.delete(item_id)
        return made

    # -- to keep -----------------------------------------------------------------------------------

    def export(self) -> JsonDict:
        """Return the conversation as data, ready for JSON, with which another process goes on.

        ``{"version": 1, "items": [...], "agent": ...}``: the items in the protocol's form, without
        sound, and of an answer that was interrupted the words that were heard; the name of the
        agent that has the word. What still plays counts as heard to its end.
        """
        transcript = self._transcript
        return export_conversation(
            transcript.items, transcript.to_be_heard, agent=self._agent_name()
        )

    def import_history(self, data: object) -> None:
        """Let the conversation go on where an exported one has stopped.

        What was said becomes text, in front of everything that is here already; calls without
        their output are left out, and so are items whose ids are here already: what is imported a
        second time changes nothing. Who has the word the program says: ``data["agent"]`` names who
        had it.

        Args:
            data: what `export` has returned, through JSON or not.

        Raises:
            UserError: that it is not; the text names the item and what is wrong with it.
            ConnectionClosed: the connection is over.
        """
        forms = import_items(data)
        known = {form["id"] for form in forms if not self._claim(form["id"])}
        self._create(forms, "root" if self._transcript.items else None, known)

    # -- on the wire -------------------------------------------------------------------------------

    def _claim(self, item_id: str) -> bool:
        """Take an id for an item that is sent next; return False if an item has it."""
        there = item_id in self._connection.conversation.history.items
        with self._lock:
            if there:  # from here on the history knows, also when it is deleted
                self._asked.discard(item_id)
                return False
            is_free = item_id not in self._asked
            self._asked.add(item_id)
        return is_free

    def _release(self, item_id: str) -> None:
        with self._lock:
            self._asked.discard(item_id)

    def _create(
        self, forms: Sequence[JsonDict], after: str | None, known: Container[str] = ()
    ) -> list[str]:
        """Create items, one behind the other; return their ids.

        Args:
            forms: as they are sent.
            after: the item in front of them; "root" for none, None for the last one.
            known: the ids of those that are there already.
        """
        for form in forms:
            place: dict[str, Any] = {} if after is None else {"previous_item_id": after}
            if form["id"] not in known:
                self._connection.conversation.item.create(item=form, **place)
            after = None if after is None else form["id"]
        return [form["id"] for form in forms]

    def _with_output(self, item_id: str) -> list[str]:
        """Return an item's id, and of a call also that of its output."""
        items = self._transcript.items
        calls = {item.call_id for item in items if item.id == item_id and item.call_id}
        return [item_id] + [
            item.id
            for item in items
            if item.type == "function_call_output" and item.call_id in calls and item.id != item_id
        ]
