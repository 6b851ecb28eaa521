"""Parts of a file: Safari plays no sound, and others can't move in it, where a server has none."""

from __future__ import annotations

import re

from django.http import HttpResponse

# No file has more bytes than 18 digits count, and `int` raises where there are thousands.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def ranged(asked: str, data: bytes) -> HttpResponse:
    """Return the part of a file that a request asks for, by RFC 9110, 14.

    Args:
        asked: the header ``Range``; what is none, and several parts at once, bring the whole file.
        data: the file.
    """
    found = _RANGE.fullmatch(asked)
    if not found or found[0] == "bytes=-":
        response = HttpResponse(data)
    else:
        first, end = _bounds(found[1], found[2], len(data))
        inside = first < min(end, len(data))
        response = HttpResponse(data[first:end] if inside else b"", status=206 if inside else 416)
        part = f"{first}-{end - 1}" if inside else "*"
        response["Content-Range"] = f"bytes {part}/{len(data)}"
    response["Accept-Ranges"] = "bytes"
    return response


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return where a part begins, and where what follows it does."""
    if not first:  # so many from the end
        return max(0, size - int(last)), size
    return int(first), min(int(last) + 1 if last else size, size)
