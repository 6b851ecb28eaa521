"""What an app may be given as the settings of its session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._required import is_list_of_texts, is_number, is_text, is_whole, require
from ..errors import ConfigError

__all__ = ["check_settings"]


def _is_object_or_none(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


def _is_choice(value: object) -> bool:
    return is_text(value) or isinstance(value, Mapping)


def _is_limit(value: object) -> bool:
    return is_whole(value, 1) or (isinstance(value, str) and value == "inf")


# What it must be, in words and as a question; what it may be further is the server's to say.
_RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "modalities": ('a list of texts, such as ["text"]', is_list_of_texts),
    "instructions": ("a text", is_text),
    "voice": ("a text", is_text),
    "turn_detection": ("a dictionary, or None for none", _is_object_or_none),
    "input_audio_format": ('a text, such as "pcm16"', is_text),
    "output_audio_format": ('a text, such as "pcm16"', is_text),
    "input_audio_transcription": ("a dictionary, or None for none", _is_object_or_none),
    "tool_choice": ("a text or a dictionary", _is_choice),
    "temperature": ("a number", is_number),
    "max_response_output_tokens": ('a whole number, 1 or more, or "inf"', _is_limit),
}


def check_settings(given: Mapping[str, object]) -> None:
    """Refuse settings that can't be meant.

    Raises:
        ConfigError: one is of another type.
    """
    for name, value in given.items():
        what, fits = _RULES[name]
        require(fits(value), f"{name} must be {what}", value, error=ConfigError)
