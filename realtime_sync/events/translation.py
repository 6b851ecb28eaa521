"""Events that only translation sessions have (path ``/realtime/translations``).

The other events of these sessions share their names, and so their classes, with the main
protocol: ``session.update``, ``session.created``, ``session.updated`` and ``error``.

Example:
    >>> SessionInputAudioBufferAppend(audio="AAEC").to_json()
    '{"type":"session.input_audio_buffer.append","audio":"AAEC"}'
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from ._audio import AudioDelta
from .base import Event

__all__ = [
    "SessionClose",
    "SessionClosed",
    "SessionInputAudioBufferAppend",
    "SessionInputTranscriptDelta",
    "SessionOutputAudioDelta",
    "SessionOutputTranscriptDelta",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionClose(Event):
    """End a translation after what is still to be said."""

    type: Literal["session.close"] = "session.close"


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionInputAudioBufferAppend(Event):
    """Append audio to a translation: base64, int16 mono 24 kHz."""

    type: Literal["session.input_audio_buffer.append"] = "session.input_audio_buffer.append"
    audio: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionClosed(Event):
    """The translation is over; nothing follows."""

    type: Literal["session.closed"] = "session.closed"
    event_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionInputTranscriptDelta(Event):
    """A piece of what the user said."""

    type: Literal["session.input_transcript.delta"] = "session.input_transcript.delta"
    event_id: str
    delta: str
    elapsed_ms: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionOutputAudioDelta(AudioDelta):
    """A piece of the translation, spoken."""

    type: Literal["session.output_audio.delta"] = "session.output_audio.delta"
    event_id: str
    delta: str
    channels: int | None = None
    elapsed_ms: int | None = None
    format: Literal["pcm16"] | None = None
    sample_rate: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionOutputTranscriptDelta(Event):
    """A piece of the translation, in words."""

    type: Literal["session.output_transcript.delta"] = "session.output_transcript.delta"
    event_id: str
    delta: str
    elapsed_ms: int | None = None
