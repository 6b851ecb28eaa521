"""The tones of keys, by their spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from realtime_sync.audio import decode_ulaw, encode_ulaw
from realtime_sync.errors import ConfigError
from realtime_sync.telephony import dtmf_tones
from realtime_sync.telephony.dtmf import DIGITS

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def key_of(pcm: bytes, rate: int) -> str:
    """Return the key whose tone this is, as a network finds it."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    seconds = np.arange(len(samples)) / rate
    strength = [abs(np.exp(-2j * np.pi * hz * seconds) @ samples) for hz in (*ROWS, *COLUMNS)]
    row, column = int(np.argmax(strength[:4])), int(np.argmax(strength[4:]))
    rest = np.delete(strength, (row, 4 + column))
    assert max(rest) < min(strength[row], strength[4 + column]) / 5, "two tones and no other"
    return DIGITS[4 * row + column]


@pytest.mark.parametrize("rate", [8000, 24000])
def test_each_key_has_its_two_tones(rate: int) -> None:
    tones = dtmf_tones(DIGITS, rate=rate, tone_ms=80, gap_ms=60)
    size = 2 * rate * 140 // 1000
    assert len(tones) == 16 * size
    pieces = [tones[at : at + size] for at in range(0, len(tones), size)]
    length = 2 * rate * 80 // 1000
    assert "".join(key_of(piece[:length], rate) for piece in pieces) == DIGITS
    assert not any(any(piece[length:]) for piece in pieces), "silence between them"


def test_they_survive_the_telephone_and_do_not_clip() -> None:
    tones = dtmf_tones("5", tone_ms=100, gap_ms=40)[:1600]
    assert key_of(decode_ulaw(encode_ulaw(tones)), 8000) == "5"
    assert 20_000 < np.abs(np.frombuffer(tones, "<i2").astype(int)).max() < 32_767


def test_small_letters_and_pauses() -> None:
    assert dtmf_tones("a,b") == dtmf_tones("A") + bytes(2 * 4000) + dtmf_tones("B")
    assert dtmf_tones("") == b""


def test_a_tone_begins_and_ends_softly() -> None:
    samples = np.abs(np.frombuffer(dtmf_tones("1"), "<i2").astype(int))[:800]
    assert samples[0] == samples[-1] == 0
    assert samples[:4].max() < 8_000
    assert samples[-4:].max() < 8_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"digits": "12x"}, "'12x' are no keys of a telephone"),
        ({"digits": 5}, "5 are no keys"),
        ({"tone_ms": 39}, "tone_ms=39 is out of range; give 40 to 1000"),
        ({"gap_ms": 1001}, "gap_ms=1001 is out of range"),
        ({"rate": 0}, "rate"),
    ],
)
def test_wrong_values_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dtmf_tones(**{"digits": "1", **options})  # type: ignore[arg-type]
