"""The door to requests: one request in, one answer or one of our exceptions out.

Its adapters are used without its sessions: those follow redirects, keep cookies, and replace our
``Authorization`` by what ``~/.netrc`` says.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import requests
from attrs import field, frozen
from requests.adapters import HTTPAdapter

from .._fork import Home, HomeLock
from .._headers import Headers, check_header
from .._net.connect_errors import MAX_REFUSAL_BYTES, Place, refusal, refused_by_proxy
from .._net.proxy import Proxy, proxy_for
from .._net.secrets import Secrets
from .._version import __version__
from ..errors import RealtimeError
from ._http_errors import TRANSLATED, close_sockets, translate
from ._http_retry import make_retry
from ._url import request_url
from .request import Answer, FormPart

__all__ = ["HttpDoor", "OpenAnswer", "Outgoing"]

_LOGGER = logging.getLogger("realtime_sync.rest")

_MAX_KEPT: Final = 64  # links


@frozen(kw_only=True)
class Outgoing:
    """A request that is ready but for its bytes.

    Attributes:
        base_url, path, query: make the URL.
        headers: with the key among them; never shown.
        body: see `Request`.
        timeout: seconds for connecting and reading, None for ever.
        repeatable: see `Request`.
    """

    base_url: str
    path: str
    query: dict[str, object]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | tuple[FormPart, ...] | None = field(repr=False)
    timeout: tuple[float | None, float | None]
    repeatable: bool


class HttpDoor:
    """Sends requests over kept connections.

    Args:
        proxy: as in `realtime_sync.transport.TransportOptions`.
        ssl_context: None for the system's certificate authorities.
        max_retries: how many tries may follow the first.
        sleep: waits between tries.

    Threads: may be shared.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_retries: int = 2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._proxy = proxy
        self._context = ssl_context
        self._max_retries = max_retries
        self._sleep = sleep
        self._lock = HomeLock()  # guards _adapters and _home
        self._adapters: dict[bool, _Adapter] = {}
        self._home = Home()

    def open(self, outgoing: Outgoing) -> OpenAnswer:
        """Send a request and return its answer, whose body is still to be read; POST only.

        Raises:
            ConfigError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        url, host, port = request_url(outgoing.base_url, outgoing.path, outgoing.query)
        secure = url.startswith("https:")
        proxy = proxy_for(host, port, secure=secure, chosen=self._proxy)
        place = Place(host, port, proxy)
        try:
            response = self._adapter(outgoing.repeatable).send(
                _prepare(url, outgoing),
                stream=True,
                timeout=outgoing.timeout,  # type: ignore[arg-type]  # None is taken for both
                proxies=_proxies(proxy),
            )
        except TRANSLATED as exc:
            raise translate(exc, place, outgoing.timeout) from exc
        except BaseException as exc:  # a signal handler's
            close_sockets(exc.__traceback__)
            raise
        answer = OpenAnswer(response, place, outgoing.timeout)
        _LOGGER.debug("POST %s: status %d", outgoing.path, answer.status)
        if not 200 <= answer.status < 300:
            raise _refusal(answer, Secrets(url, outgoing.headers, proxy=proxy))
        return answer

    def close(self) -> None:
        """Close the kept connections; a later request opens others."""
        with self._lock.here():
            adapters, self._adapters = self._adapters, {}
        for adapter in adapters.values():
            adapter.close()

    def _adapter(self, repeatable: bool) -> _Adapter:
        with self._lock.here():
            if self._home.left:  # a forked child must not share its parent's sockets
                self._adapters, self._home = {}, Home()
            if repeatable not in self._adapters:
                retry = make_retry(self._max_retries, repeatable=repeatable, sleep=self._sleep)
                context = self._context or ssl.create_default_context()
                self._adapters[repeatable] = _Adapter(retry, context)
            return self._adapters[repeatable]


class OpenAnswer:
    """An answer whose body is read on demand."""

    def __init__(
        self,
        response: requests.Response,
        place: Place,
        timeout: tuple[float | None, float | None],
    ) -> None:
        self._response = response
        self.place = place
        self._timeout = timeout
        self.status: int = response.status_code
        self.headers = Headers(response.headers.items())
        retries = getattr(response.raw, "retries", None)
        self.retries = 0 if retries is None else len(retries.history)

    def read(self) -> bytes:
        """Return the body from here on, and give the connection back."""
        return b"".join(self.chunks(65536))

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the body in pieces of at most ``size`` bytes."""
        try:
            yield from self._response.iter_content(size)
        except TRANSLATED as exc:
            raise translate(exc, self.place, self._timeout) from exc
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back, or end it if there is more to read."""
        self._response.close()

    def whole(self) -> Answer:
        """Return the answer read to its end."""
        return Answer(self.status, self.headers, self.read(), self.retries)


class _Adapter(HTTPAdapter):
    """Uses one SSLContext as it is: nothing is added to it or changed in it."""

    def __init__(self, retry: Any, context: ssl.SSLContext) -> None:
        self._context = context
        # Every thread that calls at once has a link; those beyond are closed, with a warning.
        super().__init__(max_retries=retry, pool_maxsize=_MAX_KEPT)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._context)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave it to the context."""


def _prepare(url: str, outgoing: Outgoing) -> requests.PreparedRequest:
    headers = {"User-Agent": f"realtime_sync/{__version__}", **outgoing.headers}
    for name, value in headers.items():
        check_header(name, value)
    if not isinstance(outgoing.body, tuple):
        return requests.Request("POST", url, headers=headers, data=outgoing.body).prepare()
    files = [(part.name, (None, part.data, part.content_type)) for part in outgoing.body]
    return requests.Request("POST", url, headers=headers, files=files).prepare()


def _proxies(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None:
        return {}
    login = "" if proxy.auth is None else ":".join(quote(p, safe="") for p in proxy.auth) + "@"
    url = f"{proxy.scheme}://{login}{proxy}"
    return {"http": url, "https": url}


def _refusal(answer: OpenAnswer, secrets: Secrets) -> RealtimeError:
    if answer.status == 407 and answer.place.proxy is not None:
        answer.close()
        return refused_by_proxy(answer.place, answer.status)
    body = b""
    try:
        for chunk in answer.chunks(4096):
            body += chunk
            if len(body) >= MAX_REFUSAL_BYTES:
                break
    except RealtimeError:
        pass  # the status is known; the words are lost
    answer.close()
    return refusal(answer.status, answer.headers.items(), body, secrets)
