"""A session's sound, read in either form; whole sessions are tested with the dialects."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.events.session_shape import audio_settings, nested_format

FLAT: dict[str, Any] = {
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "m"},
    "input_audio_noise_reduction": None,
    "turn_detection": None,
    "output_audio_format": "g711_ulaw",
    "voice": "sage",
    "speed": 1.5,
    "instructions": "Be brief.",
}


def test_a_flat_session() -> None:
    assert audio_settings(FLAT, "input") == {
        "format": "pcm16",
        "transcription": {"model": "m"},
        "noise_reduction": None,
        "turn_detection": None,
    }
    assert audio_settings(FLAT, "output") == {"format": "g711_ulaw", "voice": "sage", "speed": 1.5}


def test_a_nested_session() -> None:
    session = {"audio": {"input": {"turn_detection": None}, "output": {"new": 1}}}
    assert audio_settings(session, "input") == {"turn_detection": None}
    assert audio_settings(session, "output") == {"new": 1}


def test_where_a_server_speaks_both_the_nested_form_counts() -> None:
    session = {**FLAT, "audio": {"output": {"voice": "marin"}}}
    assert audio_settings(session, "output")["voice"] == "marin"
    assert audio_settings(session, "output")["speed"] == 1.5


@pytest.mark.parametrize("audio", [None, "x", 5, [], {"input": None}, {"input": "x"}, {"in": {}}])
def test_odd_sound_has_no_settings(audio: object) -> None:
    assert audio_settings({"audio": audio}, "input") == {}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("pcm16", {"type": "audio/pcm", "rate": 24_000}),
        ("pcm24", {"type": "audio/pcm"}),
        ("g711_ulaw", {"type": "audio/pcmu"}),
        ("g711_alaw", {"type": "audio/pcma"}),
        ("opus", {"type": "opus"}),
        ({"type": "audio/pcm"}, {"type": "audio/pcm"}),
        (None, None),
    ],
)
def test_a_format_in_gas_form(told: object, expected: object) -> None:
    assert nested_format(told) == expected
