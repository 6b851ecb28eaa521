"""A WAV file of what a device was handed, written beside the audio callback."""

from __future__ import annotations

import logging
import queue

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import AudioError
from ._input_file import StrPath
from ._wavfile import WavWriter

__all__ = ["Tap"]

_log = logging.getLogger("realtime_sync.audio")
_MOST_BLOCKS = 1500  # a minute of a speaker's blocks: a disk that is later than that loses some
_CLOSE_S = 5.0


class Tap:
    """Takes blocks from an audio callback, which must not do I/O, and writes them to a file.

    Args:
        path: the file; an existing one is replaced.
        rate: sample rate in Hz of the blocks.
        channels: interleaved channels in them.

    Raises:
        AudioError: the file can't be created.

    Threads:
        One thread gives to `take`; `close` may be called from any, after the last block.
    """

    def __init__(self, path: StrPath, *, rate: int, channels: int) -> None:
        self._writer = WavWriter(path, rate=rate, channels=channels)
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = spawn(self._write, name="speaker-tap")

    def take(self, block: bytes) -> None:
        """Have ``block`` written; never waits."""
        if self._blocks.qsize() < _MOST_BLOCKS:
            self._blocks.put(block)

    def close(self) -> None:
        """Write what was taken and close the file."""
        self._blocks.put(None)
        join_all([self._thread], Deadline(_CLOSE_S))

    def _write(self) -> None:
        try:
            while (block := self._blocks.get()) is not None:
                self._writer.write(block)
        except AudioError as exc:
            _log.warning("the speaker's recording ends here: %s", exc)
            while self._blocks.get() is not None:
                pass
        finally:
            self._writer.close()
