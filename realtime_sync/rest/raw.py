"""Answers as they came: status, headers and body beside the parsed result.

``client.realtime.calls.with_raw_response.create(...)`` returns a `RawResponse`;
``with client.realtime.calls.with_streaming_response.create(...) as response:`` gives a
`StreamingResponse`, whose body is read on demand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from .._uncopied import Uncopied
from ..errors import ConcurrencyError, RemoteProtocolError
from .request import Answer

if TYPE_CHECKING:
    from ._http import OpenAnswer
else:
    OpenAnswer = Any  # it comes with requests, which the first request loads

__all__ = ["RawResponse", "StreamingResponse", "StreamingResponseManager"]

P = ParamSpec("P")
T = TypeVar("T")

_REQUEST_ID = "x-request-id"


class RawResponse(Generic[T]):
    """An answer that was read to its end.

    Attributes:
        status_code: the HTTP status code, 200 to 299.
        headers: looked up in any case.
        content: the body, undecoded.
        retries_taken: how many tries went before the one that was answered.
    """

    def __init__(self, answer: Answer, parse: Callable[[Answer], T]) -> None:
        self._answer = answer
        self._parse = parse
        self.status_code: int = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self.content: bytes = answer.body
        self.retries_taken: int = answer.retries

    @property
    def request_id(self) -> str | None:
        """The ``x-request-id`` header, which the provider's support asks for, or None."""
        return self.headers.get(_REQUEST_ID)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            RemoteProtocolError: it is no JSON.
        """
        return _json(self.content)

    def parse(self) -> T:
        """Return what the call returns without ``with_raw_response``.

        Raises:
            RemoteProtocolError: the body is not what the call promises.
        """
        return self._parse(self._answer)

    def __repr__(self) -> str:
        return f"RawResponse(status_code={self.status_code})"


class StreamingResponse(Uncopied, Generic[T]):
    """An answer whose body is read on demand, and once; ``read`` and ``parse`` remember it.

    Attributes:
        status_code: the HTTP status code, 200 to 299.
        headers: looked up in any case.
        retries_taken: how many tries went before the one that was answered.
    """

    def __init__(self, answer: OpenAnswer, parse: Callable[[Answer], T]) -> None:
        self._open = answer
        self._parse = parse
        self._body: bytes | None = None
        self._streamed = False
        self.status_code: int = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self.retries_taken: int = answer.retries

    @property
    def request_id(self) -> str | None:
        """The ``x-request-id`` header, which the provider's support asks for, or None."""
        return self.headers.get(_REQUEST_ID)

    def read(self) -> bytes:
        """Return the body.

        Raises:
            RealtimeTimeout, ConnectError: it did not come whole.
            ConcurrencyError: it was taken in pieces already.
        """
        if self._body is None:
            self._body = b"".join(self.iter_bytes())
        return self._body

    def text(self) -> str:
        """Return the body as text; raises as `read`."""
        return self.read().decode(errors="replace")

    def json(self) -> Any:
        """Return the decoded body; raises as `read`, and RemoteProtocolError for no JSON."""
        return _json(self.read())

    def iter_bytes(self, chunk_size: int = 65536) -> Iterator[bytes]:
        """Yield the body in pieces of at most ``chunk_size`` bytes; raises as `read`."""
        if self._body is not None:
            starts = range(0, len(self._body), chunk_size)
            yield from (self._body[start : start + chunk_size] for start in starts)
            return
        if self._streamed:
            raise ConcurrencyError("the body was read in pieces already; keep them, or call read()")
        self._streamed = True
        yield from self._open.chunks(chunk_size)

    def parse(self) -> T:
        """Return what the call returns without ``with_streaming_response``; raises as `read`.

        Raises:
            RemoteProtocolError: the body is not what the call promises.
        """
        body = self.read()
        answer = Answer(self.status_code, self._open.headers, body, self.retries_taken)
        return self._parse(answer)

    def close(self) -> None:
        """Leave the rest of the body; the ``with`` block does it."""
        self._open.close()

    def __repr__(self) -> str:
        return f"StreamingResponse(status_code={self.status_code})"


class StreamingResponseManager(AbstractContextManager["StreamingResponse[T]"], Uncopied):
    """A request that is sent when its ``with`` block begins."""

    def __init__(self, send: Callable[[], StreamingResponse[T]]) -> None:
        self._send = send
        self._response: StreamingResponse[T] | None = None

    def __enter__(self) -> StreamingResponse[T]:
        self._response = self._send()
        return self._response

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._response is not None:
            self._response.close()


def as_raw(method: Callable[P, T]) -> Callable[P, RawResponse[T]]:
    """Say what a method of a resource in raw mode returns."""
    return cast("Callable[P, RawResponse[T]]", method)


def as_streaming(method: Callable[P, T]) -> Callable[P, StreamingResponseManager[T]]:
    """Say what a method of a resource in streaming mode returns."""
    return cast("Callable[P, StreamingResponseManager[T]]", method)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise RemoteProtocolError("the body of the answer is no JSON") from exc
