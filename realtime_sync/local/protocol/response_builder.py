"""One response as it grows: every step returns the events that tell the client about it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from ..._types import JsonDict
from ..words import split_words
from .item_store import ItemStore
from .stored_items import StoredItem, StoredPart
from .usage import count_input, count_settings, response_usage, spoken_tokens, text_tokens
from .wire import event, new_id
from .wire_formats import TICKS_PER_MS, WireFormat, format_of

__all__ = ["ResponseBuilder", "ResponseSettings"]

_ARGUMENTS_PER_DELTA = 24  # characters, ...
_MOST_DELTAS = 200  # ... more if it were more deltas: they go out at once


@frozen(kw_only=True)
class ResponseSettings:
    """The effective settings of one response: the session's, and its own on top.

    Attributes:
        modality: ``"text"`` or ``"audio"``.
        instructions: see the session; so are the next five.
        tools: …
        tool_choice: …
        parallel_tool_calls: …
        max_output_tokens: a number, or ``"inf"``.
        voice: the voice's name.
        speed: how fast it speaks, 1.0 is normal.
        audio_format: the wire's ``format`` object.
        metadata: handed back as it came.
        in_conversation: False for an out-of-band response.
    """

    modality: str
    instructions: str
    tools: list[JsonDict] = field(factory=list)
    tool_choice: str | JsonDict = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | str = "inf"
    voice: str
    speed: float = 1.0
    audio_format: JsonDict
    metadata: JsonDict | None = None
    in_conversation: bool = True

    @property
    def format(self) -> WireFormat:
        """The encoding of the answer's audio."""
        return format_of(self.audio_format)


class ResponseBuilder:
    """A response from ``in_progress`` to its end.

    Args:
        settings: what was asked for.
        context: the items that are known to whoever answers.
        conversation: where its items go, unless it is out of band.
        asked: those of ``context`` without which there is nothing to say; none if there always is.
    """

    def __init__(
        self,
        settings: ResponseSettings,
        context: list[StoredItem],
        conversation: ItemStore,
        *,
        asked: Iterable[StoredItem] = (),
    ) -> None:
        self.id = new_id("resp")
        self.settings = settings
        self.context = context
        self.status = "in_progress"
        self.output: list[StoredItem] = []
        self.audio_ticks = 0
        self._conversation = conversation
        self._asked = {id(item) for item in asked}  # `context` keeps them, so ids stay theirs
        self._details: JsonDict | None = None
        self._usage: JsonDict | None = None
        self._given = (0, 0)  # text and audio tokens of the items that the responder was given
        self._text_tokens = 0
        self._places: dict[str, int] = {}  # item id -> index in `output`
        self._message: StoredItem | None = None
        self._ending = ""  # the last character of the message's text

    @property
    def in_message(self) -> bool:
        """Whether a message is being generated."""
        return self._message is not None

    @property
    def tokens_left(self) -> float:
        """How much of ``max_output_tokens`` is left."""
        limit = float(self.settings.max_output_tokens)  # float("inf") is a number as well
        return limit - self._text_tokens - spoken_tokens(self.audio_ticks)

    def fit(self, text: str) -> str:
        """Return as much of ``text`` as ``max_output_tokens`` leaves room for, in whole words."""
        left = self.tokens_left
        words = split_words(text)
        if self._goes_on(text):
            left += 1
        return text if len(words) <= left else "".join(words[: max(int(left), 0)]).rstrip()

    def _goes_on(self, text: str) -> bool:
        """Return whether ``text`` begins inside the last word of what was said so far."""
        inside = self.in_message and self._ending != "" and not self._ending.isspace()
        return inside and not text[0].isspace()

    def wire(self) -> JsonDict:
        """Return the ``response`` object."""
        settings = self.settings
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self._details,
            "output": [item.wire() for item in self.output],
            "conversation_id": self._conversation.id if settings.in_conversation else None,
            "output_modalities": [settings.modality],
            "max_output_tokens": settings.max_output_tokens,
            "audio": {"output": {"format": settings.audio_format, "voice": settings.voice}},
            "usage": self._usage,
            "metadata": settings.metadata,
        }

    def created(self) -> list[JsonDict]:
        """Return the first event."""
        return [event("response.created", response=self.wire())]

    def forget(self, item: StoredItem) -> bool:
        """Take that ``item`` was deleted.

        Returns:
            Whether that leaves nothing to be said, and nothing was said so far.
        """
        if id(item) not in self._asked:
            return False
        self._asked.remove(id(item))
        return not self._asked and not self.output

    def give(self, item: StoredItem) -> JsonDict:
        """Return an item of `context` as the responder sees it, and count its tokens."""
        text, audio = count_input(item)
        self._given = (self._given[0] + text, self._given[1] + audio)
        return item.for_prompt()

    def add_text(self, text: str) -> list[JsonDict]:
        """Say ``text`` in a text answer."""
        events = self._open_message("output_text")
        self._text_tokens += text_tokens(text) - self._goes_on(text)
        self._ending = text[-1]
        self._part.say(text)
        return [*events, self._on_part("response.output_text.delta", delta=text)]

    def add_speech(self, text: str, audio: bytes) -> list[JsonDict]:
        """Say ``text`` in an audio answer.

        Args:
            text: the words that begin in this piece; may be empty.
            audio: the piece's sound in the response's format; may be empty.
        """
        events = self._open_message("output_audio")
        part = self._part
        begin = self.audio_ticks
        self.audio_ticks += self.settings.format.ticks(len(audio))
        self._text_tokens += text_tokens(text)
        if not part.truncated:
            part.say(text)
            part.spoken.add(text, part.audio_ticks, part.audio_ticks + self.audio_ticks - begin)
            part.audio_ticks += self.audio_ticks - begin
            item = self.output[-1]
            if part.audio is not None:  # else the conversation has no room for it any more
                part.audio += audio
                self._conversation.measure(item)
        if text:
            events.append(self._on_part("response.output_audio_transcript.delta", delta=text))
        if audio:
            delta = base64.b64encode(audio).decode()
            events.append(self._on_part("response.output_audio.delta", delta=delta))
        return events

    def end_message(self, status: str = "completed") -> list[JsonDict]:
        """Close the message in hand, if there is one."""
        if self._message is None:
            return []
        part = self._part
        if part.type == "output_text":
            done = [self._on_part("response.output_text.done", text=part.text)]
            body = {"type": "text", "text": part.text}
        else:
            done = [
                self._on_part("response.output_audio.done"),
                self._on_part("response.output_audio_transcript.done", transcript=part.transcript),
            ]
            body = {"type": "audio", "transcript": part.transcript}
        done.append(self._on_part("response.content_part.done", part=body))
        item, self._message = self._message, None
        return [*done, *self._close(item, status)]

    def add_call(self, name: str, arguments: str) -> list[JsonDict]:
        """Call the function ``name``; ``arguments`` is JSON text."""
        events = self.end_message()
        self._text_tokens += text_tokens(name) + text_tokens(arguments)
        call_id = new_id("call")
        fields = {"name": name, "call_id": call_id, "arguments": ""}
        item = StoredItem(new_id("item"), "function_call", "in_progress", fields=fields)
        events += self._open(item)
        size = max(_ARGUMENTS_PER_DELTA, -(-len(arguments) // _MOST_DELTAS))
        for start in range(0, len(arguments), size):
            piece = arguments[start : start + size]
            events.append(
                self._on_item(
                    "response.function_call_arguments.delta", item, call_id=call_id, delta=piece
                )
            )
        item.fields["arguments"] = arguments
        events.append(self._on_item("response.function_call_arguments.done", item, **item.fields))
        return events + self._close(item, "completed")

    def finish(
        self, status: str, *, reason: str | None = None, error: JsonDict | None = None
    ) -> list[JsonDict]:
        """End with ``status``: completed, cancelled, incomplete or failed."""
        events = self.end_message("completed" if status == "completed" else "incomplete")
        self.status = status
        if status != "completed":
            self._details = {"type": status}
            if reason is not None:
                self._details["reason"] = reason
            if error is not None:
                self._details["error"] = error
        settings = self.settings
        text, audio = self._given
        given = (text + count_settings(settings.instructions, settings.tools), audio)
        self._usage = response_usage(given, self._text_tokens, spoken_tokens(self.audio_ticks))
        return [*events, event("response.done", response=self.wire())]

    @property
    def duration_ms(self) -> int:
        """How long its audio plays."""
        return self.audio_ticks // TICKS_PER_MS

    @property
    def _part(self) -> StoredPart:
        assert self._message is not None
        return self._message.content[0]

    def _open_message(self, kind: str) -> list[JsonDict]:
        if self._message is not None:
            return []
        item = StoredItem(new_id("item"), "message", "in_progress", role="assistant")
        events = self._open(item)
        if kind == "output_text":
            item.content.append(StoredPart(kind, text=""))
            body = {"type": "text", "text": ""}
        else:
            part = StoredPart(kind, transcript="", audio=bytearray(), format=self.settings.format)
            item.content.append(part)
            body = {"type": "audio", "transcript": ""}
        self._message = item
        self._ending = ""
        return [*events, self._on_part("response.content_part.added", part=body)]

    def _open(self, item: StoredItem) -> list[JsonDict]:
        self._places[item.id] = len(self.output)
        self.output.append(item)
        events = [self._on_output("response.output_item.added", item)]
        if self.settings.in_conversation:
            previous = self._conversation.add(item)
            events.append(
                event("conversation.item.added", previous_item_id=previous, item=item.wire())
            )
        return events

    def _close(self, item: StoredItem, status: str) -> list[JsonDict]:
        item.status = status
        events = [self._on_output("response.output_item.done", item)]
        if self.settings.in_conversation:
            previous = self._conversation.before(item.id)
            events.append(
                event("conversation.item.done", previous_item_id=previous, item=item.wire())
            )
        return events

    def _on_output(self, type: str, item: StoredItem) -> JsonDict:
        index = self._places[item.id]
        return event(type, response_id=self.id, output_index=index, item=item.wire())

    def _on_item(self, type: str, item: StoredItem, **fields: Any) -> JsonDict:
        index = self._places[item.id]
        return event(type, response_id=self.id, item_id=item.id, output_index=index, **fields)

    def _on_part(self, type: str, **fields: Any) -> JsonDict:
        assert self._message is not None
        return self._on_item(type, self._message, content_index=0, **fields)
