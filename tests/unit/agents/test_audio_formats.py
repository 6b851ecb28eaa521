"""Audio formats under all of their names."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.audio_formats import bytes_per_s, format_of


@pytest.mark.parametrize("value", [None, "mp3", "", 5, [], {}, {"type": None}, {"type": "x"}])
def test_what_is_no_format(value: Any) -> None:
    assert format_of(value) is None
    assert bytes_per_s(value) == 48_000


@pytest.mark.parametrize("rate", [0, -1, 0.5, "24000", True, float("nan")])
def test_what_is_no_rate(rate: Any) -> None:
    assert format_of({"type": "audio/pcm", "rate": rate}) is None


def test_a_rate_is_kept_where_the_format_has_one() -> None:
    assert format_of({"type": "pcm", "rate": 1}) == {"type": "audio/pcm", "rate": 1}
    assert format_of({"type": "g711_alaw", "rate": 16000}) == {"type": "audio/pcma"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("pcm16", 48_000), ({"type": "audio/pcm", "rate": 16000}, 32_000), ("g711_ulaw", 8_000)],
)
def test_how_many_bytes_a_second_takes(value: Any, expected: int) -> None:
    assert bytes_per_s(value) == expected
