"""Synthesis of real speech: its words, its level, and whether a recogniser understands it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_sync.audio.resample import Resampler
from realtime_sync.errors import AudioError, ConfigError
from realtime_sync.local.engines import SpeechChunk
from realtime_sync.local.speech.espeak import EspeakSynthesizer
from realtime_sync.local.speech.flite import FliteSynthesizer
from realtime_sync.local.speech.synthesizer import make_synthesizer
from realtime_sync.local.speech.transcriber import PocketsphinxTranscriber

HZ = 24_000
PIECE_BYTES = HZ // 5 * 2  # 200 ms
VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
    *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
)
HELLO = "Hello! How can I help you?"


@pytest.fixture(scope="module")
def espeak() -> EspeakSynthesizer:
    return EspeakSynthesizer()


def speak(
    espeak: EspeakSynthesizer, text: str, voice: str = "alloy", speed: float = 1.0
) -> list[SpeechChunk]:
    return list(espeak.synthesize(text, voice=voice, speed=speed))


def samples_of(chunks: list[SpeechChunk]) -> NDArray[np.int16]:
    return np.frombuffer(b"".join(chunk.pcm for chunk in chunks), np.int16)


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """Return the RMS of the spoken parts."""
    spoken = samples[np.abs(samples.astype(np.int32)) > 100] / 32768
    return float(20 * np.log10(np.sqrt(np.mean(spoken**2))))


@pytest.mark.parametrize(
    "text",
    [
        HELLO,
        "  The “weather” in London — it's 21°C, at 3:45 PM!\n\n So: don't... ok?  ",
        "Grüße, 你好。Привет! 🙂 done",
        "one, two, three, " * 60,
        "no.stops.between.these.words" * 40,
        "a\0b \ud800 c",
        "<speak>not markup</speak> [[h@'loU]]",
        "...",
        "🙂",
        " ",
    ],
)
def test_the_pieces_hold_the_whole_text(espeak: EspeakSynthesizer, text: str) -> None:
    chunks = speak(espeak, text)
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(len(chunk.pcm) <= PIECE_BYTES and len(chunk.pcm) % 2 == 0 for chunk in chunks)


def test_no_text_is_no_speech(espeak: EspeakSynthesizer) -> None:
    assert speak(espeak, "") == []


def test_duration_and_level(espeak: EspeakSynthesizer) -> None:
    text = "The weather in London is sunny, twenty degrees, and it will stay like this."
    for voice in VOICES:
        samples = samples_of(speak(espeak, text, voice))
        words_per_minute = len(text.split()) / (len(samples) / HZ) * 60
        assert 110 < words_per_minute < 220, voice
        assert -23 < level_dbfs(samples) < -18, voice
        assert np.abs(samples.astype(np.int32)).max() < 32_000, voice


def test_words_come_with_the_sound_in_which_they_begin(espeak: EspeakSynthesizer) -> None:
    chunks = speak(espeak, "Stop. Banana. Stop.")
    (at,) = (index for index, chunk in enumerate(chunks) if chunk.text.startswith("Banana"))
    # A pause, and then the sound of the word: it ends where the next one begins.
    assert level_dbfs(samples_of(chunks[at : at + 2])) > -24
    before, word = samples_of(chunks[:at]), samples_of(chunks[at:-1])
    assert np.abs(before[-HZ // 20 :].astype(np.int32)).max() < 600
    assert np.abs(word[: HZ // 5].astype(np.int32)).max() > 3000
    begins = [index for index, chunk in enumerate(chunks) if chunk.text]
    assert len(begins) == 3


def test_words_are_spread_over_the_sound(espeak: EspeakSynthesizer) -> None:
    numbers = "one two three four five six seven eight nine ten eleven twelve"
    chunks = speak(espeak, numbers)
    half = "".join(chunk.text for chunk in chunks[: len(chunks) // 2]).split()
    assert 4 <= len(half) <= 8
    assert max(len(chunk.text.split()) for chunk in chunks) <= 2


def pitch_hz(samples: NDArray[np.int16]) -> float:
    """Return the median pitch of the voiced parts (autocorrelation, 60 to 400 Hz)."""
    frame = HZ // 25
    found = []
    for at in range(0, len(samples) - frame, frame):
        part = samples[at : at + frame].astype(float)
        if np.abs(part).max() > 3000:
            line = np.correlate(part, part, "full")[frame - 1 :]
            found.append(HZ / (HZ // 400 + int(line[HZ // 400 : HZ // 60].argmax())))
    return float(np.median(found))


def test_voices_have_a_pitch_of_their_own(espeak: EspeakSynthesizer) -> None:
    # espeak varies every utterance a little, so equal settings do not give equal samples.
    pitch = {voice: pitch_hz(samples_of(speak(espeak, HELLO, voice))) for voice in VOICES}
    assert pitch["onyx"] < 0.8 * pitch["alloy"]
    assert pitch["shimmer"] > 1.3 * pitch["onyx"]
    for unknown in ("nobody", ""):
        samples = samples_of(speak(espeak, HELLO, unknown))
        assert pitch_hz(samples) == pytest.approx(pitch["alloy"], rel=0.1)


def test_speed(espeak: EspeakSynthesizer) -> None:
    lengths = [len(samples_of(speak(espeak, HELLO, speed=speed))) for speed in (0.25, 0.6, 1, 1.5)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[1] > 1.3 * lengths[2] > 1.3 * 1.2 * lengths[3]


def test_two_texts_in_turns_keep_their_voices(espeak: EspeakSynthesizer) -> None:
    text = "This is the first sentence. This is the second. And this is the third."
    alone = {voice: pitch_hz(samples_of(speak(espeak, text, voice))) for voice in ("onyx", "nova")}
    streams = {voice: espeak.synthesize(text, voice=voice, speed=1.0) for voice in alone}
    turns = list(zip(*streams.values(), strict=False))
    for index, voice in enumerate(streams):
        pitch = pitch_hz(samples_of([turn[index] for turn in turns]))
        assert pitch == pytest.approx(alone[voice], rel=0.1)


# -- what a recogniser makes of it -----------------------------------------------------------------


@pytest.fixture(scope="module")
def transcriber() -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber()


def heard_by(transcriber: PocketsphinxTranscriber, chunks: list[SpeechChunk]) -> str:
    pcm = Resampler(HZ, 16_000).process(samples_of(chunks), last=True)
    return transcriber.transcribe(pcm, language="en", prompt=None)


@pytest.mark.parametrize(
    ("text", "key_words"),
    [
        ("The weather in London is sunny, twenty degrees.", {"weather", "london", "degrees"}),
        ("Goodbye! It was nice to talk to you.", {"nice", "to", "talk", "you"}),
        ("The sun is shining.", {"sun", "shining"}),
    ],
)
def test_a_recogniser_gets_the_key_words(
    espeak: EspeakSynthesizer, transcriber: PocketsphinxTranscriber, text: str, key_words: set[str]
) -> None:
    # Not word for word: the acoustic model learned from people, and espeak is none.
    heard = set(heard_by(transcriber, speak(espeak, text)).split())
    assert len(key_words & heard) >= len(key_words) - 1, heard


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_is_understood_word_for_word(transcriber: PocketsphinxTranscriber) -> None:
    text = "The weather in London is sunny. It is twenty degrees."
    chunks = list(FliteSynthesizer().synthesize(text, voice="alloy", speed=1.0))
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(len(chunk.pcm) <= PIECE_BYTES for chunk in chunks)
    assert -23 < level_dbfs(samples_of(chunks)) < -18
    expected = "the weather in london is sunny it is twenty degrees"
    assert heard_by(transcriber, chunks) == expected


def test_the_words_are_not_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError) as caught:
        list(FliteSynthesizer().synthesize("My password.", voice="alloy", speed=1.0))
    assert str(caught.value) == "flite could not say 12 characters (CalledProcessError)"


def test_without_flite_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="apt-get install flite"):
        make_synthesizer("flite")


def test_a_synthesizer_that_is_none() -> None:
    with pytest.raises(ConfigError, match="synthesizer 'festival' is unknown"):
        make_synthesizer("festival")


def test_portions_are_short(espeak: EspeakSynthesizer) -> None:
    """The first sound of a long text does not wait for the whole of it."""
    text = "word " * 5000
    stream = espeak.synthesize(text, voice="alloy", speed=1.0)
    first = next(stream)
    assert re.fullmatch(r"(word ){1,2}", first.text)
