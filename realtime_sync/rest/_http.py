"""The door to requests: one request in, one answer or one of our exceptions out.

Its adapters are used without its sessions: those follow redirects, keep cookies, and replace our
``Authorization`` by what ``~/.netrc`` says.
"""

from __future__ import annotations

import gzip
import logging
import ssl
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote

import requests
from attrs import field, frozen
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError

from .._fork import Home, HomeLock
from .._headers import Headers, check_header
from .._net.connect_errors import MAX_REFUSAL_BYTES, Failure, Place, refusal, refused_by_proxy
from .._net.proxy import Proxy, proxy_for
from .._net.secrets import Secrets
from .._shown import shown
from .._version import __version__
from ..errors import RealtimeError
from ._http_bounds import MAX_ANSWER_BYTES, AnswerTooLarge, bounded
from ._http_errors import BROKEN_BODY, TRANSLATED, close_sockets, translate
from ._http_retry import make_retry
from ._url import request_url
from .request import Answer, FormPart

__all__ = ["HttpDoor", "OpenAnswer", "Outgoing"]

_LOGGER = logging.getLogger("realtime_sync.rest")

_MAX_KEPT: Final = 64  # links

_UNPACKED: Final = ("gzip", "x-gzip")  # none is asked for, but some servers pack all the same

# Of the request that this thread is sending.
_SECRETS: ContextVar[Secrets | None] = ContextVar("secrets", default=None)


def _mask(record: logging.LogRecord) -> bool:
    """Mask the secrets of the request in what urllib3 logs: it shows URLs with their queries."""
    secrets = _SECRETS.get()
    if secrets is None:
        return True
    # All as text: an exception may quote an odd line of the server's, and it keeps the link open.
    record.msg, record.args = secrets.hide(record.getMessage()), None
    if record.exc_info and record.exc_info[1]:
        trace = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        record.exc_text, record.exc_info = secrets.hide(trace), None
    return True


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_mask)


@contextmanager
def _masked(secrets: Secrets) -> Iterator[None]:
    token = _SECRETS.set(secrets)
    try:
        yield
    finally:
        _SECRETS.reset(token)


@frozen(kw_only=True)
class Outgoing:
    """A request that is ready but for its bytes.

    Attributes:
        method: ``"POST"`` or ``"GET"``.
        base_url, path, query: make the URL; only the path is shown.
        headers: with the key among them; never shown.
        body: see `Request`.
        timeout: seconds for connecting and reading, None for ever.
        repeatable: see `Request`.
    """

    method: str
    base_url: str = field(repr=False)
    path: str
    query: dict[str, object] = field(repr=False)
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
        """Send a request and return its answer, whose body is still to be read.

        Raises:
            ConfigError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        url, host, port = request_url(outgoing.base_url, outgoing.path, outgoing.query)
        secure = url.startswith("https:")
        proxy = proxy_for(host, port, secure=secure, chosen=self._proxy)
        exchange = _Exchange(
            Place(host, port, proxy),
            outgoing.timeout,
            Secrets(url, outgoing.headers, proxy=proxy),
            secure,
        )
        answer = self._send(url, outgoing, exchange)
        if isinstance(answer, Failure):
            # Not inside the handler: what a library says may repeat a secret of ours.
            raise answer.error from answer.cause
        _LOGGER.debug("%s %s: status %d", outgoing.method, outgoing.path, answer.status)
        if not 200 <= answer.status < 300:
            raise _refusal(answer, exchange)
        return answer

    def _send(self, url: str, outgoing: Outgoing, exchange: _Exchange) -> OpenAnswer | Failure:
        try:
            with _masked(exchange.secrets):
                response = self._adapter(outgoing.repeatable).send(
                    _prepare(url, outgoing),
                    stream=True,
                    timeout=outgoing.timeout,  # type: ignore[arg-type]  # None is taken for both
                    proxies=_proxies(exchange.place.proxy),
                )
        except TRANSLATED as exc:
            close_sockets(exc)
            return exchange.failure(exc)
        except BaseException as exc:  # a signal handler's
            close_sockets(exc)
            raise
        return OpenAnswer(response, exchange)

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


@frozen
class _Exchange:
    """What an error of one request needs to know."""

    place: Place
    timeout: tuple[float | None, float | None]
    secrets: Secrets
    secure: bool

    def failure(self, exc: BaseException, *, answered: bool = False) -> Failure:
        may_want_tls = not (self.secure or answered)
        error = translate(exc, self.place, self.timeout, may_want_tls=may_want_tls)
        return Failure(error, self.secrets.clean_cause(exc))


class OpenAnswer:
    """An answer whose body is read on demand."""

    def __init__(self, response: requests.Response, exchange: _Exchange) -> None:
        self._response = response
        self._exchange = exchange
        self.status: int = response.status_code
        self.headers = Headers(response.headers.items())
        retries = getattr(response.raw, "retries", None)
        self.retries = 0 if retries is None else len(retries.history)

    def read(self) -> bytes:
        """Return the body from here on, and give the connection back."""
        return b"".join(self.chunks(65536))

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the body, unpacked, in pieces of at most ``size`` bytes."""
        failure = None
        left = MAX_ANSWER_BYTES
        try:
            for piece in self._pieces(size):
                left -= len(piece)
                if left < 0:
                    raise AnswerTooLarge
                yield piece
        except BROKEN_BODY as exc:
            failure = self._exchange.failure(exc, answered=True)
        finally:
            self.close()
        if failure is not None:
            raise failure.error from failure.cause

    def _pieces(self, size: int) -> Iterator[bytes]:
        # Not unpacked by urllib3: a piece of it may become any size there.
        raw = self._response.raw
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding in _UNPACKED:
            yield from _unpacked(raw, size)
        elif coding == "identity":
            yield from raw.stream(size, decode_content=False)
        else:
            raise DecodeError(f"{shown(coding, 40)} was not asked for")

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

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = bounded(type(pool).ConnectionCls)
        return pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave it to the context."""

    def close(self) -> None:
        """Close the links now: urllib3 forgets its pools, and an error that is kept holds them."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 -- it can't be iterated
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
        super().close()


def _unpacked(raw: Any, size: int) -> Iterator[bytes]:
    file = gzip.GzipFile(fileobj=raw)
    try:
        while piece := file.read(size):
            yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise DecodeError("no gzip") from exc


def _prepare(url: str, outgoing: Outgoing) -> requests.PreparedRequest:
    headers = {"User-Agent": f"realtime_sync/{__version__}", **outgoing.headers}
    for name, value in headers.items():
        check_header(name, value)
    if not isinstance(outgoing.body, tuple):
        return requests.Request(outgoing.method, url, headers=headers, data=outgoing.body).prepare()
    files = [(part.name, (None, part.data, part.content_type)) for part in outgoing.body]
    return requests.Request(outgoing.method, url, headers=headers, files=files).prepare()


def _proxies(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None:
        return {}
    login = "" if proxy.auth is None else ":".join(quote(p, safe="") for p in proxy.auth) + "@"
    url = f"{proxy.scheme}://{login}{proxy}"
    return {"http": url, "https": url}


def _refusal(answer: OpenAnswer, exchange: _Exchange) -> RealtimeError:
    if answer.status == 407 and exchange.place.proxy is not None:
        answer.close()
        return refused_by_proxy(exchange.place, answer.status)
    body = b""
    try:
        for chunk in answer.chunks(4096):
            body += chunk
            if len(body) >= MAX_REFUSAL_BYTES:
                break
    except RealtimeError:
        pass  # the status is known; the words are lost
    answer.close()
    return refusal(answer.status, answer.headers.items(), body, exchange.secrets)
