"""How long each turn took, measured where it is felt: at the sink."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from .effects import Part
from .events import TurnMetrics

__all__ = ["TurnMeter"]


@define
class _TurnTimes:
    """When what of a turn happened, in the clock's seconds."""

    speech_ended_at: float | None
    underruns: int
    first_delta_at: float | None = None
    first_part: Part | None = None
    first_played_at: float | None = None
    interruption_ms: float | None = None


class TurnMeter:
    """Follows one turn after the other: the user's words and all that is answered.

    Args:
        clock: seconds, monotonic.
        underruns: how often the sink has run dry since it was made.

    Threads:
        One at a time.
    """

    def __init__(self, *, clock: Callable[[], float], underruns: Callable[[], int]) -> None:
        self._clock = clock
        self._underruns = underruns
        self._turn: _TurnTimes | None = None

    def speech_ended(self, at: float) -> None:
        """Begin a turn.

        Args:
            at: when the user's words were over, on the clock.
        """
        self._turn = _TurnTimes(at, self._underruns())

    def audio_came(self, part: Part) -> None:
        """Take the arrival of some audio; without words before it, it begins a turn, too."""
        turn = self._turn
        if turn is None:
            turn = self._turn = _TurnTimes(None, self._underruns())
        if turn.first_part is None:
            turn.first_part, turn.first_delta_at = part, self._clock()

    @property
    def waits_for(self) -> Part | None:
        """The part whose first sample has not been played yet."""
        turn = self._turn
        return turn.first_part if turn is not None and turn.first_played_at is None else None

    def played(self, played_ms: int) -> None:
        """Take how much of `waits_for` was played by now, and so learn when it began."""
        turn = self._turn
        if turn is not None and turn.first_delta_at is not None and played_ms > 0:
            turn.first_played_at = max(turn.first_delta_at, self._clock() - played_ms / 1000)

    def interrupted(self, silence_s: float) -> None:
        """Take that the turn was interrupted, and how long it took until the sink was silent."""
        if self._turn is not None:
            self._turn.interruption_ms = silence_s * 1000

    def finish(self) -> TurnMetrics | None:
        """End the turn and return its figures; None when nothing was to be heard in it."""
        turn, self._turn = self._turn, None
        if turn is None or turn.first_delta_at is None:
            return None
        begin = turn.speech_ended_at
        return TurnMetrics(
            first_delta_ms=_ms(begin, turn.first_delta_at),
            first_played_ms=_ms(begin, turn.first_played_at),
            delta_to_played_ms=_ms(turn.first_delta_at, turn.first_played_at),
            interruption_ms=turn.interruption_ms,
            underruns=self._underruns() - turn.underruns,
        )


def _ms(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else (end - begin) * 1000
