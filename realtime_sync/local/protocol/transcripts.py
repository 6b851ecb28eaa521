"""The events that tell a client what its user said."""

from __future__ import annotations

from ..._types import JsonDict
from ...errors import AudioError
from ..words import split_words
from .stored_items import StoredPart
from .usage import heard_tokens, text_tokens
from .wire import event
from .wire_formats import TICKS_PER_MS

__all__ = ["SPEECH_FAILED", "failed_event", "transcript_events"]

# The code of errors of which the workers are the reason, and neither the client nor its sound.
SPEECH_FAILED = "speech_failed"


_PREFIX = "conversation.item.input_audio_transcription"


def transcript_events(item_id: str, part: StoredPart, model: str | None) -> list[JsonDict]:
    """Return the deltas, one per word, and the completed transcript of ``part``.

    Args:
        item_id: the item of the audio.
        part: its audio part, recognised.
        model: the transcription model the client asked for; ``whisper-1`` is billed by duration.
    """
    text = part.heard or ""
    place = {"item_id": item_id, "content_index": 0}
    events = [event(f"{_PREFIX}.delta", **place, delta=word) for word in split_words(text)]
    usage: JsonDict = {"type": "duration", "seconds": part.audio_ticks / TICKS_PER_MS / 1000}
    if model != "whisper-1":
        heard, words = heard_tokens(part.audio_ticks), text_tokens(text)
        usage = {
            "type": "tokens",
            "input_tokens": heard,
            "output_tokens": words,
            "total_tokens": heard + words,
            "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        }
    return [*events, event(f"{_PREFIX}.completed", **place, transcript=text, usage=usage)]


def failed_event(item_id: str, error: Exception) -> JsonDict:
    """Return the event for an utterance that could not be recognised."""
    detail = {
        "type": "transcription_error",
        "code": SPEECH_FAILED if isinstance(error, AudioError) else "audio_unintelligible",
        "message": f"{type(error).__name__}: {error}",
        "param": None,
    }
    return event(f"{_PREFIX}.failed", item_id=item_id, content_index=0, error=detail)
