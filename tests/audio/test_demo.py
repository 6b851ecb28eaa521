"""The demo's own part of playing a conversation aloud; the rest of it runs in tests/samples."""

from __future__ import annotations

import runpy
from contextlib import ExitStack

import pytest
from monitor import as_samples, find, loud_ms
from programs import REPOSITORY
from sound_card import SoundCard

from realtime_sync.audio.wav import WavSource, read_wav

QUESTION = REPOSITORY / "samples" / "questions" / "weather.wav"


def test_the_user_is_heard_and_still_reaches_the_conversation(sound_card: SoundCard) -> None:
    demo = runpy.run_path(str(REPOSITORY / "samples" / "demo.py"))
    with sound_card.recording() as heard, ExitStack() as stack:
        speakers = demo["open_speakers"](stack)
        assert len(speakers) == 2, "one for each side"
        source = WavSource(QUESTION, trailing_silence_ms=0)
        passed_on = b"".join(demo["Aloud"](source, speakers[1]))
        assert speakers[1].drain(30)
    assert passed_on.rstrip(b"\0") == read_wav(QUESTION).rstrip(b"\0")
    played, question = as_samples(heard.pcm), as_samples(passed_on)
    assert find(question, played, block_ms=20).whole > 0.9, "the whole question, at its own level"
    assert loud_ms(played) == pytest.approx(loud_ms(question), rel=0.05), "once"
