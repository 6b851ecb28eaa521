"""A user made of recordings, who waits for the answer to one before saying the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from ..audio.base import Source
from ..audio.pcm import level_dbfs
from ..audio.virtual import VirtualMicrophone
from ..audio.wav import read_wav
from ..errors import AudioError, RealtimeTimeout
from ._silence import is_silent

__all__ = ["Interview", "Progress"]

_UNHEARD_S = 5.0  # a server that finds speech finds it while it is said
_PATIENCE_S = 30.0  # an answer that takes longer is an error


@attrs.define
class Progress:
    """How far a conversation has come.

    Attributes:
        events: how many have come.
        turns: how often the user was heard to speak.
        answers: responses that are complete.
        failures: responses that failed or were refused.
        prompts: responses of those that nobody has asked for: the user was silent.

    Threads:
        One writes, any may read.
    """

    events: int = 0
    turns: int = 0
    answers: int = 0
    failures: int = 0
    prompts: int = 0

    @property
    def replies(self) -> int:
        """How many responses to the user are over, in whatever way."""
        return self.answers + self.failures - self.prompts

    @property
    def answered(self) -> bool:
        """Whether the user was given an answer."""
        return self.answers > self.prompts


class Interview(Source):
    """A source that says one WAV file after the other, and ends after the last answer.

    Args:
        paths: the recordings.
        line: what they are said into.
        clock: for tests.

    Attributes:
        unanswered: the names of the recordings to which no answer came.

    Raises:
        ConfigError, AudioError: as `read_wav`; or a file has nothing but silence in it.

    Threads:
        One thread iterates; `close` may be called from any. ``settled`` is called by the one that
        iterates.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        line: VirtualMicrophone,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recordings = [(path.name, read_wav(path, rate=line.rate)) for path in paths]
        for name, pcm in self._recordings:
            if is_silent(level_dbfs(pcm)):
                raise AudioError(f"{name} has nothing but silence in it; record it again")
        self.unanswered: list[str] = []
        self._line = line
        self._clock = clock
        self._progress = Progress()
        self._settled: Callable[[], bool] = lambda: False

    def follow(self, progress: Progress, *, settled: Callable[[], bool]) -> None:
        """Take turns with a conversation.

        Args:
            progress: how far it has come.
            settled: whether nothing is going on.
        """
        self._progress = progress
        self._settled = settled

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._line.rate

    def close(self) -> None:
        """End the iteration."""
        self._line.close()

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._line)
        for name, pcm in self._recordings:
            before = attrs.evolve(self._progress)
            patience: _Patience | None = None
            self.unanswered.append(name)
            self._line.say(pcm)
            for chunk in chunks:
                yield chunk
                if patience is None and self._line.wait_said(0):
                    patience = _Patience(name, pcm, before, self._progress, self._clock)
                if patience is not None and patience.is_over(settled=self._settled()):
                    break
            else:
                return  # closed
            if self._progress.failures == before.failures:
                self.unanswered.remove(name)


class _Patience:
    """How long the answer to one recording is waited for, from the end of it."""

    def __init__(
        self,
        name: str,
        pcm: bytes,
        before: Progress,
        now: Progress,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._pcm = pcm
        self._before = before
        self._now = now
        self._clock = clock
        self._said_at = self._event_at = clock()
        self._events = now.events

    def is_over(self, *, settled: bool) -> bool:
        """Return whether the answer was heard.

        Raises:
            RealtimeTimeout: none will come.
        """
        if self._now.replies > self._before.replies:
            return settled
        now = self._clock()
        if self._now.events != self._events:
            self._events, self._event_at = self._now.events, now
        if settled and self._now.turns == self._before.turns and now - self._said_at > _UNHEARD_S:
            raise RealtimeTimeout(
                f"nobody was heard to speak in {self._name}, though its level is "
                f"{level_dbfs(self._pcm):.0f} dBFS; is there speech in it?"
            )
        if now - self._event_at > _PATIENCE_S:
            raise RealtimeTimeout(f"{self._name} got no answer within {_PATIENCE_S:g} s")
        return False
