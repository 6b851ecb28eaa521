"""Which sessions a voice loop can speak."""

from __future__ import annotations

import pytest

from realtime_sync.conversation.session import SessionFacts, SoundFormat
from realtime_sync.errors import ConfigError
from realtime_sync.voice.format_check import check_formats

RATES = {"input": 16_000, "output": 24_000}


@pytest.mark.parametrize("told", [None, 16_000])
def test_the_rate_of_the_source_or_none(told: int | None) -> None:
    check_formats(SessionFacts(input=SoundFormat(rate=told)), rates=RATES)


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (SessionFacts(input=SoundFormat(rate=24_000)), "input is at 24000 Hz .* source at 16000"),
        (SessionFacts(output=SoundFormat(rate=16_000)), "output is at 16000 Hz .* sink at 24000"),
        (SessionFacts(input=SoundFormat("audio/pcmu", 8_000)), "input format is 'audio/pcmu'"),
        (SessionFacts(output=SoundFormat("opus")), "output format is 'opus'.*'rate': 24000"),
    ],
)
def test_other_formats_are_refused(session: SessionFacts, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_formats(session, rates=RATES)
