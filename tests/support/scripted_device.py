"""A sound device that the test turns by hand, in the place of PortAudio's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from audio_clock import AudioClock


class ScriptedDevice:
    """What `open_stream` returns while it is installed; nothing happens but by `turn`.

    Attributes:
        active: False once the device was unplugged.
        closed: how often it was closed.
        asked_for: which device the program has asked for.
    """

    def __init__(self, *, rate: int = 24_000, channels: int = 1, latency_s: float = 0.0) -> None:
        self.rate = rate
        self.channels = channels
        self.latency_s = latency_s
        self.active = False
        self.closed = 0
        self.asked_for: object = None
        self.refusal: Exception | None = None  # what `start` raises
        self._callback: Callable[[bytes | None, int], bytes | None] | None = None
        self._frames = 0

    def install(self, patch: pytest.MonkeyPatch, module: ModuleType) -> None:
        """Have ``module`` (the microphone's or the speaker's) find this device and no other."""

        def open_stream(
            _direction: str,
            *,
            device: object,
            rate: int,
            frames_per_buffer: Callable[[int], int],
            callback: Callable[[bytes | None, int], bytes | None],
        ) -> ScriptedDevice:
            self._callback, self._frames = callback, frames_per_buffer(self.rate)
            self.asked_for = device
            return self

        patch.setattr(module, "open_stream", open_stream)

    def start(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.active = True

    def close(self) -> None:
        self.active = False
        self.closed += 1

    @property
    def block_frames(self) -> int:
        """How much one callback brings."""
        return self._frames

    @property
    def block_s(self) -> float:
        """What one callback is worth, in seconds."""
        return self._frames / self.rate

    def turn(self, heard: np.ndarray | None = None) -> np.ndarray:
        """Call the callback as the device would; returns what it played, (frames, channels)."""
        assert self._callback is not None
        data = None if heard is None else heard.astype("<i2").tobytes()
        out = self._callback(data, self._frames)
        if out is None:
            return np.empty((0, self.channels), "<i2")
        assert len(out) == 2 * self._frames * self.channels, "PyAudio stops the stream on fewer"
        return np.frombuffer(out, "<i2").reshape(-1, self.channels)


class DeviceClock(AudioClock):
    """A clock by which a device plays while somebody waits, and keeps what it played."""

    def __init__(self, device: ScriptedDevice) -> None:
        super().__init__()
        self._device = device
        self.played: list[np.ndarray] = []

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not self._device.active:
            return super().wait(event, seconds)
        self.advance(self._device.block_s)
        self.played.append(self._device.turn())
        return True
