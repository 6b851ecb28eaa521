"""The speaker on a device that the test turns: rates, limits, volume, pauses, the end."""

from __future__ import annotations

import functools
import resource
import threading
import time
import tracemalloc
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from guards import Guard
from scripted_device import DeviceClock, ScriptedDevice

from realtime_sync._signal_safe import Stopped, StopSignal
from realtime_sync.audio import Sound, Speaker, play, write_wav
from realtime_sync.audio import speaker as home
from realtime_sync.errors import AudioError, ConfigError, DeviceError, FormatError

RATE = 24000
MS = RATE // 1000
BLOCK = 40 * MS


def level(ms: int, value: int = 1000) -> np.ndarray:
    return np.full(ms * MS, value, "<i2")


@contextmanager
def playing(device: ScriptedDevice, **options: object) -> Iterator[tuple[Speaker, DeviceClock]]:
    with pytest.MonkeyPatch.context() as patch:
        device.install(patch, home)
        clock = DeviceClock(device)
        options = {"prebuffer_ms": 0, **options}
        with Speaker(clock=clock, **options) as speaker:  # type: ignore[arg-type]
            yield speaker, clock


def heard(clock: DeviceClock) -> np.ndarray:
    return np.concatenate(clock.played)[:, 0]


@pytest.mark.parametrize("device_hz", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_any_rate_on_either_side(rate: int, device_hz: int) -> None:
    turns = np.arange(rate) / rate
    tone = np.rint(np.sin(2 * np.pi * 440 * turns) * 12000).astype("<i2")
    with playing(ScriptedDevice(rate=device_hz, channels=2), rate=rate) as (speaker, clock):
        for start in range(0, rate, rate // 10):
            speaker.write(tone[start : start + rate // 10], item_id="a")
        assert speaker.drain(10)
        assert speaker.played_ms("a") in (999, 1000)
    frames = np.concatenate(clock.played)
    assert np.array_equal(frames[:, 0], frames[:, 1])
    middle = frames[device_hz // 10 : device_hz * 9 // 10, 0].astype(float)
    at = np.arange(device_hz // 10, device_hz * 9 // 10) / device_hz
    assert np.abs(middle - np.sin(2 * np.pi * 440 * at) * 12000).max() < 30


def test_what_is_heard_lags_behind_what_was_handed_over() -> None:
    device = ScriptedDevice(latency_s=0.1)
    with playing(device) as (speaker, clock):
        speaker.write(level(200), item_id="a", content_index=1)
        for _ in range(4):
            device.turn()
        assert speaker.handed_ms("a", 1) == 160
        assert speaker.played_ms("a", 1) == 60
        assert speaker.played_ms("a", 0) == 0
        assert speaker.drain(10)
        assert speaker.played_ms("a", 1) == 200
        assert clock() == pytest.approx(1000.16)  # 40 ms of sound and three more blocks


def test_a_full_buffer_holds_the_writer_back() -> None:
    with playing(ScriptedDevice(), buffer_ms=100) as (speaker, clock):
        speaker.write(level(1000, 7))
        assert clock() == pytest.approx(1000.92)
        assert speaker.buffered_ms <= 100
        assert speaker.drain(10)
        assert speaker.dropped_ms == 0
    assert np.count_nonzero(heard(clock) == 7) == 1000 * MS


def test_a_clear_lets_go_of_the_writer_and_of_what_it_held() -> None:
    device = ScriptedDevice()
    with playing(device, buffer_ms=100) as (speaker, clock):
        turn = device.turn

        def clear_once(*_: object) -> np.ndarray:
            device.turn = turn  # type: ignore[method-assign]
            out = turn()
            speaker.clear()
            return out

        device.turn = clear_once  # type: ignore[method-assign, assignment]
        speaker.write(level(1000, 700), item_id="a")
        assert speaker.buffered_ms == 0
        speaker.write(level(10, 8), item_id="b")
        assert speaker.drain(10)
        assert speaker.handed_ms("a") == 40
    sound = heard(clock)
    assert np.count_nonzero(sound == 700) in (40 * MS, 40 * MS + 1)  # the fade begins at its level
    assert np.count_nonzero(sound == 8) >= 10 * MS


def test_a_full_buffer_can_drop_instead() -> None:
    with playing(ScriptedDevice(), buffer_ms=100, when_full="drop") as (speaker, clock):
        speaker.write(level(150, 7))
        speaker.write(level(50, 8))
        assert clock() == 1000
        assert speaker.dropped_ms == 100
        assert speaker.drain(10)
    assert np.count_nonzero(heard(clock)) == 100 * MS


def test_a_pause_keeps_what_was_not_played() -> None:
    device = ScriptedDevice()
    with playing(device) as (speaker, clock):
        speaker.write(level(120), item_id="a")
        device.turn()
        speaker.pause()
        fading = device.turn()[:, 0].astype(int)
        assert (np.diff(fading) <= 0).all()
        assert not fading[5 * MS :].any()
        assert not device.turn().any()
        assert (speaker.handed_ms("a"), speaker.buffered_ms) == (45, 75)
        assert not speaker.drain(1)
        speaker.resume()
        rising = device.turn()[:, 0].astype(int)
        assert (np.diff(rising) >= 0).all()
        assert (rising[5 * MS :] == 1000).all()
        speaker.flush()
        assert speaker.drain(10)
        assert (speaker.handed_ms("a"), speaker.underruns) == (120, 0)
        assert clock() > 1000


def test_a_clear_in_a_pause_makes_no_sound() -> None:
    device = ScriptedDevice()
    with playing(device) as (speaker, _):
        speaker.write(level(120), item_id="a")
        speaker.pause()
        device.turn()
        speaker.clear()
        assert not device.turn().any()
        speaker.resume()
        speaker.write(level(120), item_id="b")
        assert device.turn().any()
        assert speaker.handed_ms("a") == 0


def test_the_volume_changes_without_a_click_and_clips() -> None:
    device = ScriptedDevice()
    with playing(device) as (speaker, _):
        speaker.write(level(400, 20000))
        assert (device.turn() == 20000).all()
        speaker.gain = 0.5
        steps = np.diff(device.turn()[:, 0].astype(int))
        assert (steps <= 0).all()
        assert steps.min() >= -20
        assert (device.turn() == 10000).all()
        speaker.gain = 4
        device.turn()
        assert (device.turn() == 32767).all()
        speaker.gain = 0.0
        device.turn()
        assert not device.turn().any()
        assert speaker.gain == 0.0
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(ConfigError, match="volume"):
                speaker.gain = wrong


def test_the_tap_holds_what_the_device_was_handed(tmp_path: Path) -> None:
    path = tmp_path / "handed.wav"
    device = ScriptedDevice(rate=48000, channels=2)
    with playing(device, tap=path) as (speaker, clock):
        speaker.write(level(200), item_id="a")
        assert speaker.drain(10)
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (48000, 2)
        data = file.readframes(file.getnframes())
    assert data == np.concatenate(clock.played).tobytes()
    with pytest.raises(AudioError, match="can't write"), playing(device, tap=tmp_path / "no" / "x"):
        pass
    assert device.closed == 2


def test_a_full_disk_ends_the_recording_and_not_the_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with playing(ScriptedDevice(), tap=tmp_path / "a.wav") as (speaker, clock):
            speaker.write(level(200))
            assert speaker.drain(10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert np.count_nonzero(heard(clock)) == 200 * MS
    assert "recording ends here" in caplog.text
    with pytest.raises(AudioError, match="No space"), playing(ScriptedDevice(), tap="/dev/full"):
        pass


def test_an_hour_goes_through_in_constant_memory() -> None:
    """Faster than real time, resampled, onto a stereo device, an item every ten seconds."""
    second = np.random.default_rng(1).integers(-9000, 9000, RATE).astype("<i2")
    device = ScriptedDevice(rate=48000, channels=2)
    memory = psutil.Process().memory_info
    sizes: list[int] = []
    began = time.monotonic()
    with playing(device, buffer_ms=2000) as (speaker, clock):
        for number in range(3600):
            speaker.write(second, item_id=f"item_{number // 10}")
            clock.played.clear()
            if number % 300 == 299:
                sizes.append(memory().rss)
        speaker.flush()
        assert speaker.drain(10)
        assert speaker.underruns == 0
        assert [speaker.handed_ms(f"item_{n}") for n in (110, 358, 359)] == [10000] * 3
        assert clock() - 1000 == pytest.approx(3600, abs=0.1)
    mebibytes = [round(size / 2**20, 1) for size in sizes]
    print(f"an hour in {time.monotonic() - began:.1f} s; MiB every five minutes: {mebibytes}")
    # An hour is 165 MiB as it is written, and 659 MiB as it is played.
    assert max(sizes) - sizes[0] < 8 * 2**20


def test_the_callback_makes_no_more_than_its_answer() -> None:
    device = ScriptedDevice(rate=48000, channels=2)
    answer = 48000 * 40 // 1000 * 2 * 2
    with playing(device) as (speaker, _):
        speaker.gain = 0.7
        speaker.write(level(5000), item_id="a")
        for _ in range(3):
            device.turn()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            device.turn()
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    print(f"a callback: {answer} bytes of answer, {peak - before} made, {after - before} kept")
    assert peak - before < answer + 2000
    assert after - before < 1000


def test_an_unplugged_device_is_an_error_for_everybody() -> None:
    device = ScriptedDevice()
    with playing(device) as (speaker, _):
        speaker.write(level(100))
        device.active = False
        for use in (lambda: speaker.write(b"ab"), speaker.drain, lambda: speaker.drain(1)):
            with pytest.raises(DeviceError, match="unplugged"):
                use()
        speaker.clear()
        assert speaker.played_ms("a") == 0
    assert device.closed == 1


def test_a_device_that_only_hangs_is_one_too() -> None:
    device = ScriptedDevice()
    with playing(device, buffer_ms=100) as (speaker, clock):
        clock.wait = lambda _event, seconds: clock.advance(seconds)  # type: ignore[assignment, method-assign, func-returns-value]
        with pytest.raises(DeviceError, match="asked for no audio for 5 s"):
            speaker.write(level(200))
        assert clock() == pytest.approx(1005, abs=0.3)


def test_a_device_that_does_not_start_is_closed() -> None:
    device = ScriptedDevice()
    device.refusal = DeviceError("it is busy")
    with pytest.raises(DeviceError, match="busy"), playing(device):
        pass
    assert device.closed == 1


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="when_full='panic'"):
        Speaker(when_full="panic")  # type: ignore[arg-type]
    for options in ({"prebuffer_ms": -1}, {"prebuffer_ms": 200, "buffer_ms": 100}):
        with pytest.raises(ConfigError, match="prebuffer_ms"):
            Speaker(**options)
    with pytest.raises(ConfigError, match="buffer_ms=0"):
        Speaker(prebuffer_ms=0, buffer_ms=0)


# -- a whole sound ---------------------------------------------------------------------------------


@pytest.fixture
def device() -> ScriptedDevice:
    return ScriptedDevice()


@pytest.fixture
def clock(device: ScriptedDevice, monkeypatch: pytest.MonkeyPatch) -> DeviceClock:
    """The clock of the speakers that `play` makes; the device turns while they wait."""
    device.install(monkeypatch, home)
    clock = DeviceClock(device)
    monkeypatch.setattr(home, "Speaker", functools.partial(Speaker, clock=clock))
    return clock


@pytest.mark.parametrize("ms", [0, 40, 3000])
def test_a_whole_sound_is_played_at_once_and_to_its_end(
    device: ScriptedDevice, clock: DeviceClock, tmp_path: Path, ms: int
) -> None:
    sent = level(ms)
    path = tmp_path / "a.wav"
    write_wav(path, sent)
    for number, audio in enumerate((sent.tobytes(), sent, sent / np.float32(32768), path), 1):
        clock.played.clear()
        play(audio)
        samples = heard(clock) if clock.played else np.empty(0, "<i2")
        assert np.count_nonzero(samples) == len(sent)
        assert not ms or samples[0], "it waits for no cushion"
        assert device.closed == number


def test_a_file_is_played_at_its_own_rate(
    device: ScriptedDevice, clock: DeviceClock, tmp_path: Path
) -> None:
    device.rate = 48_000
    path = tmp_path / "a.wav"
    write_wav(path, np.full(8000, 1000, "<i2"), rate=8000)
    for audio in (str(path), Sound(np.full(8000, 1000, "<i2").tobytes(), 8000)):
        clock.played.clear()
        play(audio, rate=24_000)
        assert np.count_nonzero(heard(clock) > 500) == pytest.approx(48_000, rel=0.01)


def test_what_can_not_be_played_opens_no_device(device: ScriptedDevice, tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("this is not sound, but long enough to have had a header")
    path = tmp_path / "a.wav"
    write_wav(path, b"ab")
    wrong: tuple[tuple[object, type[Exception], str], ...] = (
        (b"abc", FormatError, "3 bytes"),
        ([0, 1], FormatError, "list"),
        (np.zeros(4), FormatError, "float64"),
        (text, FormatError, "is text, not WAV"),
        (path.read_bytes(), FormatError, "whole WAV file"),
        (np.frombuffer(path.read_bytes(), "<i2"), FormatError, "whole WAV file"),
        (str(tmp_path / "none.wav"), AudioError, "No such file"),
    )
    for audio, error, words in wrong:
        with pytest.raises(error, match=words):
            play(audio)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="rate=0"):
        play(b"ab", rate=0)
    assert device.closed == 0


def test_a_device_that_is_busy_is_told_of(device: ScriptedDevice, clock: DeviceClock) -> None:
    device.refusal = DeviceError("it is busy")
    with pytest.raises(DeviceError, match="it is busy"):
        play(level(100))


def test_the_end_of_an_app_breaks_it_off(
    device: ScriptedDevice, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that takes nothing, so that it would play for ever."""
    device.install(monkeypatch, home)
    signal = StopSignal()
    caught: list[BaseException] = []

    def work() -> None:
        try:
            play(bytes(48_000))
        except BaseException as exc:
            caught.append(exc)

    thread = threading.Thread(target=lambda: signal.run(work))
    thread.start()
    guard.until(lambda: device.active, "the device")
    signal.announce()
    guard.join(thread)
    assert [type(exc) for exc in caught] == [Stopped]
    guard.until(lambda: device.closed, "the end of the device")
