"""Recognition of real speech: the shipped questions, cut and converted as on the real path."""

from __future__ import annotations

import doctest
import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

from realtime_sync.audio.resample import Resampler
from realtime_sync.errors import ConfigError, FormatError
from realtime_sync.local.speech import transcriber as home
from realtime_sync.local.speech.transcriber import (
    PocketsphinxTranscriber,
    grammar_of,
    make_transcriber,
)
from realtime_sync.local.speech.voice_detector import SileroDetector

HZ = 16_000
DIRECTORY = Path(__file__).parents[2] / "samples" / "questions"
QUESTIONS: dict[str, str] = yaml.safe_load((DIRECTORY / "questions.yaml").read_text())

DISTRACTORS = (
    *("open the front door", "close the window", "turn on the light", "turn off the radio"),
    *("play some music", "what is your name", "where is the station", "how old are you"),
    *("call my mother", "send a message to john", "read the news", "what day is it"),
    *("set an alarm for seven", "add milk to the list", "how far is the moon"),
    *("who wrote this book", "book a table for two", "start the car", "switch to french"),
    *("lower the volume", "take a picture", "find a good restaurant"),
)


@pytest.fixture(scope="module")
def general() -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber()


@pytest.fixture(scope="module")
def with_all() -> PocketsphinxTranscriber:
    """A grammar of all questions among the distractors."""
    return PocketsphinxTranscriber(grammar_of([*QUESTIONS.values(), *DISTRACTORS]))


def question(name: str) -> bytes:
    with wave.open(str(DIRECTORY / f"{name}.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (HZ, 1, 2)
        frames: bytes = file.readframes(file.getnframes())
        return frames


def silence(ms: int) -> bytes:
    return bytes(HZ * ms // 1000 * 2)


def over_the_wire(pcm: bytes) -> bytes:
    """Return ``pcm`` after 16 -> 24 -> 16 kHz, in chunks of 20 ms as a microphone sends them."""
    sent = Resampler(HZ, 24_000).process(pcm, last=True)
    receiver = Resampler(24_000, HZ)
    chunks = [receiver.process(sent[at : at + 960]) for at in range(0, len(sent), 960)]
    return b"".join(chunks) + receiver.process(b"", last=True)


def turn(pcm: bytes, *, before_ms: int, after_ms: int) -> bytes:
    """Return ``pcm`` as a turn detector cuts it, with that much quiet around."""
    heard = over_the_wire(silence(500) + pcm + silence(700))
    return heard[HZ * (500 - before_ms) // 1000 * 2 : -HZ * (700 - after_ms) // 1000 * 2]


def words(transcriber: PocketsphinxTranscriber, pcm: bytes) -> str:
    return transcriber.transcribe(pcm, language="en", prompt=None)


def test_the_list_and_the_files_agree() -> None:
    assert sorted(QUESTIONS) == sorted(path.stem for path in DIRECTORY.glob("*.wav"))
    assert len(QUESTIONS) >= 6
    assert len(DISTRACTORS) >= 20


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_general_model_understands_the_questions(
    general: PocketsphinxTranscriber, name: str
) -> None:
    pcm = question(name)
    cut = turn(pcm, before_ms=273, after_ms=481)
    assert [words(general, pcm), words(general, cut)] == [QUESTIONS[name]] * 2


def test_level_and_hiss_change_nothing(general: PocketsphinxTranscriber) -> None:
    samples = np.frombuffer(turn(question("weather"), before_ms=300, after_ms=500), np.int16)
    hiss = np.random.default_rng(7).normal(0, 20, len(samples))
    for version in (samples / 4, samples / 2 + hiss):
        assert words(general, np.rint(version).astype("<i2").tobytes()) == QUESTIONS["weather"]


def test_an_utterance_does_not_depend_on_the_one_before(general: PocketsphinxTranscriber) -> None:
    words(general, question("repeat")[::-1])  # bytes the wrong way round: loud nonsense
    assert words(general, question("time")) == QUESTIONS["time"]


def test_a_long_utterance_is_understood_in_segments(general: PocketsphinxTranscriber) -> None:
    names = ("hello", "weather", "story", "repeat", "time")
    pcm = b"".join(question(name) + silence(400) for name in names)
    assert len(pcm) / HZ / 2 > 10  # two segments
    assert words(general, pcm) == " ".join(QUESTIONS[name] for name in names)


def test_what_is_not_speech_has_no_words(
    general: PocketsphinxTranscriber, with_all: PocketsphinxTranscriber
) -> None:
    seconds = np.arange(2 * HZ) / HZ
    noise = np.random.default_rng(3).normal(0, 1000, 2 * HZ)
    tone = 8000 * np.sin(2 * np.pi * 440 * seconds)
    for sound in (noise, tone, 0 * tone):
        pcm = np.rint(sound).astype("<i2").tobytes()
        assert words(general, pcm) == words(with_all, pcm) == ""
    for pcm in (b"", b"\0", b"\1\0", silence(5)):
        assert words(general, pcm) == ""


def test_another_language_is_refused(general: PocketsphinxTranscriber) -> None:
    with pytest.raises(ConfigError, match="language 'de' is not available"):
        general.transcribe(question("time"), language="de", prompt=None)
    assert general.transcribe(question("time"), language=None, prompt="x") == QUESTIONS["time"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_grammar_accepts_its_sentences(with_all: PocketsphinxTranscriber, name: str) -> None:
    pcm = question(name)
    heard = [words(with_all, cut) for cut in (pcm, turn(pcm, before_ms=300, after_ms=500))]
    assert heard == [QUESTIONS[name]] * 2


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_grammar_rejects_a_sentence_outside_it(name: str) -> None:
    """Each question against the distractors and all other questions: no forced match."""
    others = [sentence for sentence in QUESTIONS.values() if sentence != QUESTIONS[name]]
    transcriber = PocketsphinxTranscriber(grammar_of([*others, *DISTRACTORS]))
    assert words(transcriber, turn(question(name), before_ms=300, after_ms=500)) == ""


def test_a_grammar_from_a_file(tmp_path: Path) -> None:
    jsgf, lines = tmp_path / "a.gram", tmp_path / "a.txt"
    jsgf.write_text(
        "#JSGF V1.0;\n// what a clock answers\ngrammar clock;\n"
        "public <question> = [please] what ( time | day ) is it ;\n"
    )
    lines.write_text("what time is it\n\n  what day is it\n")
    for path in (jsgf, lines):
        transcriber = make_transcriber(f"pocketsphinx:{path}")
        heard = transcriber.transcribe(question("time"), language=None, prompt=None)
        assert heard == "what time is it"


def test_a_grammar_of_phrases_as_people_write_them() -> None:
    transcriber = make_transcriber("phrases:What (time | day) is it?\nThank you; goodbye!")
    assert words(transcriber, question("time")) == "what time is it"
    assert words(transcriber, question("weather")) == ""


def test_the_examples() -> None:
    assert doctest.testmod(home) == (0, 1)


@pytest.mark.parametrize(
    ("grammar", "problem"),
    [
        ("open the door", "must begin with '#JSGF V1.0;'"),
        ("#JSGF V1.0;\ngrammar g;\npublic <s> = open ( the ;\n", "is not JSGF"),
        (
            "#JSGF V1.0;\ngrammar g;\npublic <s> = open the zzyzx | flumph ;\n",
            "lacks 'flumph', 'zzyzx'; write each of them as words that sound like it",
        ),
    ],
)
def test_a_malformed_grammar(grammar: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PocketsphinxTranscriber(grammar)
    assert problem in str(caught.value)


def test_a_transcriber_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="transcriber 'whisper' is unknown"):
        make_transcriber("whisper")
    for nothing in ("phrases:", "phrases:!\n ?"):
        with pytest.raises(ConfigError, match="the grammar of phrases is empty"):
            make_transcriber(nothing)
    with pytest.raises(ConfigError, match=r"grammar '/nowhere.gram' can't be read"):
        make_transcriber("pocketsphinx:/nowhere.gram")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        make_transcriber(f"pocketsphinx:{empty}")


def test_the_detector_tells_speech_from_noise() -> None:
    detector = SileroDetector()
    size = detector.frame_bytes
    speech = question("hello")
    frames = [speech[at : at + size] for at in range(0, len(speech) - size, size)]
    assert sum(detector.probability(frame) > 0.5 for frame in frames) > len(frames) / 2
    detector.reset()
    noise = np.random.default_rng(1).normal(0, 1000, (50, size // 2)).astype("<i2")
    assert max(detector.probability(frame.tobytes()) for frame in noise) < 0.3
    with pytest.raises(FormatError, match="collect 1024 bytes"):
        detector.probability(frames[0][:-2])
