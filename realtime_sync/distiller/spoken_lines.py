"""What is said, as lines on the screen while it is said."""

from __future__ import annotations

from collections.abc import Callable

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
)
from ..voice.events import VoiceEvent

__all__ = ["SpokenLines"]


class SpokenLines:
    """Writes ``You: …`` and ``<role>: …``, word by word.

    Args:
        role_of: the name of the agent that says an item.
        write: takes pieces of text.

    Threads: one at a time.
    """

    def __init__(self, role_of: Callable[[str], str | None], write: Callable[[str], None]) -> None:
        self._role_of = role_of
        self._write = write
        self._line: str | None = None  # the item that the line belongs to
        self._words = ""  # on it

    def show(self, event: ServerEvent | VoiceEvent) -> None:
        """Write what an event adds."""
        match event:
            case ConversationItemInputAudioTranscriptionDelta():
                self._add("You", event.item_id, event.delta or "")
            case ConversationItemInputAudioTranscriptionCompleted():
                if self._line != event.item_id:
                    self._add("You", event.item_id, event.transcript)
                self.end_line()
            case ResponseOutputAudioTranscriptDelta():
                role = self._role_of(event.item_id) or "assistant"
                self._add(role, event.item_id, event.delta)
            case ResponseDone():
                self.end_line()

    def end_line(self) -> None:
        """End the line, if one is begun."""
        if self._line is not None:
            self._write("\n")
        self._line, self._words = None, ""

    def _add(self, who: str, item_id: str, words: str) -> None:
        if self._line != item_id:
            self.end_line()
            self._line = item_id
            self._write(f"{who}: ")
        # Some recognisers tell all words anew each time, with the latest at the end.
        told_anew = bool(self._words) and words.startswith(self._words)
        new = words[len(self._words) :] if told_anew else words
        self._words = words if told_anew else self._words + words
        self._write(new)
