"""Sessions whose sound the program sends and plays itself: where it has come to, and no source."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from .._deadline import Deadline
from .._latest import keep_latest
from ..conversation.session import SoundFormat
from ..voice.effects import Flush, Part, Play
from .model import RealtimePlaybackTracker
from .notes import AudioNote, AudioOver

__all__ = ["ByHandInput", "ByHandOutput"]

_LATEST_PARTS = 64
# A tracker that says nothing for so long beyond what was left to play has lost its player.
_SILENT_TRACKER_S = 0.5


class ByHandInput:
    """The user's side, where `RealtimeSession.send_audio` is all there is."""

    failure: BaseException | None = None
    ended = False

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self) -> None:
        """Nothing runs."""

    def close(self, deadline: Deadline) -> None:
        """Nothing is to be waited for."""


class ByHandOutput:
    """Hands answers to the program, and reckons how much of them was heard by now.

    The program's playback tracker says so, if it has one. Else every piece is taken to be played
    from the moment when the program gets it, after all before it, without a pause: as by a player
    that is as quick as the network.

    Args:
        report: tells the program; called in the engine's thread.
        sound_format: of the audio that comes, at this moment.
        tracker: of the program.
        has_audience: whether the program takes the pieces; without that they count as taken.
        clock: seconds, monotonic.

    Threads: `deliver` belongs to the thread that iterates; all else to the engine's, but for
        `handed_ms` and `played_ms`, which any may call.
    """

    failure: BaseException | None = None
    dropped_ms = 0
    underruns = 0
    gone = False

    def __init__(
        self,
        report: Callable[[object], None],
        *,
        sound_format: Callable[[], SoundFormat],
        tracker: RealtimePlaybackTracker | None = None,
        has_audience: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls_program = tracker is not None
        self._report = report
        self._format = sound_format
        self._tracker = tracker
        self._has_audience = has_audience
        self._clock = clock
        self._tracked: SoundFormat | None = None  # what the tracker was told; the engine's
        self._lock = threading.Lock()  # guards the rest
        self._waiting: deque[AudioNote] = deque()  # the program has yet to take them
        self._given_s: dict[Part, float] = {}  # that the program has
        self._playing: deque[tuple[Part, float, float]] = deque()  # from when, for how long
        self._played_s: dict[Part, float] = {}  # what is over of them, or was until it was cut
        self._plays_until = clock()

    def start(self) -> None:
        """See `Output.start`."""

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        told = self._format()
        if self._tracker is not None and told is not self._tracked:
            self._tracked = told
            self._tracker.set_audio_format({"type": told.type, "rate": told.hz})
        duration_s = len(play.audio) / told.bytes_per_s
        note = AudioNote(play.part, play.response_id, play.audio, duration_s)
        if not self._has_audience:
            return self.deliver(note)
        with self._lock:
            self._waiting.append(note)
        self._report(note)
        return True

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        self._report(AudioOver(end.part))
        return True

    def skip(self) -> None:
        """Every piece is handed on as it came."""

    def deliver(self, note: AudioNote) -> bool:
        """Take that the program gets a piece now; False if it is not to have it any more."""
        with self._lock:
            if note.recalled:
                return False
            if self._waiting and self._waiting[0] is note:
                self._waiting.popleft()
            began = max(self._clock(), self._plays_until)
            self._plays_until = began + note.duration_s
            self._playing.append((note.part, began, note.duration_s))
            if note.part not in self._given_s:
                self._given_s[note.part] = 0.0
                keep_latest(self._given_s, _LATEST_PARTS)
            self._given_s[note.part] += note.duration_s
            self._settle_locked()
        return True

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """Recall what the program does not have yet; see `Output.silence`."""
        with self._lock:
            for note in self._waiting:
                note.recalled = True
            self._waiting.clear()
            self._cut_locked()
            self._given_s.clear()
            self._plays_until = self._clock()
        if self._tracker is not None:
            self._tracker.on_interrupted()
        return {part: self.handed_ms(part) for part in parts}

    def pause(self) -> bool:
        """The program plays on what it has."""
        return False

    def resume(self) -> None:
        """It did not pause."""

    def handed_ms(self, part: Part) -> int:
        """See `Output.handed_ms`: what is heard by now, for the program can clear the rest."""
        if self._tracker is not None:
            return self._tracker.played_ms(part)
        with self._lock:
            self._settle_locked()
            played_s = self._played_s.get(part, 0.0)
            if self._playing and self._playing[0][0] == part:
                played_s += max(0.0, self._clock() - self._playing[0][1])
        return int(played_s * 1000 + 1e-6)

    played_ms = handed_ms

    @property
    def idle(self) -> bool:
        """See `Output.idle`."""
        with self._lock:
            if self._waiting:
                return False
            over_s = self._clock() - self._plays_until
            last = next(reversed(self._given_s), None)
        if self._tracker is None or last is None:
            return over_s >= 0
        left_s = self._given_s.get(last, 0.0) - self._tracker.played_ms(last) / 1000
        return left_s < 0.001 or over_s >= _SILENT_TRACKER_S

    def drain(self, timeout: float) -> bool:
        """See `Output.drain`: what the program has not taken yet waits for it, not for this."""
        return True

    def close(self, deadline: Deadline) -> None:
        """See `Output.close`."""

    def _cut_locked(self) -> None:
        """Let what plays end here, and what waits never begin; what was heard stays known."""
        self._settle_locked()
        if self._playing:
            part, began, _ = self._playing[0]
            self._count_locked(part, max(0.0, self._clock() - began))
        self._playing.clear()

    def _settle_locked(self) -> None:
        """Move what is over by now."""
        now = self._clock()
        while self._playing and self._playing[0][1] + self._playing[0][2] <= now:
            part, _, duration_s = self._playing.popleft()
            self._count_locked(part, duration_s)

    def _count_locked(self, part: Part, played_s: float) -> None:
        if part not in self._played_s:
            self._played_s[part] = 0.0
            keep_latest(self._played_s, _LATEST_PARTS)
        self._played_s[part] += played_s
