"""What a speaker does, without a speaker: buffer, wait for a cushion, hand out, count.

The speaker's audio callback and the virtual speaker's clock both pull from a `Playout`.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from .._required import is_whole
from .._shown import shown
from ..errors import ConfigError
from .pcm import Pcm, as_int16, require_rate
from .ring import Ring

Float32 = NDArray[np.float32]
Int16 = NDArray[np.int16]

__all__ = ["Playout"]

_FADE_MS = 5  # takes the place of what `clear` throws away, and of a pause's edges
_BUFFER_MS = 600_000


class Playout:
    """Audio waiting to be played, and the account of what was.

    Args:
        rate: sample rate in Hz of what is written and handed out.
        prebuffer_ms: the cushion that is gathered before playing begins, and again after an
            underrun; audio shorter than that plays after having waited as long.
        buffer_ms: the most that can wait.

    Threads:
        One thread writes, one renders; everything else may be used from any.
    """

    def __init__(self, rate: int, *, prebuffer_ms: int = 0, buffer_ms: int = _BUFFER_MS) -> None:
        self.rate = require_rate(rate)
        self.underruns = 0
        self.gain = 1.0  # linear; a change takes effect gradually, over one block
        self._ring = Ring(self._frames(buffer_ms))
        self._prebuffer_frames = self._frames(prebuffer_ms)
        self._fade_frames = self._frames(_FADE_MS)
        # Plain flags, written by one thread each time and harmless when seen a callback late:
        self._sound_end = 0  # the renderer
        self._parts: tuple[tuple[Hashable, int], ...] = ()  # the renderer
        self._playing = False  # the renderer, and whoever clears: the cushion was there
        self._waited = 0  # the renderer: frames for which audio has waited for its cushion
        self._complete = True  # the writer: nothing belongs behind what is buffered
        self._paused = False  # whoever pauses and resumes
        self._halted = False  # the renderer: the block before was in a pause
        self._gain = 1.0  # the renderer: at the end of the block before
        self._scaled: Float32 = np.empty(0, dtype=np.float32)

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> int:
        """Append PCM16; returns how many samples there was room for."""
        samples = as_int16(audio)
        if not samples.size:
            return 0
        self._complete = False
        return self._ring.write(samples, _tag(item_id, content_index))

    def flush(self) -> None:
        """Say that what was written is complete: it plays without waiting for a cushion."""
        self._complete = True

    def clear(self, *, fade: bool = True) -> None:
        """Throw away what was not handed out; the next block holds a short fade, then silence.

        Args:
            fade: False for silence at once, because what would fade does not sound now.
        """
        # What does not sound now needs no fade: it would be heard as a click.
        sounds = fade and self._playing and not self._halted
        self._ring.clear(fade_frames=self._fade_frames if sounds else 0)
        if not sounds:  # or what is written next would go on without a cushion, even in a pause
            self._playing = False
        self._complete = True

    def pause(self) -> None:
        """Hold what was not handed out; the next block fades to silence."""
        self._paused = True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._paused = False

    def render_into(self, out: Int16) -> int:
        """Fill ``out`` with what plays next; returns how much of it is sound."""
        paused = self._paused
        if paused and self._halted:
            size = self._ring.read_into(out, hold=True)  # a fade may be left
            self._parts = ()
        elif paused:
            size = self._fade_out(out)
        else:
            size = self._play_into(out)
        self._halted = paused
        if size:
            self._sound_end = self._ring.position
        if self._gain != 1.0 or self.gain != 1.0:
            self._amplify(out)
        return size

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return the whole milliseconds of an item that were handed out (rounded down)."""
        return self._ring.handed(_tag(item_id, content_index)) * 1000 // self.rate

    def heard_ms(
        self, item_id: str | None, content_index: int = 0, *, latency_frames: int = 0
    ) -> int:
        """Return what is heard by now of an item: handed out less the device's latency."""
        tag = _tag(item_id, content_index)
        return self._ring.handed(tag, behind=latency_frames) * 1000 // self.rate

    @property
    def rendered(self) -> tuple[tuple[Hashable, int], ...]:
        """What the last block held: parts of items, and how many samples of each.

        A fade belongs to none. For who renders: it is of the block that was rendered last.
        """
        return self._parts

    @property
    def complete(self) -> bool:
        """Whether nothing belongs behind what is buffered."""
        return self._complete

    @property
    def paused(self) -> bool:
        """Whether nothing is handed out until `resume`."""
        return self._paused

    @property
    def buffered_frames(self) -> int:
        """How many samples wait."""
        return self._ring.buffered

    @property
    def buffered_ms(self) -> int:
        """How many milliseconds wait, rounded up: 0 means that nothing waits."""
        return -(-self._ring.buffered * 1000 // self.rate)

    @property
    def sound_end(self) -> int:
        """The `position` after the last block that held sound."""
        return self._sound_end

    @property
    def position(self) -> int:
        """How many frames were handed out since the beginning, silence included."""
        return self._ring.position

    def _play_into(self, out: Int16) -> int:
        complete = self._complete
        hold = not self._ready(len(out))
        size = self._ring.read_into(out, hold=hold)
        self._parts = self._ring.parts
        if self._halted:
            length = min(len(out), self._fade_frames)
            out[:length] = out[:length] * np.linspace(0, 1, length)
        if self._playing and size < len(out):
            self._playing = False
            if not complete:
                self.underruns += 1
        return size

    def _fade_out(self, out: Int16) -> int:
        length = min(len(out), self._fade_frames)
        size = self._ring.read_into(out[:length], hold=not self._playing)
        self._parts = self._ring.parts  # the rest below holds nothing
        out[:length] = out[:length] * np.linspace(1, 0, length)
        self._ring.read_into(out[length:], hold=True)
        return size

    def _amplify(self, out: Int16) -> None:
        gain = self.gain
        if len(self._scaled) != len(out):
            self._scaled = np.empty(len(out), dtype=np.float32)
        np.copyto(self._scaled, out)  # in two steps: a mixed one makes buffers each time
        if gain == self._gain:
            self._scaled *= np.float32(gain)
        else:
            self._scaled *= np.linspace(self._gain, gain, len(out), dtype=np.float32)
        np.rint(self._scaled, out=self._scaled)
        np.clip(self._scaled, -32768, 32767, out=self._scaled)
        np.copyto(out, self._scaled, casting="unsafe")
        self._gain = gain

    def _ready(self, frames: int) -> bool:
        buffered = self._ring.buffered
        if self._playing or not buffered:
            self._waited = 0
            return self._playing
        self._playing = (
            self._complete
            or buffered >= self._prebuffer_frames
            or self._waited >= self._prebuffer_frames
        )
        self._waited = 0 if self._playing else self._waited + frames
        return self._playing

    def _frames(self, ms: int) -> int:
        return ms * self.rate // 1000


def _tag(item_id: object, content_index: object) -> tuple[str | None, int]:
    """Return what the samples of a part of an item are known by.

    Raises:
        ConfigError: the two name no part.
    """
    if item_id is not None and not isinstance(item_id, str):
        raise ConfigError(f"item_id={shown(item_id)} is none; give the text of an item's id")
    if not is_whole(content_index):
        raise ConfigError(f"content_index={shown(content_index)} is no index; give 0 or more")
    return item_id, content_index
