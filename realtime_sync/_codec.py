"""JSON and base64 on the hot path: by the extra ``[fast]`` where it is installed.

The only door to msgspec and pybase64. With them and without, the same text gives the same values
and is refused alike. (orjson is no faster, and turns integers of more than 64 bits into floats.)
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["decode_base64", "encode_base64", "scan_json"]

_FROM_URL_SAFE = str.maketrans("-_", "+/")

# Called with a text and 0: returns the value and where it ends, raises StopIteration, ValueError or
# RecursionError.
# This is json.loads without its two wrappers and three regular expressions: 1.0 µs for a small
# delta instead of 1.7. It takes no white space around the value.
scan_json: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # public, not in typeshed
encode_base64: Callable[[bytes | bytearray | memoryview], bytes] = partial(
    b2a_base64, newline=False
)


def _decode_base64(text: str) -> bytes:
    """Return the bytes in base64 of either alphabet, with padding or without, in lines or not.

    Raises:
        ValueError: some of it is not base64.
        TypeError: it is no text.
    """
    try:
        return _decode_whole(text)
    except ValueError:
        return _decode_whole(_usual_base64(text))


def _decode_whole(text: str) -> bytes:
    data = a2b_base64(text)  # passes over what is not of the alphabet, so there would be less
    padding = text.endswith("=") + text.endswith("==")
    if len(text) % 4 or len(data) != len(text) // 4 * 3 - padding:
        raise ValueError("it has characters that do not belong there, or lacks some")
    return data


def _usual_base64(text: str) -> str:
    """Return base64 that is URL-safe, unpadded or broken into lines in the usual form."""
    text = "".join(text.split()).translate(_FROM_URL_SAFE).rstrip("=")
    return text + "=" * (-len(text) % 4)


decode_base64: Callable[[str], bytes] = _decode_base64

try:
    import msgspec
except ImportError:
    pass
else:
    _decode_json = msgspec.json.Decoder().decode

    def _scan_with_msgspec(text: str, start: int) -> tuple[Any, int]:
        return _decode_json(text), len(text)

    scan_json = _scan_with_msgspec  # 0.4 µs

try:
    import pybase64
except ImportError:
    pass
else:

    def _decode_with_pybase64(text: str) -> bytes:
        try:
            return pybase64.b64decode(text, validate=True)
        except ValueError:  # of another kind, or damaged
            return _decode_whole(_usual_base64(text))

    decode_base64 = _decode_with_pybase64  # 2 µs for 32 kB of audio instead of 97
    encode_base64 = pybase64.b64encode  # 1 µs instead of 33
