"""What was said in a conversation, and how much of it was heard."""

from __future__ import annotations

from collections.abc import Callable

from ..conversation.history import History, HistoryView
from ..conversation.history_item import HistoryItem, HistoryPart
from ..conversation.session import SoundFormat
from .effects import SLACK_MS, Part
from .output import Output

__all__ = ["HistoryItem", "HistoryPart", "Transcript"]


class Transcript:
    """Keeps the words of a conversation, also while they come, and how many were heard.

    The connection's history tells the conversation again after a lost link. It learns here what
    was heard of an answer that the link has cut: nothing as long as it waits for the sink, else
    all that came, because the sink plays that to its end, unless it is interrupted.

    Args:
        history: the connection's.
        output: tells how far it has come.
        sound_format: of the audio that comes, at this moment.

    Attributes:
        view: is to be fed with the words of the events, from `open` on.

    Threads:
        `items`, `heard` and `to_be_heard` may be called from any; all else belongs to the engine's.
    """

    def __init__(
        self, history: History, output: Output, *, sound_format: Callable[[], SoundFormat]
    ) -> None:
        self._history = history
        self._output = output
        self._format = sound_format
        self.view = HistoryView(history)  # nobody asks it before `open`
        # What was given to the sink and is not settled: by item, the indexes of its audio parts.
        # `settle` replaces it as a whole, since other threads look into it.
        self._playing: dict[str, tuple[int, ...]] = {}
        self._waiting: list[str] = []  # those of them of which nothing was handed out yet

    def open(self) -> None:
        """Begin; before the first event."""
        self.view = self._history.open_view()

    def close(self) -> None:
        """End; what was said can still be read."""
        self.view.close()

    @property
    def awaits_sound(self) -> bool:
        """Whether `look` may find that an item has begun to play."""
        return bool(self._waiting)

    def plays(self, part: Part) -> bool:
        """Take that some audio of a part was given to the sink; return whether it is the first."""
        item_id, index = part
        indexes = self._playing.get(item_id, ())
        if not item_id:
            return True  # nobody knows
        if index in indexes:
            return False
        self._playing[item_id] = (*indexes, index)
        if not indexes:
            self._waiting.append(item_id)
            self.view.played(item_id, 0)
        return True

    def look(self) -> None:
        """See which of the items that wait for the sink have begun to play."""
        for item_id in [item_id for item_id in self._waiting if self._handed_ms(item_id)]:
            self._waiting.remove(item_id)
            self.view.played(item_id, None)

    def settle(self) -> None:
        """Take that no more is handed out of what plays: it was heard, or interrupted."""
        for item_id in self._playing:
            self.view.played(item_id, self._whole_if_close(item_id, self._handed_ms(item_id)))
        self._playing = {}
        self._waiting.clear()

    @property
    def items(self) -> list[HistoryItem]:
        """The conversation as it is now, in order."""
        return self.view.items

    def heard(self, item_id: str) -> str:
        """Return the words of an item that were heard by now."""
        played_ms = None
        if (indexes := self._playing.get(item_id)) is not None:
            played_ms = sum(self._output.played_ms((item_id, index)) for index in indexes)
            played_ms = self._whole_if_close(item_id, played_ms)
        return self.view.heard(item_id, self._format().bytes_per_s, played_ms=played_ms)

    def to_be_heard(self, item_id: str) -> str:
        """Return the words of an item that were heard, or will be unless somebody interrupts."""
        rest = self._received_ms(item_id) if item_id in self._playing else None
        return self.view.heard(item_id, self._format().bytes_per_s, played_ms=rest)

    def _handed_ms(self, item_id: str) -> int:
        return sum(self._output.handed_ms((item_id, index)) for index in self._playing[item_id])

    def _whole_if_close(self, item_id: str, ms: int) -> int:
        received_ms = self._received_ms(item_id)
        return received_ms if ms + SLACK_MS >= received_ms else ms

    def _received_ms(self, item_id: str) -> int:
        return self._history.received_ms(item_id, self._format().bytes_per_s)
