"""From the server's events to what receivers get: pieces as they come, and whole parts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, get_args

from attrs import frozen

from ..audio.g711 import DECODERS
from ..audio.sound import Sound
from ..conversation.session import SoundFormat
from ..errors import RemoteProtocolError
from ..events import (
    Reconnected,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)
from ..events.base import as_came
from ..events.wire_values import as_id, as_index, as_object, as_text

__all__ = ["KINDS", "AnswerParts", "Delivery", "Kind"]

log = logging.getLogger(__name__)

Kind = Literal[
    "text",
    "audio",
    "audio_transcript",
    "tool",
    "text_chunk",
    "audio_chunk",
    "audio_transcript_chunk",
    "tool_chunk",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_EVENT_BYTES = 1000  # what an event takes besides its text

_CHUNKS: dict[type, Kind] = {
    ResponseOutputTextDelta: "text_chunk",
    ResponseOutputAudioDelta: "audio_chunk",
    ResponseOutputAudioTranscriptDelta: "audio_transcript_chunk",
    ResponseFunctionCallArgumentsDelta: "tool_chunk",
}
_WHOLE: dict[type, Kind] = {
    ResponseOutputTextDelta: "text",
    ResponseOutputTextDone: "text",
    ResponseOutputAudioDelta: "audio",
    ResponseOutputAudioDone: "audio",
    ResponseOutputAudioTranscriptDelta: "audio_transcript",
    ResponseOutputAudioTranscriptDone: "audio_transcript",
}
_DONE = (ResponseOutputTextDone, ResponseOutputAudioDone, ResponseOutputAudioTranscriptDone)

_Key = tuple[str, str, int, str]  # the response, the item, the part, the kind


@frozen
class Delivery:
    """Something for the receivers of one kind.

    Attributes:
        kind: which receivers; None for those of every event.
        value: what they get.
        size: the memory that it takes, in bytes.
    """

    kind: Kind | None
    value: Any
    size: int

    @classmethod
    def event(cls, kind: Kind | None, event: ServerEvent) -> Delivery:
        """Deliver an event as a dictionary."""
        return cls(kind, event.to_dict(), _EVENT_BYTES + len(event.raw or ""))


class AnswerParts:
    """Puts the pieces of each part of an answer together.

    Args:
        kinds: those that somebody receives; nothing is kept for others.
        sound_format: of what the model says, at this moment.

    Threads: one at a time.
    """

    def __init__(
        self, kinds: Collection[Kind | None], sound_format: Callable[[], SoundFormat]
    ) -> None:
        self._kinds = frozenset(kinds)
        self._sound_format = sound_format
        self._pieces: dict[_Key, list[Any]] = {}

    def receive(self, event: ServerEvent) -> Iterator[Delivery]:
        """Take an event; yield what comes of it."""
        if None in self._kinds:
            yield Delivery.event(None, event)
        chunk = _CHUNKS.get(type(event))
        if chunk is not None and chunk in self._kinds:
            yield Delivery.event(chunk, event)
        whole = _WHOLE.get(type(event))
        if whole is not None and whole in self._kinds:
            yield from self._collect(whole, event)
        elif isinstance(event, ResponseDone):
            yield from self._response_done(event)
        elif isinstance(event, Reconnected):  # what the old link cut off never ends
            self._pieces.clear()

    def _collect(self, kind: Kind, event: Any) -> Iterator[Delivery]:
        key = (
            as_id(event.response_id) or "",
            as_id(event.item_id) or "",
            as_index(event.content_index),
            kind,
        )
        if not isinstance(event, _DONE):
            self._pieces.setdefault(key, []).append(_piece(event))
            return
        pieces = self._pieces.pop(key, [])
        told = as_text(getattr(event, "text" if kind == "text" else "transcript", None))
        yield self._whole(kind, pieces, told)

    def _response_done(self, event: ResponseDone) -> Iterator[Delivery]:
        """Deliver the parts whose end got lost; forget those that were cut off."""
        response = as_object(as_came(event, "response"))
        response_id = as_id(response.get("id")) or ""
        left = [key for key in self._pieces if key[0] == response_id]
        for key in left:
            pieces = self._pieces.pop(key)
            if response.get("status") == "completed":
                kind: Any = key[3]
                yield self._whole(kind, pieces, None)

    def _whole(self, kind: Kind, pieces: list[Any], told: str | None) -> Delivery:
        if kind == "audio":
            sound = _sound(b"".join(pieces), self._sound_format())
            return Delivery(kind, sound, _EVENT_BYTES + len(sound.pcm))
        text = told or "".join(pieces)
        return Delivery(kind, text, sys.getsizeof(text))


def _piece(event: Any) -> str | bytes:
    if not isinstance(event, ResponseOutputAudioDelta):
        return as_text(event.delta) or ""
    try:
        return event.audio
    except RemoteProtocolError as exc:  # the rest of the answer is as good as before
        log.warning("a piece of the answer can't be heard: %s", exc)
        return b""


def _sound(data: bytes, form: SoundFormat) -> Sound:
    """Return the sound of an answer; of an encoding that nobody here knows, its bytes."""
    decode = DECODERS.get(form.type)
    if decode is not None:
        return Sound(decode(data), form.hz)
    return Sound(data[: len(data) // 2 * 2], form.hz)
