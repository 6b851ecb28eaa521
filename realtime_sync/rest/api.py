"""What the REST resources share: where to, with which options, and in which form of result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from .._fork import HomeLock
from .._shown import shown
from .._types import UNSET, SSLContext
from .._uncopied import Uncopied
from ..errors import ConfigError
from ..transport.options import TransportOptions
from .raw import RawResponse, StreamingResponse, StreamingResponseManager
from .request import Request, seconds

if TYPE_CHECKING:
    from ._http import HttpDoor, OpenAnswer
else:
    OpenAnswer = Any  # it comes with requests, which the first request loads

__all__ = [
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_TIMEOUT_S",
    "Mode",
    "Resource",
    "RestApi",
    "RestProvider",
]

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 60.0
DEFAULT_MAX_RETRIES = 2

Mode = Literal["parsed", "raw", "streaming"]


class RestProvider(Protocol):
    """What a provider knows about its REST calls."""

    @property
    def base_url(self) -> str:
        """The base of all paths."""

    @property
    def rest_query(self) -> Mapping[str, object]:
        """Added to every URL."""

    def rest_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with the key; ``extra`` wins."""


class RestApi(Uncopied):
    """The REST side of one client; loads requests at the first call.

    Args:
        provider: called once per request, because it may start a server or fetch a fresh key.
        proxy, ssl_context: as in `realtime_sync.transport.TransportOptions`.
        timeout: see `realtime_sync.rest`.
        max_retries: how many tries may follow the first.
        sleep: waits between tries; tests pass their own.

    Threads: may be shared.
    """

    def __init__(
        self,
        provider: Callable[[], RestProvider],
        *,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
        timeout: Any = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
            raise ConfigError(f"max_retries is {shown(max_retries)}; pass 0 or more")
        TransportOptions(proxy=proxy, ssl_context=ssl_context)  # refuses what is none
        self._provider = provider
        self._timeout = seconds(timeout, DEFAULT_TIMEOUT_S)
        self._options: dict[str, Any] = {
            "proxy": proxy,
            "ssl_context": ssl_context,
            "max_retries": max_retries,
            "sleep": sleep,
        }
        self._door: HttpDoor | None = None
        self._lock = HomeLock()  # guards _door

    def open(self, request: Request[Any]) -> OpenAnswer:
        """Send a request; raises as `realtime_sync.rest` says."""
        from ._http import Outgoing

        timeout = seconds(request.timeout, self._timeout)
        provider = self._provider()
        headers = {"Accept": request.accept, "Content-Type": request.content_type}
        headers |= provider.rest_headers(request.extra_headers)
        if isinstance(request.body, tuple):  # the boundary is known only when it is encoded
            headers = {k: v for k, v in headers.items() if k.lower() != "content-type"}
        outgoing = Outgoing(
            method=request.method,
            base_url=provider.base_url,
            path=request.path,
            query={**provider.rest_query, **request.extra_query},
            headers=headers,
            body=request.body,
            timeout=timeout,
            repeatable=request.repeatable,
        )
        return self._get_door().open(outgoing)

    def close(self) -> None:
        """Close the kept connections; a later call opens others."""
        with self._lock.here():
            door, self._door = self._door, None
        if door is not None:
            door.close()

    def _get_door(self) -> HttpDoor:
        from ._http import HttpDoor

        with self._lock.here():
            if self._door is None:
                self._door = HttpDoor(**self._options)
            return self._door


class Resource(Uncopied):
    """A group of calls, whose results come parsed, raw or streaming.

    Args:
        api: sends.
        mode: what the methods return; other than ``"parsed"`` only behind a class that says so
            to type checkers.
    """

    def __init__(self, api: RestApi, mode: Mode = "parsed") -> None:
        self._api = api
        self._mode = mode

    def _send(self, request: Request[T]) -> T:
        if self._mode == "streaming":
            manager = StreamingResponseManager(
                lambda: StreamingResponse(self._api.open(request), request.parse)
            )
            return cast("T", manager)
        answer = self._api.open(request).whole()
        if self._mode == "raw":
            return cast("T", RawResponse(answer, request.parse))
        return request.parse(answer)
