"""A user made of recordings, who waits for the answer to one before saying the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..audio.base import Source
from ..audio.virtual import VirtualMicrophone
from ..audio.wav import read_wav
from ..errors import RealtimeTimeout

__all__ = ["Interview"]

_PATIENCE_S = 30.0  # an answer that takes longer is an error


class Interview(Source):
    """A source that says one WAV file after the other, and ends after the last answer.

    Args:
        paths: the recordings.
        line: what they are said into.
        clock: for tests.

    Raises:
        AudioError: a file can't be read, or is no WAV file.

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
        self._line = line
        self._clock = clock
        self._answered: Callable[[], int] = lambda: 0
        self._settled: Callable[[], bool] = lambda: False

    def follow(self, *, answered: Callable[[], int], settled: Callable[[], bool]) -> None:
        """Take turns with a conversation.

        Args:
            answered: how many responses are complete.
            settled: whether nothing is going on.
        """
        self._answered = answered
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
            answers = self._answered()
            self._line.say(pcm)
            said_at = None
            for chunk in chunks:
                yield chunk
                if said_at is None and self._line.wait_said(0):
                    said_at = self._clock()
                if said_at is not None and self._turn_is_over(name, answers, said_at):
                    break
            else:
                return  # closed

    def _turn_is_over(self, name: str, answers: int, said_at: float) -> bool:
        if not self._settled():
            return False
        if self._answered() > answers:
            return True
        if self._clock() - said_at > _PATIENCE_S:
            raise RealtimeTimeout(
                f"{name} got no answer within {_PATIENCE_S:g} s; is there speech in it?"
            )
        return False
