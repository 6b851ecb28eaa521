"""The replaceable engines of the embedded server, as interfaces.

An engine is a plain blocking object: whoever writes one needs to know neither the protocol nor
asyncio. The server runs them where they can't delay a connection: VAD beside the receive path
(it takes half a millisecond), recognition and synthesis in a process of their own, responders
on a thread.

Audio between engines is int16, mono, little-endian: 16 kHz towards the VAD and the transcriber,
24 kHz out of the synthesizer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Literal, Protocol

from attrs import field, frozen

from .._types import JsonDict
from ..errors import AudioError

__all__ = [
    "EngineError",
    "Finish",
    "Responder",
    "ResponderEvent",
    "ResponderPrompt",
    "SpeechChunk",
    "SpeechEngine",
    "Synthesizer",
    "TextDelta",
    "ToolCall",
    "Transcriber",
    "VoiceDetector",
]


class EngineError(AudioError):
    """An engine has failed at what it was given, and would fail again: nobody is to ask again."""


class VoiceDetector(Protocol):
    """Tells speech from everything else; one instance per stream of sound, it keeps state."""

    frame_bytes: int
    """How many bytes of 16 kHz audio `probability` wants, exactly."""

    def probability(self, frame: bytes) -> float:
        """Return how likely ``frame`` holds speech, 0.0 to 1.0."""

    def reset(self) -> None:
        """Forget what was heard."""


class Transcriber(Protocol):
    """Turns one utterance into text."""

    def transcribe(self, pcm: bytes, *, language: str | None, prompt: str | None) -> str:
        """Return the words of ``pcm`` (16 kHz), ``""`` when there are none."""


@frozen
class SpeechChunk:
    """A piece of synthesized speech and the words that begin in it.

    Attributes:
        pcm: int16 mono little-endian, 24 kHz.
        text: the words that begin in this piece, with their spacing and punctuation; the texts
            of all pieces together are the whole text. May be empty.
    """

    pcm: bytes
    text: str


class Synthesizer(Protocol):
    """Turns text into speech, faster than it is spoken."""

    def synthesize(self, text: str, *, voice: str, speed: float) -> Iterator[SpeechChunk]:
        """Yield the speech for ``text`` in pieces of at most about 200 ms."""


class SpeechEngine(Protocol):
    """Both of them in processes of their own, as the server sees them: asynchronous."""

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        """Return the words of ``pcm16k``, see `Transcriber`.

        Raises:
            EngineError: it can't be recognised, and counts as an utterance without words.
            AudioError: it was not recognised; it may be tried again.
        """

    def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield the speech for ``text``, see `Synthesizer`; closing the iterator stops the rest."""


@frozen
class ResponderPrompt:
    """What a responder answers to: the effective settings of one response.

    Attributes:
        instructions: the session's or the response's instructions, ``""`` when there are none.
        items: the conversation as wire items, oldest first; audio parts carry ``transcript``.
        tools: the function tools as on the wire.
        tool_choice: as on the wire.
        max_output_tokens: a limit, or None.
    """

    instructions: str
    items: list[JsonDict]
    tools: list[JsonDict] = field(factory=list)
    tool_choice: str | JsonDict = "auto"
    max_output_tokens: int | None = None


@frozen
class TextDelta:
    """Some more of the answer's text."""

    text: str


@frozen
class ToolCall:
    """One whole function call; ``arguments`` is JSON text."""

    name: str
    arguments: str


@frozen
class Finish:
    """Why the answer ended, when not simply because all was said; always the last event."""

    reason: Literal["max_output_tokens", "content_filter"]


ResponderEvent = TextDelta | ToolCall | Finish


class Responder(Protocol):
    """Decides what the assistant says or calls."""

    def respond(self, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        """Yield the answer piece by piece; an exception makes the response ``failed``."""
