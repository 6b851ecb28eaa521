"""Plausible token counts: a word is a text token, sound counts by its duration."""

from __future__ import annotations

import json

from ..._types import JsonDict
from .stored_items import StoredItem
from .wire_formats import TICKS_PER_MS

__all__ = [
    "count_input",
    "count_settings",
    "heard_tokens",
    "response_usage",
    "spoken_tokens",
    "text_tokens",
]

# The provider's rates: one token per 100 ms heard, one per 50 ms spoken.
_HEARD_MS = 100
_SPOKEN_MS = 50


def text_tokens(text: str) -> int:
    """Return the tokens of a text."""
    return len(text.split())


def heard_tokens(ticks: int) -> int:
    """Return the tokens of the user's audio (samples of 24 kHz), rounded up."""
    return -(-ticks // (_HEARD_MS * TICKS_PER_MS))


def spoken_tokens(ticks: int) -> int:
    """Return the tokens of an answer's audio (samples of 24 kHz), rounded up."""
    return -(-ticks // (_SPOKEN_MS * TICKS_PER_MS))


def count_settings(instructions: str, tools: list[JsonDict]) -> int:
    """Return the text tokens of what a responder is given beside the items."""
    return text_tokens(instructions) + sum(text_tokens(json.dumps(tool)) for tool in tools)


def count_input(item: StoredItem) -> tuple[int, int]:
    """Return the text and the audio tokens of an item that a responder is given."""
    text = sum(text_tokens(str(value)) for value in item.fields.values())
    audio = 0
    for part in item.content:
        text += text_tokens(part.text or "")
        if part.type == "output_audio":
            audio += spoken_tokens(part.audio_ticks)
        elif part.type == "input_audio":
            audio += heard_tokens(part.audio_ticks)
    return text, audio


def response_usage(given: tuple[int, int], text: int, audio: int) -> JsonDict:
    """Return the ``usage`` of a response.

    Args:
        given: text and audio tokens that went in.
        text: text tokens that came out.
        audio: audio tokens that came out.
    """
    text_in, audio_in = given
    return {
        "total_tokens": text_in + audio_in + text + audio,
        "input_tokens": text_in + audio_in,
        "output_tokens": text + audio,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text, "audio_tokens": audio},
    }
