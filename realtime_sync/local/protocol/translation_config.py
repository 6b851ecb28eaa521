"""The translation session's configuration: defaults, what an update may hold, and how it merges.

``noise_reduction`` is accepted and shown, but changes nothing.
"""

from __future__ import annotations

from typing import Any, Literal

from ..._types import JsonDict
from .conversation_config import NoiseReductionFields
from .validation import Strict, check

__all__ = ["default_translation_audio", "merge_translation_audio", "start_translation"]


class _TypedNoiseReduction(NoiseReductionFields):
    type: Literal["near_field", "far_field"]  # here it can't be left out


class _ShownTranscript(Strict):
    model: str


class _TranslationInput(Strict):
    transcription: _ShownTranscript | None = None
    noise_reduction: _TypedNoiseReduction | None = None


class _TranslationOutput(Strict):
    language: str | None = None


class _TranslationAudio(Strict):
    input: _TranslationInput | None = None
    output: _TranslationOutput | None = None


class _TranslationFields(Strict):
    audio: _TranslationAudio | None = None


class _StartedTranslation(_TranslationFields):
    model: str


def default_translation_audio() -> JsonDict:
    """Return the ``audio`` that a new session starts with."""
    return {
        "input": {"transcription": None, "noise_reduction": None},
        "output": {"language": "en"},
    }


def start_translation(given: Any) -> JsonDict:
    """Return the model and the audio of a session that is described before it is opened.

    Raises:
        ServerError: it breaks a rule.
    """
    checked = check(_StartedTranslation, given, "session")
    return {"model": checked["model"], "audio": _merged(default_translation_audio(), checked)}


def merge_translation_audio(current: JsonDict, update: Any) -> JsonDict:
    """Return the ``audio`` after a ``session.update``.

    Args:
        current: the effective one; it is not changed.
        update: the ``session`` of the client's event, unchecked.

    Raises:
        ServerError: the update breaks a rule.
    """
    return _merged(current, check(_TranslationFields, update, "session"))


def _merged(audio: JsonDict, patch: JsonDict) -> JsonDict:
    changes = patch.get("audio") or {}
    merged = {side: {**audio[side], **(changes.get(side) or {})} for side in audio}
    merged["output"]["language"] = merged["output"]["language"] or "en"
    return merged
