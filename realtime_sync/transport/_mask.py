"""The masks of a client's frames (RFC 6455 §5.3)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Final

__all__ = ["masked"]

# µs per frame with each way, header and random key included (Python 3.11, one core):
#   bytes      125   300  1,300  6,500  43,000  1,400,000
#   int xor    1.4   1.7    3.9     13      77      5,440
#   NumPy      2.6   2.6    2.7    2.9     4.1        122
_INT_UP_TO: Final = 512
# A program that only sends text shall not pay for the import of NumPy, some 60 ms. But so large a
# frame is audio as a rule, a third of a second of it, and more will follow.
_NUMPY_FROM: Final = 16384


def masked(header: bytes, payload: bytes) -> bytes | bytearray:
    """Return a frame: the header, a new random key, and the payload masked with it."""
    key = os.urandom(4)  # unpredictable for every frame
    header += key
    size = len(payload)
    if size > _INT_UP_TO and (size >= _NUMPY_FROM or "numpy" in sys.modules):
        # An import that a signal handler's exception has struck can't be repeated.
        with suppress(ImportError):
            return _by_words()(header, payload, key)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return header + (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")


@cache
def _by_words() -> Callable[[bytes, bytes, bytes], bytearray]:
    """Return the function that does it with NumPy, four bytes at a time."""
    import numpy as np

    word, view, xor = np.dtype(np.uint32), np.frombuffer, np.bitwise_xor

    def by_words(header: bytes, payload: bytes, key: bytes) -> bytearray:
        frame = bytearray(header)
        frame += payload
        frame += bytes(-len(payload) % 4)  # whole words; cut off again below
        words = view(frame, word, -1, len(header))
        xor(words, view(key, word), words)  # in place: for 1 MB another copy costs 1 ms
        del words  # the frame can't change its size while an array looks at it
        del frame[len(header) + len(payload) :]
        return frame

    return by_words
