"""The microphone on a device that the test turns: formats, loss, mute, level, the end."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from guards import Guard
from scripted_device import ScriptedDevice

from realtime_sync.audio import Microphone
from realtime_sync.audio import microphone as home
from realtime_sync.errors import ConfigError, DeviceError


@contextmanager
def listening(device: ScriptedDevice, **options: object) -> Iterator[Microphone]:
    with pytest.MonkeyPatch.context() as patch:
        device.install(patch, home)
        with Microphone(**options) as microphone:  # type: ignore[arg-type]
            yield microphone


def take(microphone: Microphone, count: int) -> np.ndarray:
    chunks = iter(microphone)
    return np.frombuffer(b"".join(next(chunks) for _ in range(count)), "<i2")


@pytest.mark.parametrize("device_hz", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_any_rate_on_either_side(rate: int, device_hz: int) -> None:
    turns = np.arange(device_hz * 6 // 5) / device_hz
    tone = np.sin(2 * np.pi * 440 * turns) * 12000
    # Left and right differ: only their mean is the tone.
    both = np.rint(np.stack((tone + 3000, tone - 3000), axis=1))
    device = ScriptedDevice(rate=device_hz, channels=2)
    block = device_hz // 50
    with listening(device, rate=rate) as microphone:
        for start in range(0, len(both), block):
            device.turn(both[start : start + block])
        chunks = iter(microphone)
        got = [next(chunks) for _ in range(50)]
        assert {len(chunk) for chunk in got} == {2 * (rate // 50)}
        assert microphone.dropped_chunks == 0
    heard = np.frombuffer(b"".join(got), "<i2")[rate // 10 : rate * 9 // 10]
    at = np.arange(rate // 10, rate // 10 + len(heard)) / rate
    assert np.abs(heard - np.sin(2 * np.pi * 440 * at) * 12000).max() < 30


def test_the_oldest_is_lost_and_counted() -> None:
    device = ScriptedDevice()
    with listening(device, queue_ms=100) as microphone:
        for number in range(20):
            device.turn(np.full(480, number))
        assert microphone.dropped_chunks == 15
        assert take(microphone, 5)[::480].tolist() == [15, 16, 17, 18, 19]


def test_mute_gives_silence_and_the_level_goes_on() -> None:
    device = ScriptedDevice()
    with listening(device) as microphone:
        assert microphone.level_dbfs == -math.inf
        microphone.mute()
        device.turn(np.full(480, 16384))
        assert not take(microphone, 1).any()
        assert microphone.level_dbfs == pytest.approx(-6.02, abs=0.01)
        microphone.unmute()
        device.turn(np.zeros(480))
        device.turn(np.full(480, 5))
        assert take(microphone, 2).tolist() == [0] * 480 + [5] * 480
        assert microphone.level_dbfs == pytest.approx(-76.3, abs=0.1)


def test_an_unplugged_device_ends_with_an_error_after_its_last_words() -> None:
    device = ScriptedDevice()
    with listening(device) as microphone:
        device.turn(np.full(480, 7))
        device.active = False
        chunks = iter(microphone)
        assert set(np.frombuffer(next(chunks), "<i2")) == {7}
        with pytest.raises(DeviceError, match="unplugged"):
            next(chunks)
        with pytest.raises(DeviceError, match="unplugged"):
            next(iter(microphone))
    assert device.closed == 1
    assert list(microphone) == []


def test_a_reader_that_waits_is_told(guard: Guard) -> None:
    device = ScriptedDevice()
    errors: list[DeviceError] = []

    def read() -> None:
        try:
            for _ in microphone:
                started.set()
        except DeviceError as exc:
            errors.append(exc)

    started = threading.Event()
    with listening(device) as microphone:
        reader = threading.Thread(target=read)
        reader.start()
        device.turn(np.zeros(480))
        guard.wait(started, "the first chunk")
        device.active = False
        guard.join(reader)
    assert "unplugged" in str(errors[0])


def test_a_device_that_only_hangs_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_LOOK_S", 0.01)
    monkeypatch.setattr(home, "_STALL_S", 0.05)
    with (
        listening(ScriptedDevice()) as microphone,
        pytest.raises(DeviceError, match=r"nothing came for 0\.05 s"),
    ):
        next(iter(microphone))


def test_a_device_that_does_not_start_is_closed() -> None:
    device = ScriptedDevice()
    device.refusal = DeviceError("it is busy")
    with pytest.raises(DeviceError, match="busy"), listening(device):
        pass
    assert device.closed == 1


@pytest.mark.parametrize("begun", [True, False])
def test_the_last_samples_come_when_it_is_closed(begun: bool) -> None:
    """Also those of a chunk that was not full, and what was heard before anybody iterates."""
    device = ScriptedDevice()
    with listening(device) as microphone:
        chunks = iter(microphone)
        device.turn(np.full(480, 1))
        first = [next(chunks)] if begun else []
        device.turn(np.full(100, 2))
        microphone.close()
        got = np.frombuffer(b"".join([*first, *chunks]), "<i2")
    assert got.tolist() == [1] * 480 + [2] * 100 + [0] * 380
    assert list(microphone) == []


def test_the_last_samples_of_a_resampled_device_come_too() -> None:
    device = ScriptedDevice(rate=48_000)
    with listening(device) as microphone:
        device.turn(np.full(4800, 1000))
        microphone.close()
        got = np.frombuffer(b"".join(microphone), "<i2")
    assert len(got) == 2400
    assert abs(int(got[2000]) - 1000) < 20


def test_a_queue_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="queue_ms=10"):
        Microphone(queue_ms=10)
