"""An output that lets what is said for slow tools be heard before the answer, but not for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..conversation.session import SoundFormat
from ..voice.effects import SLACK_MS, Flush, Part, Play
from ..voice.output import Output
from .answer_outputs import OutputWrapper
from .notes import FillerCut

__all__ = ["FillerOutput"]

_MOST_S = 2.0


class FillerOutput(OutputWrapper):
    """Plays a filler as an item of its own; an answer that comes meanwhile waits for its end.

    It waits for two seconds at most. Then the filler falls silent, and the answer begins.

    Args:
        output: plays.
        report: tells the program of a filler that was cut; called in the engine's thread.
        sound_format: of the audio that comes, at this moment.
        is_wanted: whether a filler may still begin.
        clock: seconds, monotonic.

    Threads: as `Output`; what is its own belongs to the engine's.
    """

    def __init__(
        self,
        output: Output,
        report: Callable[[object], None],
        *,
        sound_format: Callable[[], SoundFormat],
        is_wanted: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(output)
        self._report = report
        self._format = sound_format
        self._is_wanted = is_wanted
        self._clock = clock
        self._response_id: str | None = None  # of the filler; its sound is no answer's
        self._part: Part | None = None  # what it plays
        self._received_bytes = 0
        self._complete = True  # no more of it comes
        self._held: deque[Play | Flush] = deque()  # what waits for its end
        self._held_until = 0.0

    # -- the filler ------------------------------------------------------------------------------

    def expect(self, response_id: str) -> None:
        """Take that the sound of a response, or of a clip where it is "", is a filler."""
        self._response_id = response_id
        self._part = None
        self._received_bytes = 0
        self._complete = False

    def complete(self) -> None:
        """Take that no more of the filler comes; what there is of it is heard."""
        self._response_id = None
        self._complete = True

    @property
    def sounds(self) -> bool:
        """Whether a filler has begun that is not heard to its end."""
        return self._part is not None and (not self._complete or self._left_ms > SLACK_MS)

    @property
    def due_at(self) -> float | None:
        """When `look` is to be called at the latest; None for never."""
        return self._held_until if self._held else None

    def look(self) -> bool:
        """Let what waits begin when its time has come; return whether that has cut the filler."""
        if not self._held:
            return False
        cut = self.sounds and self._clock() >= self._held_until
        if cut:
            super().silence(())
            self._forget_filler()
        if not self._must_wait(self._held_until - self._clock()):
            while self._held:
                self._hand_on(self._held.popleft())
        return cut

    # -- what is played --------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """See `Output.idle`: what waits is to be heard, too."""
        return not self._held and super().idle

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        if play.response_id == self._response_id:
            return self._play_filler(play)
        return self._play_answer(play)

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        if self._held and end.response_id != self._response_id:
            self._held.append(end)
            return True
        return super().flush(end)

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """See `Output.silence`."""
        self._held.clear()
        if self.sounds:
            self._forget_filler()
        return super().silence(parts)

    def _play_filler(self, play: Play) -> bool:
        if self._part is None and not self._is_wanted():
            return True
        if not super().play(play):
            return False
        if play.part != self._part:
            self._part, self._received_bytes = play.part, 0
        self._received_bytes += len(play.audio)
        return True

    def _play_answer(self, play: Play) -> bool:
        if self._held:
            self._held.append(play)
            return True
        if self._must_wait(_MOST_S):
            self._held.append(play)
            self._held_until = self._clock() + _MOST_S
            return True
        return super().play(play)

    def _must_wait(self, most_s: float) -> bool:
        """Whether the filler may go on for longer than that, so that it may have to be cut."""
        return self.sounds and (not self._complete or self._left_ms > most_s * 1000)

    def _hand_on(self, each: Play | Flush) -> None:
        if isinstance(each, Play):
            super().play(each)
        else:
            super().flush(each)

    def _forget_filler(self) -> None:
        assert self._part is not None, "only what sounds is cut"
        self._report(FillerCut(self._part))
        self.complete()
        self._part = None

    @property
    def _left_ms(self) -> int:
        assert self._part is not None, "it has begun"
        received_ms = int(self._received_bytes * 1000 / self._format().bytes_per_s)
        return received_ms - self.played_ms(self._part)
