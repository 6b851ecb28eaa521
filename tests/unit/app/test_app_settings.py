"""What an app may be given as the settings of its session: told at once, with the rule."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.app.app_settings import check_settings
from realtime_sync.errors import ConfigError


@pytest.mark.parametrize(
    "given",
    [
        {"modalities": ["text"], "instructions": "", "voice": "marin"},
        {"turn_detection": None, "input_audio_transcription": {"model": "m"}},
        {"tool_choice": "auto", "temperature": 0.8, "max_response_output_tokens": "inf"},
        {"tool_choice": {"type": "function", "name": "a"}, "max_response_output_tokens": 1},
        {"input_audio_format": "pcm16", "output_audio_format": "g711_ulaw"},
    ],
)
def test_what_can_be_meant_passes(given: dict[str, Any]) -> None:
    check_settings(given)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("modalities", "text", "a list of texts"),
        ("modalities", [7], "a list of texts"),
        ("instructions", None, "a text"),
        ("voice", b"marin", "a text"),
        ("turn_detection", "server_vad", "a dictionary, or None"),
        ("input_audio_format", {}, "a text"),
        ("output_audio_format", 7, "a text"),
        ("input_audio_transcription", True, "a dictionary, or None"),
        ("tool_choice", [], "a text or a dictionary"),
        ("temperature", "hot", "a number"),
        ("temperature", float("nan"), "a number"),
        ("max_response_output_tokens", 0, "a whole number, 1 or more"),
        ("max_response_output_tokens", 1.5, "a whole number, 1 or more"),
    ],
)
def test_what_can_not_be_meant_is_named_with_its_rule(name: str, value: Any, rule: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be {rule}"):
        check_settings({name: value})
