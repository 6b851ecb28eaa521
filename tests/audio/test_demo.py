"""The demo's own part of playing a conversation aloud; the rest of it runs in tests/samples."""

from __future__ import annotations

import runpy
from contextlib import ExitStack

import numpy as np
import pytest
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
    played = np.frombuffer(heard.pcm, "<i2").astype(float)
    question = np.frombuffer(passed_on, "<i2").astype(float)
    spectra = [np.fft.rfft(x, len(played) + len(question)) for x in (played, question)]
    match = np.fft.irfft(spectra[0] * spectra[1].conj()).max() / (question @ question)
    assert match == pytest.approx(1, abs=0.1), "the whole question, once, at its own level"
