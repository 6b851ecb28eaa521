"""The history of a conversation: its items, in order, with their words. Pure, and without a lock.

There is one store and two views of it. `History.replay` is what restoring needs; the reader feeds
it with a few events of each turn. `History.open_view` is for programs that show or change the
conversation: partial words, what was heard, and what has changed. Whoever opens such a view feeds
it with what the reader has no time for, so nobody else pays for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from attrs import evolve, frozen

from .._latest import keep_latest
from .._types import JsonDict
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemTruncated,
    InputAudioBufferSpeechStarted,
    Reconnected,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)
from ..events.base import as_came
from ..events.wire_values import as_number, as_object
from .history_item import HistoryItem, HistoryPart, create_form, heard, merged, merged_parts
from .history_item import read as read_item
from .history_item import text as text_of

__all__ = [
    "FOLLOWED",
    "G711_BYTES_PER_S",
    "PCM_BYTES_PER_S",
    "VIEWED",
    "WORDED",
    "History",
    "HistoryChange",
    "HistoryView",
]

# What the store is to be fed with.
FOLLOWED = frozenset(
    {
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.truncated",
        "input_audio_buffer.speech_started",
        "response.done",
        "response.output_audio.delta",
        "response.output_item.added",
        "response.output_item.done",
    }
)
# What a view is to be fed with; it passes over anything else.
VIEWED = (FOLLOWED - {"response.output_audio.delta"}) | {
    "conversation.item.input_audio_transcription.delta",
    "reconnected",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
}

# An hour of lively conversation has a few hundred; what is older than this is let go.
_MAX_ITEMS = 2_000
# So many of the latest deletions are remembered.
_LATEST = 64
# So many items are known again by the form in which they came: a response has few.
_MOST_TOLD = 8
# A content index beyond this is a server's mistake.
_MAX_PARTS = 64
# So many partial words of an item wait to be put together.
_MOST_WORDS = 32
PCM_BYTES_PER_S = 48_000  # PCM16 at 24 kHz
G711_BYTES_PER_S = 8_000

_new = tuple.__new__  # a third of what the constructor of a NamedTuple costs
_MS_PER_TOKEN = 50  # of an answer's sound, as the provider counts
_UNKNOWN = object()  # the place of an item that nobody names; null would be the first

_TellsOfItem = ConversationItemAdded | ConversationItemCreated | ConversationItemDone
_UserWords = (
    ConversationItemInputAudioTranscriptionCompleted | ConversationItemInputAudioTranscriptionFailed
)


class History:
    """Follows the conversation's items, in every way in which servers tell of them.

    **Order.** An item stands behind the one that the server names. Where ``previous_item_id`` is
    absent its place is unknown, and it stands where it arrived. Null says that it is the first,
    but some servers say null of every item. So null moves an item to the front only if it is new,
    and only with a server that has named the predecessor of another: one that says null of every
    item is taken as one that says nothing. A turn of the user's whose place nobody names stands
    where the user began to speak, also when its words come long after the answer.

    Args:
        is_out_of_band: whether a response, by its id, is none of the conversation's.

    Threads: `receive` and `receive_audio` belong to the reader, `keep` to whoever replaces the
        link while there is no reader, `ignore` to one program's thread, `replay` and `open_view`
        to anybody. There is no lock, since
        what others read is replaced and never changed under them: an item is a value, and the
        mapping of the items is another one as soon as an item comes or goes.
    """

    __slots__ = (
        "_began", "_deleted", "_echoes", "_ignored", "_is_out_of_band", "_items", "_made_ms",
        "_names_previous", "_received", "_told", "_unplaced", "_views",
    )  # fmt: skip

    def __init__(self, is_out_of_band: Callable[[str], bool]) -> None:
        self._items: dict[str, HistoryItem] = {}  # in order
        self._is_out_of_band = is_out_of_band
        self._received: dict[str, int] = {}  # bytes of audio
        # Of answers that go to a caller, and not here. Most connections are no calls: no dict then.
        self._made_ms: dict[str, int] | None = None
        self._names_previous = False  # the server names predecessors
        # No sets: an empty one takes 0.2 kB.
        self._unplaced: dict[str, None] = {}  # items whose place is only that of their arrival
        # Behind what the latest turns of the user began: an item, a turn, or "root" for nothing.
        self._began: dict[str, str] = {}
        self._deleted: dict[str, None] = {}  # the latest
        self._echoes: dict[str, None] = {}  # restored items that the server will tell of once more
        # Items of the latest response as they came last. The same is told of an item up to four
        # times; to see that costs 0.5 µs, to read and compare it once more 8.
        self._told: dict[str, Any] = {}
        self._views: list[HistoryView] = []
        self._ignored: frozenset[str] = frozenset()  # items; replaced as a whole

    # -- the reader's side -----------------------------------------------------------------------

    def receive_audio(self, event: ResponseOutputAudioDelta) -> None:
        """Count the audio of an item."""
        try:
            self._received[event.item_id] += event.audio_size
        except (KeyError, TypeError):  # it belongs to no item, or its id is no text
            return

    def receive(self, event: ServerEvent) -> bool:
        """Take note of ``event``; return whether it only repeats what a restoration did.

        Such an event is not the program's to see.
        """
        match event:
            case ConversationItemAdded() | ConversationItemCreated() | ConversationItemDone():
                if self._echoes and self._is_echo(event):
                    return True
                self._tell(event)
            case ResponseOutputItemAdded() | ResponseOutputItemDone():
                if not self._is_out_of_band(text_of(event.response_id)):
                    done = isinstance(event, ResponseOutputItemDone)
                    self._put(as_came(event, "item"), done=done)
            case ResponseDone():
                self._end_response(as_came(event, "response"))
            case (
                ConversationItemInputAudioTranscriptionCompleted()
                | ConversationItemInputAudioTranscriptionFailed()
            ):
                self._hear_user(event)
            case ConversationItemTruncated():
                item = self._items.get(text_of(event.item_id))
                cut_ms = _milliseconds(event.audio_end_ms)
                if item is not None and cut_ms is not None:
                    self._items[item.id] = evolve(item, cut_ms=cut_ms)
            case ConversationItemDeleted():
                self._delete(text_of(event.item_id))
            case InputAudioBufferSpeechStarted():
                self._begin_turn(text_of(event.item_id))
        return False

    def _is_echo(self, event: _TellsOfItem) -> bool:
        item_id = _id_in(as_came(event, "item"))
        if item_id not in self._echoes:
            return False
        if isinstance(event, ConversationItemDone):
            del self._echoes[item_id]
        return True

    def _tell(self, event: _TellsOfItem) -> None:
        wire = as_came(event, "item")
        if not isinstance(event, ConversationItemDone):
            self._deleted.pop(_id_in(wire), None)  # it was made anew
        previous = event.__dict__.get("previous_item_id", _UNKNOWN)
        self._put(wire, done=isinstance(event, ConversationItemDone), previous=previous)

    def _end_response(self, response: Any) -> None:
        if self._is_out_of_band(_id_in(response)):
            return
        output = response.get("output") if isinstance(response, dict) else None
        for wire in output if isinstance(output, list) else ():
            self._put(wire, done=True)
        self._told = {}
        self._reckon(response)

    def _reckon(self, response: Any) -> None:
        """Learn from what it has cost how long an answer is whose sound goes to a caller."""
        wire = as_object(response)
        output = wire.get("output")
        items = map(self._items.get, map(_id_in, output if isinstance(output, list) else ()))
        unheard = [item.id for item in items if item is not None and self._has_no_sound(item)]
        cost = as_object(as_object(wire.get("usage")).get("output_token_details"))
        tokens = as_number(cost.get("audio_tokens"))
        if len(unheard) == 1 and tokens is not None:
            if self._made_ms is None:
                self._made_ms = {}
            self._made_ms[unheard[0]] = int(tokens * _MS_PER_TOKEN)

    def _has_no_sound(self, item: HistoryItem) -> bool:
        """Return whether an item is spoken, and none of its sound has come."""
        spoken = any(part.type in ("audio", "output_audio") for part in item.parts)
        return spoken and not self._received.get(item.id)

    def _hear_user(self, event: _UserWords) -> None:
        item_id = text_of(event.item_id)
        self._told.pop(item_id, None)  # told once more, its words would be right again
        if item_id not in self._items:  # some servers tell of speech by its transcript alone
            self._put({"id": item_id, "role": "user"}, done=True)
        item = self._items.get(item_id)
        if item is not None and isinstance(event, ConversationItemInputAudioTranscriptionCompleted):
            words = text_of(event.transcript)
            said = _HeardWords(event.content_index, "input_audio", words, goes_on=False)
            parts = merged_parts(item.parts, _put_together([said]))
            self._items[item_id] = evolve(item, parts=parts)

    def _begin_turn(self, item_id: str) -> None:
        if not item_id or item_id in self._began:
            return
        last = next(reversed(self._items), "root")
        earlier = next(reversed(self._began), None)
        if earlier is not None and self._before(earlier) == last:
            last = earlier  # nothing has come since that turn, which has no item yet
        self._began[item_id] = last
        keep_latest(self._began, _LATEST)

    def _before(self, item_id: str) -> str:
        """Return behind which item a turn began: "root" for the front, "" if that item is gone."""
        for _ in self._began:  # no more often: ids that a server uses twice may lead in a circle
            item_id = self._began.get(item_id, "")
            if item_id in self._items or item_id in ("root", ""):
                return item_id
        return ""

    def _delete(self, item_id: str) -> None:
        _remember(self._deleted, item_id)
        self._echoes.pop(item_id, None)
        if item_id in self._items and item_id not in self._ignored:
            self._items = {other: self._items[other] for other in self._items if other != item_id}
            self._forget(item_id)

    def reconnected(self, event: Reconnected) -> None:
        """Take what a new session lacks and has more, for a history that is only told so."""
        for item_id in event.lost_items:
            self._delete(text_of(item_id))
        for item in event.new_items:
            self._put(item, done=True)

    def _forget(self, item_id: str) -> None:
        self._told.pop(item_id, None)
        self._received.pop(item_id, None)
        if self._made_ms is not None:
            self._made_ms.pop(item_id, None)
        self._unplaced.pop(item_id, None)

    def _put(self, wire: Any, *, done: bool, previous: object = _UNKNOWN) -> None:
        item_id = _id_in(wire)
        if item_id in self._deleted:
            return
        known = self._items.get(item_id)
        item = known if self._was_told(known, wire, done=done) else self._read(known, wire, done)
        if item is None:
            return
        place = self._place(item_id, previous, new=known is None)
        if known is None or (place is not None and item_id in self._unplaced):
            self._insert(item, place)
        elif item is not known:
            self._items[item_id] = item

    def _was_told(self, known: HistoryItem | None, wire: Any, *, done: bool) -> bool:
        """Whether an item came in this very form before, and is over if this says so."""
        if known is None or (done and known.status == "in_progress"):
            return False
        return bool(self._told.get(known.id) == wire)

    def _read(self, known: HistoryItem | None, wire: Any, done: bool) -> HistoryItem | None:
        item = read_item(wire, done=done)
        if item is None:
            return None
        self._told[item.id] = wire
        keep_latest(self._told, _MOST_TOLD)
        return item if known is None else merged(known, item)

    def _place(self, item_id: str, previous: object, *, new: bool) -> int | None:
        """Return how many other items are to stand before an item.

        Returns:
            None where that is unknown, or where the item has its place already.
        """
        if previous == "root":
            return 0
        if previous is None:
            return 0 if new and (self._names_previous or not self._items) else None
        if not isinstance(previous, str) or previous == item_id or previous not in self._items:
            return None
        self._names_previous = True
        if not new and item_id not in self._unplaced:
            return None
        backwards = reversed(self._items)
        last = next(backwards)
        if last == item_id:
            last = next(backwards)
        if previous == last:  # of the others: the usual case, found without a look at each
            return len(self._items) if new else len(self._items) - 1
        others = [other for other in self._items if other != item_id]
        return others.index(previous) + 1

    def _insert(self, item: HistoryItem, place: int | None) -> None:
        at = self._arrival(item.id) if place is None else place
        is_last = next(reversed(self._items), None) == item.id
        if at == len(self._items) - is_last and (is_last or item.id not in self._items):
            items = {**self._items, item.id: item}  # it stands at the end, as nearly all do
        else:
            others = [other for other in self._items.values() if other.id != item.id]
            others.insert(at, item)
            items = {other.id: other for other in others}
        self._received.setdefault(item.id, 0)
        if place is None:
            self._unplaced[item.id] = None
        else:
            self._unplaced.pop(item.id, None)
        while len(items) > _MAX_ITEMS:
            oldest = next(iter(items))
            self._forget(oldest)
            del items[oldest]
        self._items = items

    def _arrival(self, item_id: str) -> int:
        """Return how many items stand before a new one of which nobody says where it belongs."""
        before = self._before(item_id)
        if before == "root":
            return 0
        return [*self._items].index(before) + 1 if before else len(self._items)

    # -- telling it again ------------------------------------------------------------------------

    def replay(self, bytes_per_s: int = PCM_BYTES_PER_S) -> tuple[list[JsonDict], list[str]]:
        """Return the items as they are to be created again, and the ids of those that can't be.

        Speech becomes its transcript: audio is neither kept nor sent again. An item that was
        truncated keeps the share of its words that was heard. One that was still in progress is
        told as far as its words have come, or were heard where a view was told; not at all if a
        view was told that nothing was. No words of it are known where nobody has opened a view.

        Args:
            bytes_per_s: of the assistant's audio.
        """
        items, lost = [], []
        views = list(self._views)
        for stored in self._items.values():
            if stored.id in self._ignored:
                continue
            item, heard_ms = stored, stored.cut_ms
            for view in views:
                item = view.completed(item)
                if heard_ms is None and item.status == "in_progress":
                    heard_ms = view.played_ms(item.id)
            wire = create_form(item, heard_ms, self.received_ms(item.id, bytes_per_s))
            if wire is None or (item.status == "in_progress" and heard_ms == 0):
                lost.append(item.id)
            else:
                items.append(wire)
        return items, lost

    def received_ms(self, item_id: str, bytes_per_s: int) -> int:
        """Return how long an item's audio is so far, in whole milliseconds.

        Nobody can hear, or truncate at, more than the whole ones: who has heard those has heard
        all.
        """
        received_ms = self._received.get(item_id, 0) * 1000 // bytes_per_s
        return received_ms or (self._made_ms or {}).get(item_id, 0)

    def keep(self, told: Sequence[JsonDict], echoes: Iterable[str] = ()) -> list[str]:
        """Let the history be what a new session has; return the ids of the items that it lacks.

        Args:
            told: its items, as they were created.
            echoes: ids of those of which the server has yet to say that they are done.
        """
        before = self._items
        items = [item for wire in told if (item := read_item(wire, done=True)) is not None]
        self._items = {item.id: item for item in self._with_ignored(items)}
        self._received = dict.fromkeys(self._items, 0)
        self._made_ms = None
        self._unplaced, self._began, self._deleted, self._told = {}, {}, {}, {}
        self._echoes = dict.fromkeys(echoes)
        return [item_id for item_id in before if item_id not in self._items]

    def _with_ignored(self, items: Sequence[HistoryItem]) -> list[HistoryItem]:
        """Return ``items`` and, in their places, those that programs still see and servers not."""
        result, place = list(items), 0
        for item in self._items.values():
            ids = [other.id for other in result]
            if item.id in self._ignored:
                result.insert(place, item)
                place += 1
            elif item.id in ids:
                place = ids.index(item.id) + 1
        return result

    # -- for programs ----------------------------------------------------------------------------

    @property
    def items(self) -> Mapping[str, HistoryItem]:
        """The items in order, by their ids, without partial words; not to be changed."""
        return self._items

    def ignore(self, item_id: str) -> None:
        """Take that nobody is to answer an item, which is deleted therefore: it was no turn.

        It is not told again. Views still show it, also when it is deleted.
        """
        self._ignored = frozenset({item_id, *self._ignored.intersection(self._items)})

    @property
    def ignored(self) -> frozenset[str]:
        """Of which items `ignore` was told; some of them may be gone."""
        return self._ignored

    def is_ignored(self, item_id: str) -> bool:
        """Whether `ignore` was told so."""
        return item_id in self._ignored

    def open_view(self) -> HistoryView:
        """Return a view for a program, which `HistoryView.close` ends.

        Open it before the first event is consumed: words that came earlier are not in it.
        """
        view = HistoryView(self)
        self._views.append(view)
        return view

    def close_view(self, view: HistoryView) -> None:
        """See `HistoryView.close`."""
        if view in self._views:
            self._views.remove(view)


@frozen
class HistoryChange:
    """A change of one item.

    Attributes:
        before: None for an item that is new.
        after: None for one that is gone.
    """

    before: HistoryItem | None
    after: HistoryItem | None


class HistoryView:
    """The conversation as a program shows it: with partial words, what was heard, and changes.

    Whoever consumes the connection's events feeds it with all of them, or with those of `VIEWED`.
    The store may be ahead, since the reader feeds it: what is complete there is complete here.

    Threads: `receive` and `played` belong to the one thread that feeds it; all else may be called
        from any, since what it reads is replaced and never changed under it.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        # As they came, by item: they are put together when somebody asks.
        self._partial: dict[str, list[_HeardWords]] = {}
        self._played: dict[str, int] = {}
        self._told: dict[str, HistoryItem] = {}  # as whoever feeds this knows them

    def close(self) -> None:
        """End the view; more than once is fine."""
        self._history.close_view(self)

    def receive(self, event: ServerEvent) -> list[HistoryChange]:
        """Take note of a consumed event; return what has changed since the last one."""
        if type(event) in _WORDS:
            item = self.take(event)
            return [] if item is None else self._changes_of(item)
        if event.type in FOLLOWED or isinstance(event, Reconnected):
            return self._changes()
        return []

    def take(self, event: ServerEvent) -> HistoryItem | None:
        """Take note of a consumed event's words, if it has some; return the item that they are of.

        It is all that is needed for `items`. Looking for changes, as `receive` does, takes longer
        the longer the conversation is.
        """
        form = _WORDS.get(type(event))
        if form is None:
            return None
        values: Any = event
        item_id, words = values.item_id, getattr(values, form.field)
        if type(item_id) is not str or type(words) is not str or not words:
            return None
        item = self._history._items.get(item_id)  # not through `items`: this comes often
        if item is None:
            return None  # it is beside the conversation, or deleted
        if item_id not in self._partial:
            self._prune()
        partial = self._partial.setdefault(item_id, [])
        partial.append(_new(_HeardWords, (values.content_index, form.kind, words, form.goes_on)))
        if len(partial) >= _MOST_WORDS:
            parts = _put_together(partial)
            whole = [_HeardWords(i, p.type, p.text, goes_on=False) for i, p in enumerate(parts)]
            self._partial[item_id] = whole
        return item

    def played(self, item_id: str, ms: int | None) -> None:
        """Take note of how much of an item's audio was played so far.

        Args:
            item_id: the item.
            ms: milliseconds; None for all that comes of it.
        """
        if ms is None:
            self._played.pop(item_id, None)
            return
        if item_id not in self._played:
            self._prune()
        self._played[item_id] = ms

    def _prune(self) -> None:
        """Forget what is of no use any more, so that it does not grow for ever."""
        items = self._history.items
        self._partial = {
            i: parts for i, parts in self._partial.items() if i in items and not _is_whole(items[i])
        }
        self._played = {i: ms for i, ms in self._played.items() if i in items}

    def played_ms(self, item_id: str) -> int | None:
        """Return how much of an item's audio was played, None where nobody said so."""
        return self._played.get(item_id)

    def completed(self, item: HistoryItem) -> HistoryItem:
        """Return ``item`` with the partial words that are known of it."""
        if self._history.is_ignored(item.id):
            item = evolve(item, ignored=True)
        partial = self._partial.get(item.id)
        if partial is None:
            return item
        return (
            item
            if _is_whole(item)
            else evolve(item, parts=merged_parts(item.parts, _put_together(partial)))
        )

    @property
    def items(self) -> list[HistoryItem]:
        """The conversation as it is now, in order."""
        items = self._history.items
        others = (*self._partial, *self._history.ignored)
        completed = {i: self.completed(items[i]) for i in others if i in items}
        return [*{**items, **completed}.values()]

    def heard(
        self,
        item_id: str,
        bytes_per_s: int = PCM_BYTES_PER_S,
        *,
        played_ms: int | None = None,
    ) -> str:
        """Return the words of an item that were heard; all where nobody said how many.

        Args:
            item_id: the item; one that is gone has no words.
            bytes_per_s: of the assistant's audio.
            played_ms: how much of it was played by now; None for what `played` was told. Where the
                server has truncated the item, that counts.
        """
        item = self._history.items.get(item_id)
        if item is None:
            return ""
        words = " ".join(part.text for part in self.completed(item).parts if part.text)
        heard_ms = self.played_ms(item_id) if played_ms is None else played_ms
        heard_ms = heard_ms if item.cut_ms is None else item.cut_ms
        return heard(words, heard_ms, self._history.received_ms(item_id, bytes_per_s))

    def _changes(self) -> list[HistoryChange]:
        now = {item.id: item for item in self.items}
        gone = [HistoryChange(self._told[i], None) for i in self._told if i not in now]
        before, self._told = self._told, now
        others = ((before.get(item_id), item) for item_id, item in now.items())
        return gone + [HistoryChange(old, new) for old, new in others if old != new]

    def _changes_of(self, item: HistoryItem) -> list[HistoryChange]:
        before = self._told.get(item.id)
        after = self._told[item.id] = self.completed(item)
        return [HistoryChange(before, after)] if before != after else []


class _HeardWords(NamedTuple):
    """Words of an item that has not all of them yet, as an event brought them."""

    index: Any
    kind: str
    text: str
    goes_on: bool


@frozen
class _WordsForm:
    """Where an event has its words: of which kind of part, and whether they go on."""

    kind: str
    field: str
    goes_on: bool


_WORDS: dict[type, _WordsForm] = {
    ConversationItemInputAudioTranscriptionDelta: _WordsForm("input_audio", "delta", goes_on=True),
    ResponseOutputAudioTranscriptDelta: _WordsForm("output_audio", "delta", goes_on=True),
    ResponseOutputAudioTranscriptDone: _WordsForm("output_audio", "transcript", goes_on=False),
    ResponseOutputTextDelta: _WordsForm("output_text", "delta", goes_on=True),
    ResponseOutputTextDone: _WordsForm("output_text", "text", goes_on=False),
}

WORDED = frozenset(_WORDS)
"""The classes of the events whose words `HistoryView.take` takes."""


def _is_whole(item: HistoryItem) -> bool:
    """Whether all words of an item have come, so that the partial ones do not count."""
    return item.status != "in_progress" and any(part.text for part in item.parts)


def _id_in(wire: Any) -> str:
    return text_of(wire.get("id")) if isinstance(wire, dict) else ""


def _put_together(partial: Sequence[_HeardWords]) -> tuple[HistoryPart, ...]:
    """Return the parts that words make, in the order in which they came."""
    kinds: dict[int, str] = {}
    texts: dict[int, str] = {}
    for words in tuple(partial):  # it may grow meanwhile
        index = words.index if isinstance(words.index, int) else 0  # a server's mistake
        if not 0 <= index < _MAX_PARTS:
            continue
        kinds[index] = words.kind or kinds.get(index, "")
        said = texts.get(index, "") + words.text if words.goes_on else words.text
        texts[index] = said or texts.get(index, "")
    return tuple(
        HistoryPart(kinds.get(index, ""), texts.get(index, ""))
        for index in range(max(texts, default=-1) + 1)
    )


def _milliseconds(value: Any) -> int | None:
    """Return a time from the wire in whole milliseconds, None for what is none."""
    if isinstance(value, float) and math.isfinite(value):
        value = math.floor(value)
    return max(0, value) if isinstance(value, int) else None


def _remember(latest: dict[str, None], name: str) -> None:
    """Note ``name`` as the latest of a bounded number."""
    latest.pop(name, None)
    latest[name] = None
    keep_latest(latest, _LATEST)
