"""What the voice loop needs of the two ends of a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["Sink", "Source"]


class Source(Protocol):
    """Anything that iterates PCM16 chunks: a microphone, a file, a telephone line.

    Its iterator ends when there is no more, and soon after `close` was called from any thread.
    """

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """End the iteration."""


class Sink(Protocol):
    """Anything that plays PCM16 and knows how far it has come.

    A sink may also have ``handed_ms(item_id, content_index)``, what can't be recalled any more
    (where it differs from what is heard), ``flush()``, "this item is complete", and
    ``listen(hear)``: from now on ``hear`` gets every block that is handed to the device, silence
    included, as PCM16 at the rate that is returned.
    """

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before."""

    def clear(self) -> None:
        """Fall silent at once; forget what was not played."""

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was played; False when ``timeout`` seconds were not enough."""

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item have been heard by now."""
