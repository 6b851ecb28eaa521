"""`input_audio_buffer.append`: every accepted form gives the same message, others are refused."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from realtime_sync.connection._audio_input import append_message
from realtime_sync.errors import FormatError

SAMPLES = np.array([0, 1, -1, 1000, -32768, 32767], dtype=np.int16)
PCM = SAMPLES.astype("<i2").tobytes()
BASE64 = base64.b64encode(PCM).decode()


@pytest.mark.parametrize(
    "audio",
    [
        BASE64,
        PCM,
        bytearray(PCM),
        memoryview(PCM),
        SAMPLES,
        SAMPLES.reshape(-1, 1),
        SAMPLES.astype(np.float32) / 32768,
    ],
    ids=["base64", "bytes", "bytearray", "memoryview", "int16", "column", "float32"],
)
def test_every_form_gives_the_same_event(audio: object) -> None:
    event = json.loads(append_message(audio, None, pcm=True))  # type: ignore[arg-type]
    assert event == {"type": "input_audio_buffer.append", "audio": BASE64}


def test_an_event_id_is_escaped() -> None:
    event = json.loads(append_message(PCM, 'a"b', pcm=True))
    assert event["event_id"] == 'a"b'
    assert event["audio"] == BASE64


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (b"\x00\x01\x02", "half a sample"),
        ("not base64!", "not base64"),
        ('AAA"', "not base64"),
        ("AAA\\", "not base64"),
        ("AA\n=", "not base64"),
        ("ÄÄÄÄ", "not base64"),
        (np.zeros(4, dtype=np.float64), "float64"),
        (np.zeros((4, 2), dtype=np.int16), "(4, 2)"),
    ],
)
def test_other_forms_are_refused_by_name(audio: object, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        append_message(audio, None, pcm=True)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_g711_may_have_an_odd_length_but_not_be_an_array() -> None:
    assert json.loads(append_message(b"\xff", None, pcm=False))["audio"] == "/w=="
    with pytest.raises(FormatError, match="g711"):
        append_message(SAMPLES, None, pcm=False)
