"""WAV files in and out; time passes only where somebody waits for it."""

from __future__ import annotations

import doctest
import resource
import wave
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock

from realtime_sync.audio import WavSink, WavSource, read_wav, silence, wav, write_wav
from realtime_sync.errors import AudioError, ConfigError, FormatError

RATE = 24000
CHUNK = 960


def reference_wav(
    path: Path, frames: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return path


def read_frames(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels())


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


@pytest.fixture
def ramp() -> np.ndarray:
    return np.arange(-5000, 5000, dtype="<i2")


def test_a_source_yields_whole_chunks_and_then_silence(
    tmp_path: Path, ramp: np.ndarray, clock: AudioClock
) -> None:
    path = reference_wav(tmp_path / "q.wav", ramp.tobytes())
    chunks = list(WavSource(path, trailing_silence_ms=100, clock=clock))
    assert {len(chunk) for chunk in chunks} == {CHUNK}
    audio = b"".join(chunks)
    assert audio[: ramp.nbytes] == ramp.tobytes()
    assert not any(audio[ramp.nbytes :])
    assert len(audio) - ramp.nbytes >= len(silence(100))


def test_real_time_is_kept_without_drift(
    tmp_path: Path, ramp: np.ndarray, clock: AudioClock
) -> None:
    path = reference_wav(tmp_path / "q.wav", np.tile(ramp, 20).tobytes())
    times = []
    source = iter(WavSource(path, clock=clock))
    began = clock()
    for number in range(1, 101):
        next(source)
        times.append(clock() - began)
        if number == 50:
            clock.advance(0.5)  # the reader was busy: what is late comes at once
    assert times[49] == pytest.approx(1.0)
    assert times[50] == times[60] == pytest.approx(1.5)
    assert times[99] == pytest.approx(2.0)


def test_fast_takes_no_time_and_every_iteration_begins_anew(
    tmp_path: Path, ramp: np.ndarray, clock: AudioClock
) -> None:
    source = WavSource(reference_wav(tmp_path / "q.wav", ramp.tobytes()), pace="fast", clock=clock)
    began = clock()
    assert list(source) == list(source)
    assert clock() == began


def test_closing_ends_the_iteration(tmp_path: Path, ramp: np.ndarray, clock: AudioClock) -> None:
    for pace in ("realtime", "fast"):
        path = reference_wav(tmp_path / "q.wav", ramp.tobytes())
        with WavSource(path, pace=pace, clock=clock) as source:  # type: ignore[arg-type]
            chunks = iter(source)
            next(chunks)
            source.close()
            assert list(chunks) == []


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_width_and_stereo_become_the_same_mono(
    tmp_path: Path, width: int, channels: int
) -> None:
    samples = np.arange(-128, 128, dtype=np.int64) * 256
    frames = np.repeat(samples, channels)
    if width == 1:
        data = (frames // 256 + 128).astype(np.uint8).tobytes()
    else:
        wide = frames << 8 * (width - 2)
        data = b"".join(int(v).to_bytes(width, "little", signed=True) for v in wide)
    path = reference_wav(tmp_path / "q.wav", data, width=width, channels=channels)
    assert np.frombuffer(read_wav(path), "<i2").tolist() == samples.tolist()


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    turns = np.arange(16000) / 16000
    tone = (np.sin(2 * np.pi * 440 * turns) * 10000).astype("<i2")
    path = reference_wav(tmp_path / "q.wav", tone.tobytes(), rate=16000)
    got = np.frombuffer(read_wav(path, rate=RATE), "<i2")
    expected = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 10000
    assert len(got) == RATE
    assert np.abs(got - expected)[1000:-1000].max() < 30


def test_what_is_no_sound_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("this is not sound, but long enough to have had a header")
    empty = tmp_path / "empty.wav"
    empty.touch()
    for read in (WavSource, read_wav):
        with pytest.raises(FormatError, match=r"notes\.wav' is text, not WAV.*ffmpeg"):
            read(text)
        with pytest.raises(FormatError, match=r"empty\.wav' is empty: was it"):
            read(empty)
        with pytest.raises(AudioError, match=r"missing\.wav.*No such file"):
            read(tmp_path / "missing.wav")
        with pytest.raises(AudioError, match="Is a directory"):
            read(tmp_path)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = reference_wav(tmp_path / "q.wav", bytes(4000), channels=2)
    path.write_bytes(path.read_bytes()[:-1001])
    assert len(read_wav(path)) == 2 * ((4000 - 1001) // 4)


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    path = reference_wav(tmp_path / "q.wav", bytes(100))
    for options, words in (
        ({"rate": 0}, "rate=0"),
        ({"chunk_ms": 0}, "chunk_ms=0"),
        ({"chunk_ms": 2.5}, "chunk_ms=2.5"),
        ({"pace": "slow"}, "pace='slow'"),
        ({"trailing_silence_ms": -1}, "trailing_silence_ms=-1"),
    ):
        with pytest.raises(ConfigError, match=words):
            WavSource(path, **options)  # type: ignore[arg-type]
    for rate in (0, 24_000.0, "24000", None):
        for read in (read_wav, WavSource):
            with pytest.raises(ConfigError, match=rf"^rate={rate!r} is not a sample rate"):
                read(path, rate=rate)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^rate=0 "):  # before the file is looked at
        read_wav(tmp_path / "missing.wav", rate=0)
    with pytest.raises(ConfigError, match="pace='slow'"):
        WavSink(tmp_path / "a.wav", pace="slow")  # type: ignore[arg-type]
    assert not (tmp_path / "a.wav").exists()
    with pytest.raises(AudioError, match="can't write"):
        WavSink(tmp_path / "no" / "a.wav")


# -- a whole sound ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, RATE, 44100])
def test_a_whole_sound_is_written_and_read_back(
    tmp_path: Path, ramp: np.ndarray, rate: int
) -> None:
    path = tmp_path / "a.wav"
    floats = ramp.astype(np.float32) / 32768
    for audio in (ramp.tobytes(), ramp, ramp.reshape(-1, 1), floats, memoryview(ramp.tobytes())):
        write_wav(path, audio, rate=rate)
        with wave.open(str(path), "rb") as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
        assert read_wav(path, rate=rate) == ramp.tobytes()
    write_wav(str(path), b"")
    assert read_wav(path) == b"", "the longer one is replaced"


def test_what_can_not_be_written_leaves_the_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, b"ab")
    with pytest.raises(FormatError, match="3 bytes"):
        write_wav(path, b"abc")
    with pytest.raises(FormatError, match="whole WAV file"):
        write_wav(path, path.read_bytes())
    with pytest.raises(ConfigError, match="rate=0"):
        write_wav(path, b"abcd", rate=0)
    assert read_wav(path) == b"ab"
    with pytest.raises(AudioError, match="can't write"):
        write_wav(tmp_path / "no" / "a.wav", b"ab")


def test_a_disk_that_takes_only_a_part_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(AudioError, match="too large"):
            write_wav(path, bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with wave.open(str(path), "rb") as file:
        assert file.getnframes() == 0, "the header promises nothing that is not there"
    assert read_wav(path) == bytes(4096 - 44), "but what is there can be had"


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(wav) == (0, 8)


# -- the sink ------------------------------------------------------------------------------------


def test_the_sink_holds_what_was_heard(tmp_path: Path, clock: AudioClock) -> None:
    path = tmp_path / "a.wav"
    with WavSink(path, clock=clock) as sink:
        clock.advance(5)  # silence before the first word is not part of it
        sink.write(np.full(RATE, 1000, "<i2"), item_id="a")
        clock.advance(0.25)
        assert sink.played_ms("a") == 250
        assert sink.buffered_ms == 750
        sink.clear()
        clock.advance(0.25)
        sink.write(np.full(RATE // 2, -1000, "<i2"), item_id="b")
        assert sink.drain()
        assert (sink.played_ms("a"), sink.played_ms("b")) == (250, 500)
    heard = read_frames(path)[:, 0]
    assert (heard[:6000] == 1000).all()
    assert not heard[6120:12000].any()
    assert (heard[12000:24000] == -1000).all()
    assert len(heard) == 24000


def test_what_was_not_played_before_the_end_is_not_in_it(tmp_path: Path, clock: AudioClock) -> None:
    path = tmp_path / "a.wav"
    with WavSink(path, clock=clock) as sink:
        sink.write(np.full(RATE, 1000, "<i2"))
        assert not sink.drain(0.5)
        assert not sink.drain(0)
    assert len(read_frames(path)) == RATE // 2
    with pytest.raises(AudioError, match="closed"):
        sink.write(b"ab")
    assert not sink.drain()
    sink.close()


def test_a_fast_sink_plays_at_once(tmp_path: Path, clock: AudioClock) -> None:
    path = tmp_path / "a.wav"
    audio = np.arange(10000, dtype="<i2")
    with WavSink(path, pace="fast", clock=clock) as sink:
        sink.write(audio[:5000].tobytes(), item_id="a")
        sink.write(audio[5000:].tobytes(), item_id="a")
        assert sink.played_ms("a") == 10000 * 1000 // RATE
        sink.clear()
        assert sink.drain(0)
    assert read_frames(path)[:, 0].tolist() == audio.tolist()


def test_the_file_is_whole_at_any_moment(tmp_path: Path, clock: AudioClock) -> None:
    path = tmp_path / "a.wav"
    with WavSink(path, clock=clock) as sink:
        assert len(read_frames(path)) == 0
        sink.write(np.full(RATE, 1000, "<i2"))
        for number in range(1, 6):
            clock.advance(0.1)
            sink.advance()
            assert len(read_frames(path)) == number * RATE // 10


def test_more_than_the_buffer_holds_waits_for_room(tmp_path: Path, clock: AudioClock) -> None:
    with WavSink(tmp_path / "a.wav", rate=4000, clock=clock) as sink:
        began = clock()
        sink.write(bytes(2 * 4000 * 601))
        assert clock() - began == pytest.approx(1, abs=0.05)
