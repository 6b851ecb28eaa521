"""Where answers go: to a sink, which a player feeds on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .._deadline import Deadline
from ..audio.base import Sink
from ..conversation.session import SoundFormat
from .conversion import OutputConverter
from .effects import Flush, Part, Play
from .hearing import Hearing
from .player import Player

__all__ = ["Output", "SinkOutput"]


class Output(Protocol):
    """What the engine hands the sound of answers to. None of it but `drain` and `close` waits.

    Threads: `handed_ms` and `played_ms` may be called from any; all else is the engine's.
    """

    @property
    def calls_program(self) -> bool:
        """Whether `play` calls code of the program's, which only the engine's thread may."""

    @property
    def failure(self) -> BaseException | None:
        """What has ended it; None as long as it works."""

    @property
    def dropped_ms(self) -> int:
        """How many milliseconds it has refused, because too much waited."""

    @property
    def underruns(self) -> int:
        """How often it has run dry in the middle of an answer."""

    @property
    def gone(self) -> bool:
        """Whether nobody will hear anything any more."""

    @property
    def idle(self) -> bool:
        """Whether all was heard that was to be heard."""

    def start(self) -> None:
        """Begin to play; once."""

    def play(self, play: Play) -> bool:
        """Have a piece of an answer heard after all before it; False if there is no room."""

    def flush(self, end: Flush) -> bool:
        """Take that a part is complete; False if there was no room for the last of it."""

    def skip(self) -> None:
        """Take that some audio is missing here: what comes next begins with a whole sample."""

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """Fall silent, and forget all; return how much of each part was handed out, in ms."""

    def pause(self) -> bool:
        """Fall silent, but keep what was not heard for `resume`; False if it can't."""

    def resume(self) -> None:
        """Go on where `pause` stopped."""

    def handed_ms(self, part: Part) -> int:
        """Return how much of a part can't be recalled any more."""

    def played_ms(self, part: Part) -> int:
        """Return how much of a part was heard."""

    def drain(self, timeout: float) -> bool:
        """Wait until it is `idle`, ``timeout`` seconds at most; return whether it is."""

    def close(self, deadline: Deadline) -> None:
        """End; more than once is fine."""


class SinkOutput:
    """Converts answers to the rate and form of a sink, and has a `Player` feed it.

    Args:
        sink: what is heard.
        hearing: is told what the sink plays.
        sound_format: of the audio that comes, at this moment.
        on_failure: gets what the sink has raised, in the player's thread.
    """

    calls_program = False

    def __init__(
        self,
        sink: Sink,
        hearing: Hearing,
        *,
        sound_format: Callable[[], SoundFormat],
        on_failure: Callable[[BaseException], object],
    ) -> None:
        self._sink = sink
        self._format = sound_format
        self._player = Player(sink, hearing, on_failure=on_failure)
        self._converter = OutputConverter(sink.rate)
        self.start = self._player.start
        self.pause = self._player.pause
        self.resume = self._player.resume
        self.drain = self._player.drain
        self.close = self._player.close

    @property
    def failure(self) -> BaseException | None:
        """What the sink has raised."""
        return self._player.failure

    @property
    def dropped_ms(self) -> int:
        """See `Output.dropped_ms`."""
        return self._player.dropped_ms

    @property
    def underruns(self) -> int:
        """See `Output.underruns`."""
        return self._sink.underruns

    @property
    def gone(self) -> bool:
        """See `Output.gone`."""
        return self._sink.gone

    @property
    def idle(self) -> bool:
        """See `Output.idle`; the sink takes the question for the end of an item."""
        return self._player.idle

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        return self._give(self._converter.convert(play.audio, play.part, self._format()))

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        fits = self._give(self._converter.finish())
        self._player.flush()
        return fits

    def skip(self) -> None:
        """See `Output.skip`."""
        self._converter.clear()

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """See `Output.silence`."""
        self._converter.clear()
        return self._player.silence(parts)

    def handed_ms(self, part: Part) -> int:
        """See `Output.handed_ms`."""
        return self._sink.handed_ms(*part)

    def played_ms(self, part: Part) -> int:
        """See `Output.played_ms`."""
        return self._sink.played_ms(*part)

    def _give(self, pieces: list[tuple[Part, bytes]]) -> bool:
        taken = [self._player.play(pcm, part) for part, pcm in pieces]
        return all(taken)
