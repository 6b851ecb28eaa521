"""When a request is tried again, and how long after: urllib3's own retry with our rules.

Nothing was done by a server that could not be reached or that answered 408, 429 or 503: these
are tried again whatever the call. After 500, 502, 504, silence or a broken link the server may
have done it: only calls whose repetition does no harm are tried again. The server's own word
(``x-should-retry``, ``Retry-After``) counts more.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
)

from ..errors import retry_after_s

__all__ = ["make_retry"]

_LOGGER = logging.getLogger("realtime_sync.rest")

_NOTHING_WAS_DONE: Final = frozenset((408, 429, 503))
_MAYBE_DONE: Final = frozenset((500, 502, 504))
_LONGEST_WAIT_S: Final = 120.0  # a server that wants a longer break gets it, from the caller
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 8.0


def make_retry(max_retries: int, *, repeatable: bool, sleep: Callable[[float], None]) -> Retry:
    """Return the policy for one kind of call.

    Args:
        max_retries: how many tries may follow the first.
        repeatable: whether repeating the call does no harm.
        sleep: waits so many seconds.
    """
    # With raise_on_status=False the last answer is returned instead of an exception.
    retry = _Retry(total=max_retries, redirect=False, raise_on_status=False, allowed_methods=None)
    retry.repeatable = repeatable
    retry.wait = sleep
    return retry


class _Retry(Retry):
    repeatable: bool
    wait: Callable[[float], None]

    def new(self, **changes: Any) -> _Retry:
        copy = super().new(**changes)
        copy.repeatable, copy.wait = self.repeatable, self.wait
        return copy

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code >= 400  # increment() decides, for it sees the headers

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> _Retry:
        again = _after_error(error) if error is not None else _after_answer(response)
        if again is None:
            again = self.repeatable
        if not again:
            raise MaxRetryError(_pool, url or "", error)  # type: ignore[arg-type]  # it takes None
        result = super().increment(method, url, response, error, _pool, _stacktrace)
        what = type(error).__name__ if response is None else f"status {response.status}"
        _LOGGER.info("%s %s: %s, trying again", method, (url or "").partition("?")[0], what)
        return result

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        asked = None if response is None else retry_after_s(_lower(response))
        self.wait(asked or self.get_backoff_time())

    def get_backoff_time(self) -> float:
        delay: float = min(_FIRST_DELAY_S * 2 ** max(0, len(self.history) - 1), _LONGEST_DELAY_S)
        return delay * random.uniform(0.75, 1)  # noqa: S311 -- spreads clients, hides nothing


def _after_error(error: Exception) -> bool | None:
    """Return whether to try again, None for "if repeating does no harm"."""
    if isinstance(error, ProxyError):
        error = error.original_error
    if isinstance(error, ConnectTimeoutError):  # refused, unreachable or unknown, too
        return True
    if isinstance(error, (ReadTimeoutError, ProtocolError, ConnectionError)):
        return None
    return False  # a certificate or a proxy's refusal stays what it is


def _after_answer(response: BaseHTTPResponse | None) -> bool | None:
    assert response is not None
    headers = _lower(response)
    if (retry_after_s(headers) or 0) > _LONGEST_WAIT_S:
        return False
    said = headers.get("x-should-retry")
    if said in ("true", "false"):
        return said == "true"
    if response.status in _NOTHING_WAS_DONE:
        return True
    return None if response.status in _MAYBE_DONE else False


def _lower(response: BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
