"""The HTTP answer of a server that refuses the upgrade."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Final

from .._net.connect_errors import MAX_REFUSAL_BYTES, refusal
from .._net.secrets import Secrets
from ..errors import ApiError

__all__ = ["read_refusal"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")


def read_refusal(seen: bytes, read_on: Callable[[int], bytes], secrets: Secrets) -> ApiError | None:
    """Return the error for an HTTP answer other than 101, or None when there was no such answer.

    Args:
        seen: the beginning of the answer.
        read_on: reads more of it; raises OSError when there is no more.
        secrets: masked where the server repeats them.
    """
    match = _STATUS_LINE.match(seen)
    if match is None or b"\r\n\r\n" not in seen:
        return None
    # websocket-client reads only bodies with a content-length; chunked ones are as common.
    from http.client import HTTPException, HTTPResponse, IncompleteRead

    body = b""
    response = HTTPResponse(_AnswerFile(seen, read_on))  # type: ignore[arg-type]  # it only calls makefile
    try:
        response.begin()
        body = response.read(MAX_REFUSAL_BYTES)
    except IncompleteRead as exc:
        body = exc.partial
    except (HTTPException, OSError, ValueError):
        pass  # the status is known; the words are lost
    finally:
        response.close()
    headers = [] if response.headers is None else response.headers.items()
    return refusal(int(match[1]), headers, body, secrets)


class _AnswerFile(io.RawIOBase):
    """An HTTP answer that was read in part, as the file that http.client wants."""

    def __init__(self, seen: bytes, read_on: Callable[[int], bytes]) -> None:
        self._seen = seen
        self._read_on = read_on

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._seen:
            data, self._seen = self._seen[: len(buffer)], self._seen[len(buffer) :]
        else:
            data = self._read_on(len(buffer))
        buffer[: len(data)] = data
        return len(data)
