"""Recording, on a microphone that the test turns by hand."""

from __future__ import annotations

import io
import threading
import wave
from typing import Any

import numpy as np
import pytest
from guards import Guard
from scripted_device import ScriptedDevice

from realtime_sync._signal_safe import Stopped, StopSignal
from realtime_sync.app import Context, Realtime, record, record_as_stream
from realtime_sync.audio import microphone
from realtime_sync.errors import DeviceError
from realtime_sync.testing import ScriptedClient, ScriptedServer


def pcm_of(file: io.BytesIO) -> bytes:
    with wave.open(file) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
        assert reader.getframerate() == 24_000
        return reader.readframes(reader.getnframes())


def spoken(count: int) -> np.ndarray[Any, Any]:
    return np.arange(1, count + 1, dtype="<i2")


def turn(device: ScriptedDevice, samples: np.ndarray[Any, Any]) -> None:
    """Have the device deliver exactly these samples."""
    assert device._callback is not None
    frame = np.repeat(samples, device.channels).astype("<i2").tobytes()
    device._callback(frame, len(samples))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> ScriptedDevice:
    found = ScriptedDevice()
    found.install(monkeypatch, microphone)
    return found


def test_all_that_was_heard(device: ScriptedDevice) -> None:
    """Also what is less than a chunk: half a second was lost by the original."""
    samples = spoken(12_345)

    def until() -> None:
        for at in range(0, len(samples), 500):
            turn(device, samples[at : at + 500])

    heard = np.frombuffer(pcm_of(record(until)), "<i2")
    assert np.array_equal(heard[: len(samples)], samples)
    assert not heard[len(samples) :].any(), "the last piece is filled up with silence"
    assert len(heard) - len(samples) < 960
    assert device.closed == 1


def test_a_stream_loses_no_tail(device: ScriptedDevice) -> None:
    samples = spoken(1000)
    pieces = [pcm_of(file) for file in record_as_stream(lambda: turn(device, samples))]
    heard = np.frombuffer(b"".join(pieces), "<i2")
    assert np.array_equal(heard[:1000], samples)
    assert device.closed == 1


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (16_000, 1)])
def test_a_device_of_any_rate(monkeypatch: pytest.MonkeyPatch, rate: int, channels: int) -> None:
    device = ScriptedDevice(rate=rate, channels=channels)
    device.install(monkeypatch, microphone)
    samples = (np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) * 8000).astype("<i2")
    heard = np.frombuffer(pcm_of(record(lambda: turn(device, samples))), "<i2")
    assert 24_000 <= len(heard) < 24_000 + 960
    expected = np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 8000
    inside = slice(1000, 23_000)
    assert np.corrcoef(heard[inside].astype(float), expected[inside])[0, 1] > 0.99


def test_pieces_come_while_it_goes_on(device: ScriptedDevice) -> None:
    go_on, guard = threading.Event(), Guard()
    stream = record_as_stream(lambda: guard.wait(go_on, "the end"))
    turning = threading.Thread(target=lambda: guard.until(lambda: device.active, "the device"))
    turning.start()

    def feed() -> None:
        guard.join(turning)
        turn(device, spoken(2000))

    feeding = threading.Thread(target=feed)
    feeding.start()
    assert np.array_equal(np.frombuffer(pcm_of(next(stream)), "<i2"), spoken(2000)[:960])
    guard.join(feeding)
    go_on.set()
    assert len(list(stream)) == 2


def test_what_the_wait_raises_is_raised_here(device: ScriptedDevice) -> None:
    def until() -> None:
        raise LookupError("no keyboard")

    with pytest.raises(LookupError, match="no keyboard"):
        record(until)
    assert device.closed == 1


def test_a_microphone_that_fails(device: ScriptedDevice) -> None:
    device.refusal = DeviceError("it is busy")
    with pytest.raises(DeviceError, match="it is busy"):
        record(lambda: None)


def test_a_microphone_that_fails_ends_the_app(device: ScriptedDevice) -> None:
    device.refusal = DeviceError("it is busy")
    app = Realtime("gpt-realtime", client=ScriptedClient(ScriptedServer()))

    @app.sender()
    def send(context: Context) -> io.BytesIO:
        return record(lambda: None)

    with pytest.raises(DeviceError, match="it is busy"):
        app.run()


def test_the_end_of_the_app_ends_a_recording(device: ScriptedDevice) -> None:
    signal, guard = StopSignal(), Guard()
    caught: list[BaseException] = []

    def capture() -> None:
        try:
            for _ in record_as_stream():
                pass
        except BaseException as exc:
            caught.append(exc)

    thread = threading.Thread(target=lambda: signal.run(capture))
    thread.start()
    guard.until(lambda: device.active, "the device")
    signal.announce()
    guard.join(thread)
    assert [type(exc) for exc in caught] == [Stopped]
    assert device.closed == 1


def test_what_waits_for_its_end_belongs_to_the_app_as_well(device: ScriptedDevice) -> None:
    signal = StopSignal()
    found: list[Any] = []
    signal.run(lambda: record(lambda: found.append(StopSignal.current())))
    assert found == [signal]


def test_a_stream_that_is_left_gives_the_device_back(device: ScriptedDevice) -> None:
    stream = record_as_stream()
    thread = threading.Thread(target=lambda: next(stream))
    thread.start()
    Guard().until(lambda: device.active, "the device")
    turn(device, spoken(960))
    Guard().join(thread)
    stream.close()  # type: ignore[attr-defined]
    assert device.closed == 1
