"""Where a turn begins and ends, decided from the probability of speech in frame after frame.

All times are positions in the audio that was received, in milliseconds since the session's
start: a client that streams faster than real time gets the same turns. That holds for the idle
timeout, too; a client that sends no audio never idles.

Server VAD ends a turn after ``silence_duration_ms``. Semantic VAD asks, after a short silence,
whether the words so far make a whole utterance (`realtime_sync.local.semantics`); if so the turn
ends there, else after the timeout of its eagerness.
"""

from __future__ import annotations

from attrs import define, field, frozen

from ..._types import JsonDict

__all__ = ["IdleTimeout", "Probe", "SpeechStarted", "SpeechStopped", "TurnDetector", "TurnEvent"]

FRAME_MS = 32

# One loud frame is a click; two in a row are the beginning of speech.
_FRAMES_TO_START = 2
# What began as speech goes on down to a lower probability, or weak syllables would end it.
_HYSTERESIS = 0.15

# eagerness -> (silence before the words are looked at, silence that ends the turn anyway)
_EAGERNESS_MS = {
    "low": (1_000, 8_000),
    "medium": (600, 4_000),
    "auto": (600, 4_000),
    "high": (350, 2_000),
}
# Nobody speaks that long without a breath; music does, and its turn has to end, too.
_MAX_TURN_MS = 5 * 60 * 1000
_SEMANTIC_THRESHOLD = 0.5
_SEMANTIC_PADDING_MS = 300


@frozen
class SpeechStarted:
    """Somebody began to speak; ``start_ms`` includes the padding before the first sound."""

    start_ms: int


@frozen
class SpeechStopped:
    """The turn is over; ``end_ms`` includes the silence that ended it."""

    end_ms: int


@frozen
class Probe:
    """A pause: do the words up to ``end_ms`` make a whole utterance? See `TurnDetector.settle`."""

    end_ms: int


@frozen
class IdleTimeout:
    """Nobody spoke from ``start_ms`` (the end of the last answer) to ``end_ms``."""

    start_ms: int
    end_ms: int


TurnEvent = SpeechStarted | SpeechStopped | Probe | IdleTimeout


@define
class TurnDetector:
    """The state machine behind one session's turn detection.

    Args:
        config: the effective ``turn_detection``.
    """

    config: JsonDict
    position_ms: int = 0
    speaking: bool = False
    _loud_frames: int = field(default=0, init=False)
    _speech_start_ms: int = field(default=0, init=False)
    _speech_end_ms: int = field(default=0, init=False)
    _floor_ms: int = field(default=0, init=False)
    _probed: bool = field(default=False, init=False)
    _idle_from_ms: int | None = field(default=None, init=False)

    def step(self, probability: float) -> list[TurnEvent]:
        """Take the next frame of 32 ms and return what it decides."""
        begin = self.position_ms
        self.position_ms = end = begin + FRAME_MS
        if self.speaking:
            return self._continue(probability, end)
        self._loud_frames = self._loud_frames + 1 if probability >= self._threshold else 0
        if self._loud_frames >= _FRAMES_TO_START:
            return [self._start(end)]
        return self._idle(end)

    def awaits(self, probe: Probe) -> bool:
        """Return whether the answer to ``probe`` still matters: its pause is not over."""
        return self.speaking and self._probed and probe.end_ms > self._speech_end_ms

    def settle(self, probe: Probe, *, complete: bool) -> list[SpeechStopped]:
        """Take the answer to ``probe``, unless it is void by now; see `awaits`."""
        return [self._stop(probe.end_ms)] if complete and self.awaits(probe) else []

    def reset(self, *, floor_ms: int | None = None) -> None:
        """Forget the turn in hand, because its audio was committed or cleared.

        Args:
            floor_ms: where the next turn may begin at the earliest; None for here.
        """
        self.speaking = False
        self._loud_frames = 0
        self._probed = False
        self._floor_ms = self.position_ms if floor_ms is None else floor_ms

    def answered(self, playback_ms: int) -> None:
        """Start waiting for the user: an answer ended that plays for ``playback_ms``."""
        self._idle_from_ms = self.position_ms + playback_ms

    def answering(self) -> None:
        """Stop waiting for the user: an answer is being made."""
        self._idle_from_ms = None

    @property
    def _threshold(self) -> float:
        return float(self.config.get("threshold", _SEMANTIC_THRESHOLD))

    def _start(self, end: int) -> SpeechStarted:
        self.speaking = True
        self._probed = False
        self._idle_from_ms = None
        self._speech_start_ms = self._speech_end_ms = end
        padding = self.config.get("prefix_padding_ms", _SEMANTIC_PADDING_MS)
        begin = end - _FRAMES_TO_START * FRAME_MS
        return SpeechStarted(max(self._floor_ms, begin - padding, 0))

    def _continue(self, probability: float, end: int) -> list[TurnEvent]:
        if end - self._speech_start_ms >= _MAX_TURN_MS:
            return [self._stop(end)]
        if probability >= self._threshold - _HYSTERESIS:
            self._speech_end_ms = end
            self._probed = False
            return []
        silence_ms = end - self._speech_end_ms
        if self.config["type"] == "server_vad":
            limit = self.config["silence_duration_ms"]
            return [self._stop(self._speech_end_ms + limit)] if silence_ms >= limit else []
        look_after, limit = _EAGERNESS_MS[self.config["eagerness"]]
        if silence_ms >= limit:
            return [self._stop(self._speech_end_ms + limit)]
        if silence_ms >= look_after and not self._probed:
            self._probed = True
            return [Probe(end)]
        return []

    def _stop(self, end_ms: int) -> SpeechStopped:
        end_ms = min(end_ms, self.position_ms)
        self.reset(floor_ms=end_ms)
        return SpeechStopped(end_ms)

    def _idle(self, end: int) -> list[TurnEvent]:
        timeout = self.config.get("idle_timeout_ms")
        start = self._idle_from_ms
        if timeout is None or start is None or end < start + timeout:
            return []
        self._idle_from_ms = None
        return [IdleTimeout(start, end)]
