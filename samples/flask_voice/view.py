"""What the page shows of a conversation: session events in, messages for the page out.

The newest message of each item, call and handoff is kept. They are what a page gets that comes
back, and it shows them by the same code as when they were new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from realtime_sync.agents import (
    AssistantMessageItem,
    InputImage,
    RealtimeItem,
    RealtimeSessionEvent,
    RealtimeToolCallItem,
    UserMessageItem,
)

__all__ = ["Latency", "Message", "View"]

Message = dict[str, Any]

_MAX_SHOWN = 500
_MAX_LOOKED_AT = 200  # of a history: what changes is at its end


class Latency:
    """How long the user waits for each answer.

    It begins where the server has heard the end of the user's words, or when a message was sent.

    Args:
        clock: seconds, monotonic.

    Threads: one at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._first_audio_ms: int | None = None

    def user_is_done(self) -> None:
        """Begin: now it is the agent's turn."""
        self._began, self._first_audio_ms = self._clock(), None

    def user_speaks(self) -> None:
        """Nobody waits for an answer any more."""
        self._began = None

    def audio_goes_out(self) -> None:
        """Some of the answer goes to the page."""
        if self._began is not None and self._first_audio_ms is None:
            self._first_audio_ms = self._ms()

    def heard(self) -> Message | None:
        """Take that some of the answer was heard; return the message, when that is news."""
        if self._began is None or self._first_audio_ms is None:
            return None
        message = {
            "type": "latency",
            "first_audio_ms": self._first_audio_ms,
            "first_heard_ms": self._ms(),
        }
        self._began = None
        return message

    def _ms(self) -> int:
        assert self._began is not None
        return round((self._clock() - self._began) * 1000)


class View:
    """Makes messages for the page of what happens in a session.

    Args:
        tools: names of the calls that are shown as tools.
        heard: returns the words of an item that were heard by now.
        latency: is told when the user begins and ends to speak.

    Attributes:
        is_answering: whether an answer has started, and has not ended.

    Threads: one at a time.
    """

    def __init__(
        self, *, tools: frozenset[str], heard: Callable[[str], str], latency: Latency
    ) -> None:
        self._tools = tools
        self._heard = heard
        self._latency = latency
        self._shown: dict[str, Message] = {}  # by item, call, or handoff
        self._interrupted: dict[str, str] = {}  # what was heard, by item
        self._handoffs = 0
        self._agent: str | None = None  # whose answer came last
        self.is_answering = False

    @property
    def history(self) -> list[Message]:
        """All that is shown, in the order in which it came."""
        return [dict(message) for message in self._shown.values()]

    def take(self, event: RealtimeSessionEvent) -> list[Message]:
        """Return what the page is to be told of an event; nothing of sound, which is no message."""
        match event.type:
            case "raw_model_event":
                return self._of_the_model(event.data)
            case "history_added":
                return self._items([event.item])
            case "history_updated":
                latest = event.history[-_MAX_LOOKED_AT:]
                return [*self._gone(event.history), *self._items(latest)]
            case "agent_start":
                self._agent, self.is_answering = event.agent.name, True
                return [{"type": "answer", "state": "started", "agent": self._agent}]
            case "agent_end":
                self.is_answering = False
                return [{"type": "answer", "state": "ended", "agent": event.agent.name}]
            case "handoff":
                return self._handed_over(event.from_agent.name, event.to_agent.name)
            case "tool_approval_required":
                return self.tool(event.call_id, state="needs_approval")
            case "audio_interrupted":
                return self._cut(event.item_id)
            case "error":
                words = f"The model's server reports: {_words_of(event.error)}"
                return [{"type": "error", "code": "provider", "message": words}]
        return []

    def tool(self, call_id: str, **news: Any) -> list[Message]:
        """Take what is new of a call; return the message, if the page shows this call."""
        known = self._shown.get(f"call {call_id}")
        return [] if known is None else self._show(f"call {call_id}", {**known, **news})

    def is_waiting(self, call_id: str) -> bool:
        """Whether a call is shown as one that waits for approval."""
        known = self._shown.get(f"call {call_id}")
        return known is not None and known["state"] == "needs_approval"

    # -- what the model tells ---------------------------------------------------------------------

    def _of_the_model(self, data: Any) -> list[Message]:
        match data.type:
            case "raw_server_event":
                return self._speech(data.data["type"])
            case "transcript_delta" | "output_text_delta" | "input_audio_transcription_delta":
                return self._words(data.item_id, data.delta)
            case "function_call":
                return self._called(data)
            case "item_updated" if isinstance(data.item, RealtimeToolCallItem):
                return self._returned(data.item)
            case "reconnecting":
                told = {"type": "provider", "state": "reconnecting", "attempt": data.attempt}
                return [told]
            case "reconnected":
                return [{"type": "provider", "state": "reconnected", "attempt": data.attempts}]
        return []

    def _speech(self, kind: str) -> list[Message]:
        if kind == "input_audio_buffer.speech_started":
            self._latency.user_speaks()
            return [{"type": "speech", "speaking": True}]
        if kind == "input_audio_buffer.speech_stopped":
            self._latency.user_is_done()
            return [{"type": "speech", "speaking": False}]
        return []

    def _words(self, item_id: str, delta: str) -> list[Message]:
        shown = self._shown.get(item_id)
        if shown is None or item_id in self._interrupted:
            return []
        self._shown[item_id] = {**shown, "text": shown["text"] + delta}
        return [{"type": "words", "item_id": item_id, "delta": delta}]

    def _called(self, call: Any) -> list[Message]:
        if call.name not in self._tools:
            return []
        message = {
            "type": "tool",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
            "agent": self._agent,
            "state": "running",
            "output": None,
        }
        return self._show(f"call {call.call_id}", message)

    def _returned(self, item: RealtimeToolCallItem) -> list[Message]:
        known = self._shown.get(f"call {item.call_id}")
        if known is None or item.output is None:
            return []
        state = "rejected" if known["state"] == "rejected" else "done"
        return self.tool(str(item.call_id), state=state, output=item.output)

    # -- what is said -----------------------------------------------------------------------------

    def _items(self, items: list[RealtimeItem]) -> list[Message]:
        messages = []
        for item in items:
            if not isinstance(item, RealtimeToolCallItem):
                messages += self._show(item.item_id, self._message_of(item))
        return messages

    def _message_of(self, item: Any) -> Message:
        texts = [words for part in item.content if (words := _words_in(part))]
        is_over = not isinstance(item, AssistantMessageItem) or item.status != "in_progress"
        cut = self._interrupted.get(item.item_id)
        return {
            "type": "item",
            "item_id": item.item_id,
            "role": item.role,
            "after": previous if (previous := item.previous_item_id) in self._shown else None,
            "text": " ".join(texts) if cut is None else cut,
            "images": sum(isinstance(part, InputImage) for part in item.content),
            "final": is_over and not _waits_for_words(item),
            "interrupted": cut is not None,
        }

    def _gone(self, history: list[RealtimeItem]) -> list[Message]:
        there = {item.item_id for item in history}
        gone = [
            key
            for key, message in self._shown.items()
            if message["type"] == "item" and key not in there
        ]
        for key in gone:
            del self._shown[key]
        return [{"type": "gone", "item_id": key} for key in gone]

    def _cut(self, item_id: str) -> list[Message]:
        shown = self._shown.get(item_id)
        if shown is None:
            return []
        self._interrupted[item_id] = heard = self._heard(item_id)
        return self._show(item_id, {**shown, "text": heard, "interrupted": True, "final": True})

    def _handed_over(self, before: str, after: str) -> list[Message]:
        self._handoffs += 1
        key = f"handoff {self._handoffs}"
        return self._show(key, {"type": "handoff", "id": key, "from": before, "to": after})

    def _show(self, key: str, message: Message) -> list[Message]:
        if self._shown.get(key) == message:
            return []
        self._shown[key] = message
        while len(self._shown) > _MAX_SHOWN:
            oldest = next(iter(self._shown))
            del self._shown[oldest]
            self._interrupted.pop(oldest, None)
        return [message]


def _words_in(part: Any) -> str | None:
    """Return the words of a part, whether they were typed or spoken."""
    return getattr(part, "text", None) or getattr(part, "transcript", None)


def _waits_for_words(item: Any) -> bool:
    if not isinstance(item, UserMessageItem):
        return False
    return any(part.type == "input_audio" and part.transcript is None for part in item.content)


def _words_of(error: Any) -> str:
    return str(getattr(error, "message", None) or error)
