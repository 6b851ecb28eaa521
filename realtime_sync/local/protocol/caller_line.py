"""What of the answers the caller of a call has heard: the one place that knows, by a clock.

Sound is made faster than it is heard. In a call (SIP, WebRTC) the server holds what the caller has
yet to hear, and tells the session by ``output_audio_buffer.*``. Over a plain WebSocket the client
holds it, and there is no line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define, field

from ..._types import JsonDict
from .response_builder import ResponseBuilder
from .wire import event
from .wire_formats import TICKS_PER_MS

__all__ = ["CallerLine", "Cut", "LineClock"]

_TICKS_PER_S = 1000 * TICKS_PER_MS

Cut = tuple[str, int]
"""An item whose end is never heard, and how many milliseconds of it were."""


class _Alarm(Protocol):
    def cancel(self) -> object: ...


class LineClock(Protocol):
    """What of an event loop tells the time."""

    def time(self) -> float:
        """Return seconds, monotonic."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Alarm:
        """Call back at a time, unless it is cancelled before."""


@define
class _Piece:
    item_id: str
    begins_at: float
    ends_at: float

    def played_s(self, now: float) -> float:
        return min(max(now - self.begins_at, 0.0), self.ends_at - self.begins_at)


@define
class _PlayedAnswer:
    """The sound of one response that is not over.

    Attributes:
        response_id: whose it is.
        ticks: how much has come, in samples of 24 kHz.
        pieces: the same, in their order; there is one at least.
        is_heard: whether it was told that it has begun.
        is_whole: whether no more comes.
    """

    response_id: str
    ticks: int = 0
    pieces: list[_Piece] = field(factory=list)
    is_heard: bool = False
    is_whole: bool = False

    @property
    def due(self) -> tuple[float, str] | None:
        """What is to be told next, and when; None while nobody knows."""
        if not self.is_heard:
            return self.pieces[0].begins_at, "started"
        return (self.pieces[-1].ends_at, "stopped") if self.is_whole else None


class CallerLine:
    """Plays answers to a caller, as fast as one listens, and tells of it.

    What comes is played at once, or when all before it was. Where the next piece comes late, there
    is a pause.

    Args:
        emit: sends an event to the session.
        clock: the time, and the alarms.
    """

    def __init__(self, emit: Callable[[JsonDict], None], clock: LineClock) -> None:
        self._emit = emit
        self._clock = clock
        self._answers: list[_PlayedAnswer] = []
        self._cut_ids: set[str] = set()  # of responses of which nothing more is played
        self._plays_until = 0.0
        self._alarm: _Alarm | None = None

    def play(self, response: ResponseBuilder) -> None:
        """Take what has been added to the sound of ``response`` since the last time."""
        if response.id in self._cut_ids:
            return
        answer = self._find(response.id) or _PlayedAnswer(response.id)
        added = response.audio_ticks - answer.ticks
        if not added:
            return
        if not answer.ticks:
            self._answers.append(answer)
        begins_at = max(self._clock.time(), self._plays_until)
        self._plays_until = begins_at + added / _TICKS_PER_S
        answer.ticks = response.audio_ticks
        answer.pieces.append(_Piece(response.output[-1].id, begins_at, self._plays_until))
        self._tell()

    def finish(self, response: ResponseBuilder) -> None:
        """Take that no more comes of ``response``; ``response.done`` was sent."""
        self._cut_ids.discard(response.id)
        answer = self._find(response.id)
        if answer is not None:
            answer.is_whole = True
            self._tell()

    def left_ms(self, response: ResponseBuilder) -> int:
        """Return how long the rest of ``response`` plays."""
        answer = self._find(response.id)
        if answer is None:
            return 0
        return round(1000 * max(0.0, answer.pieces[-1].ends_at - self._clock.time()))

    def clear(self) -> list[Cut]:
        """Play nothing more of what there is, and return which items were cut."""
        self._tell()
        if not self._answers:
            return []
        now = self._clock.time()
        first, cut = self._answers[0], self._answers
        self._answers, self._plays_until = [], now
        self._cut_ids |= {answer.response_id for answer in cut if not answer.is_whole}
        self._emit(event("output_audio_buffer.cleared", response_id=first.response_id))
        self._set_alarm()
        return _cuts([piece for answer in cut for piece in answer.pieces], now)

    def close(self) -> None:
        """Tell nothing more: the call is over."""
        self._answers.clear()
        self._set_alarm()

    def _find(self, response_id: str) -> _PlayedAnswer | None:
        return next((each for each in self._answers if each.response_id == response_id), None)

    def _tell(self) -> None:
        """Send what is due, in its order, and see to it that the rest will be."""
        now = self._clock.time()
        while (found := self._next()) is not None and found[0] <= now:
            _, what, answer = found
            if what == "started":
                answer.is_heard = True
            else:
                self._answers.remove(answer)
            self._emit(event(f"output_audio_buffer.{what}", response_id=answer.response_id))
        self._set_alarm()

    def _next(self) -> tuple[float, str, _PlayedAnswer] | None:
        """Return what is due first; where one answer ends as another begins, the end is."""
        dues = [(*answer.due, answer) for answer in self._answers if answer.due is not None]
        return min(dues, key=lambda each: (each[0], each[1] == "started"), default=None)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        following = self._next()
        self._alarm = None
        if following is not None:
            self._alarm = self._clock.call_at(following[0], self._tell)


def _cuts(pieces: list[_Piece], now: float) -> list[Cut]:
    """Return the items that are not heard to their end."""
    played: dict[str, float] = {}
    for piece in pieces:
        played[piece.item_id] = played.get(piece.item_id, 0.0) + piece.played_s(now)
    unheard = {piece.item_id for piece in pieces if piece.ends_at > now}
    # Rounding down would else lose the millisecond that a float falls short of.
    return [(item, int(1000 * s + 1e-6)) for item, s in played.items() if item in unheard]
