"""What of the microphone is the user: the source without what the sink plays into it."""

from __future__ import annotations

from collections.abc import Callable

from ..audio.base import Sink
from ..errors import ConfigError
from .effects import Part
from .playback import EchoControl, PlayedSignal, Playing

__all__ = ["Hearing"]

_TAIL_S = 0.25  # a room goes on sounding, and so does what the device's latency hides


class Hearing:
    """Cleans the source's chunks of echo, or mutes them while the sink plays.

    Args:
        sink: what is heard in the room.
        rate: sample rate of the source in Hz.
        echo: takes the echo out.
        half_duplex: nothing is heard while the sink plays, nor shortly after.
        clock: seconds, monotonic.

    Raises:
        ConfigError: ``echo`` and ``half_duplex`` at once.

    Threads:
        `clean` belongs to the uplink; all else to whoever does so to the sink.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        rate: int,
        echo: EchoControl | None,
        half_duplex: bool,
        clock: Callable[[], float],
    ) -> None:
        if echo is not None and half_duplex:
            raise ConfigError(
                "echo and half_duplex exclude one another: a microphone that is muted while the "
                "sink plays hears no echo"
            )
        self._echo = echo
        self._clock = clock
        self._muted_until = clock()
        self._playing = Playing(sink, clock=clock) if half_duplex else None
        self._played = PlayedSignal(sink, rate=rate, clock=clock) if echo is not None else None

    def write(self, audio: bytes, part: Part) -> None:
        """Note what is about to be written to the sink."""
        if self._playing is not None:
            self._playing.write(audio, part)
        if self._played is not None:
            self._played.write(audio)

    def clear(self) -> None:
        """Note that the sink was cleared."""
        if self._playing is not None:
            self._playing.clear()
        if self._played is not None:
            self._played.clear()

    def pause(self) -> None:
        """Note that the sink was paused."""
        if self._playing is not None:
            self._playing.pause()
        if self._played is not None:
            self._played.pause()

    def resume(self) -> None:
        """Note that the sink goes on."""
        if self._playing is not None:
            self._playing.resume()
        if self._played is not None:
            self._played.resume()

    def clean(self, chunk: bytes) -> bytes:
        """Return what of a chunk is the user's, as far as is known."""
        if self._playing is not None:
            return bytes(len(chunk)) if self._is_muted(self._playing) else chunk
        if self._echo is not None and self._played is not None:
            return self._echo.process(chunk, self._played.take(len(chunk) // 2))
        return chunk

    def _is_muted(self, playing: Playing) -> bool:
        now = self._clock()
        if playing():
            self._muted_until = now + _TAIL_S
        return now < self._muted_until
