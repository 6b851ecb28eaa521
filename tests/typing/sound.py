"""Sources and sinks of users: never run, only checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from realtime_sync import RealtimeConnection
from realtime_sync.audio import (
    Sink,
    SinkWrapper,
    Source,
    Speaker,
    StereoRecorder,
    VirtualSpeaker,
    play,
    write_wav,
)
from realtime_sync.voice import VoiceLoop


class Lines(Source):
    """Derives, and has all that it must have; a class attribute is enough for the rate."""

    rate = 24_000

    def __iter__(self) -> Iterator[bytes]:
        yield bytes(960)

    def close(self) -> None:
        pass


class OwnLines:
    """Does not derive."""

    def __init__(self) -> None:
        self.rate = 24_000

    def __iter__(self) -> Iterator[bytes]:
        yield bytes(960)

    def close(self) -> None:
        pass


class Quieter(SinkWrapper):
    """Changes one method, and passes on the rest."""

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        super().write(bytes(len(audio)), item_id=item_id, content_index=content_index)


class Unfinished(Sink):
    """Lacks all that a sink must have."""


def talk(connection: RealtimeConnection, recorder: StereoRecorder) -> None:
    VoiceLoop(connection, Lines(), Quieter(Speaker())).run()
    VoiceLoop(connection, recorder.source(OwnLines()), recorder.sink(VirtualSpeaker())).run()
    VoiceLoop(connection, [bytes(960)], Speaker())  # type: ignore[arg-type]
    VoiceLoop(connection, OwnLines(), OwnLines())  # type: ignore[arg-type]
    Unfinished()  # type: ignore[abstract]


def ask(sink: Sink, hear: Callable[[bytes], object]) -> int:
    """All of it is there, whatever the sink can."""
    sink.flush()
    rate: int | None = sink.listen(hear)
    paused: bool = sink.pause()
    sink.resume()
    return sink.handed_ms("item") + sink.underruns + (rate or 0) + paused


def whole_sounds(connection: RealtimeConnection, path: Path) -> int:
    """A whole sound is bytes, an array or a file."""
    reply = connection.ask("Hello!")
    reply.save(path)
    reply.save("answer.wav")
    write_wav(path, np.zeros(480, dtype=np.float32), rate=48_000)
    play(path)
    play(reply.audio, rate=24_000, device="pulse")
    play(np.zeros(480, dtype=np.int16), device=1)
    play([0, 1])  # type: ignore[arg-type]
    ms: int = reply.audio_ms
    return ms
