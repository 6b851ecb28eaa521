"""A conversation as a stereo WAV file: the user on the left, the assistant on the right."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from .._typing import Self
from .._uncopied import Uncopied
from ._clock import SYSTEM_CLOCK, Clock
from ._input_file import StrPath
from ._wavfile import WavWriter
from .base import SinkLike, SinkWrapper, SourceLike, SourceWrapper
from .pcm import require_rate, to_pcm16
from .virtual import VirtualSpeaker

__all__ = ["RecordedSink", "RecordedSource", "StereoRecorder"]

# How far the user's side may be behind the clock before silence takes its place: chunks come in
# bursts when the machine is busy, and a hole must not be made of that.
_SLACK_MS = 500


class StereoRecorder(Uncopied):
    """Records both sides of a conversation in step, the assistant as it was heard.

    Put it around the source and the sink of a conversation::

        with StereoRecorder("talk.wav") as recorder:
            VoiceLoop(connection, recorder.source(microphone), recorder.sink(speaker)).run()

    What an interruption threw away is not in the recording. The file is whole at any moment,
    even if the program crashes. It is meant for conversations in real time.

    Args:
        path: the file; an existing one is replaced.
        rate: sample rate in Hz of both sides.
        clock: for tests.

    Raises:
        AudioError: the file can't be written.
        ConfigError: the rate is wrong.

    Threads:
        Any thread may call any method.
    """

    def __init__(self, path: StrPath, *, rate: int = 24000, clock: Clock = SYSTEM_CLOCK) -> None:
        self.rate = require_rate(rate)
        self._clock = clock
        self._writer = WavWriter(path, rate=self.rate, channels=2)
        self._speaker = VirtualSpeaker(rate=rate, tap=self._hear, clock=clock)
        # Keeps both sides and the file in step (held across writes to it, as a send lock is),
        # and guards everything below.
        self._file_lock = threading.Lock()
        self._began: float | None = None
        self._left = bytearray()  # what is not in the file yet
        self._right = bytearray()
        self._frames = 0  # what is
        self._closed = False

    def source(self, source: SourceLike) -> RecordedSource:
        """Return ``source`` with an ear on it.

        Raises:
            ConfigError: it lacks something that a source must have.
        """
        return RecordedSource(source, self)

    def sink(self, sink: SinkLike) -> RecordedSink:
        """Return ``sink`` with an ear on it.

        Raises:
            ConfigError: it lacks something that a sink must have.
        """
        return RecordedSink(sink, self._speaker, self)

    def start(self) -> None:
        """Begin the recording's time now; otherwise it begins with the first audio."""
        with self._file_lock:
            if self._began is None:
                self._began = self._clock()
        self._speaker.start()  # outside: its tap comes back for the lock

    def add_user(self, pcm: bytes) -> None:
        """Record what the user just said (PCM16).

        Raises:
            FormatError: ``pcm`` is not PCM16.
        """
        pcm = to_pcm16(pcm)
        self.start()
        with self._file_lock:
            if self._closed:
                return
            self._pad_left_locked(self._now_locked() - len(pcm) // 2)
            self._left += pcm
        self._speaker.advance()

    def close(self) -> None:
        """Complete the file and close it. May be called again."""
        self._speaker.close()
        with self._file_lock:
            if self._closed:
                return
            self._closed = True
            frames = max(len(self._left), len(self._right))
            self._left = self._left.ljust(frames, b"\0")
            self._right = self._right.ljust(frames, b"\0")
            self._write_locked()
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _hear(self, pcm: bytes) -> None:
        """Take what the assistant's virtual speaker plays, pauses included."""
        with self._file_lock:
            self._right += pcm
            self._pad_left_locked(self._frames + len(self._right) // 2)
            self._write_locked()

    def _now_locked(self) -> int:
        return 0 if self._began is None else round((self._clock() - self._began) * self.rate)

    def _pad_left_locked(self, frames: int) -> None:
        missing = frames - self._frames - len(self._left) // 2
        if missing > self.rate * _SLACK_MS // 1000:
            self._left += bytes(2 * missing)

    def _write_locked(self) -> None:
        frames = min(len(self._left), len(self._right)) // 2
        if not frames:
            return
        stereo = np.empty((frames, 2), dtype="<i2")
        stereo[:, 0] = np.frombuffer(bytes(self._left[: 2 * frames]), dtype="<i2")
        stereo[:, 1] = np.frombuffer(bytes(self._right[: 2 * frames]), dtype="<i2")
        del self._left[: 2 * frames], self._right[: 2 * frames]
        self._frames += frames
        self._writer.write(stereo.tobytes())


class RecordedSource(SourceWrapper):
    """A source whose chunks are recorded on their way."""

    def __init__(self, source: SourceLike, recorder: StereoRecorder) -> None:
        super().__init__(source)
        self._recorder = recorder

    def __iter__(self) -> Iterator[bytes]:
        self._recorder.start()
        for chunk in super().__iter__():
            self._recorder.add_user(chunk)
            yield chunk


class RecordedSink(SinkWrapper):
    """A sink whose audio is recorded in the time in which it is played.

    What the sink does, its shadow does: a virtual speaker that plays into the recording.
    """

    def __init__(self, sink: SinkLike, shadow: VirtualSpeaker, recorder: StereoRecorder) -> None:
        super().__init__(sink)
        self._shadow = shadow
        self._recorder = recorder

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play and record ``audio``."""
        self._recorder.start()
        super().write(audio, item_id=item_id, content_index=content_index)
        self._shadow.write(audio, item_id=item_id, content_index=content_index)

    def clear(self) -> None:
        """Fall silent at once."""
        super().clear()
        self._shadow.clear()

    def pause(self) -> bool:
        """Fall silent at once and keep what was not played; False when the sink can't."""
        paused = super().pause()
        if paused:  # else it is still heard, and so still recorded
            self._shadow.pause()
        return paused

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        super().resume()
        self._shadow.resume()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was played; False when ``timeout`` seconds were not enough."""
        done = super().drain(timeout)
        self._shadow.advance()
        return done
