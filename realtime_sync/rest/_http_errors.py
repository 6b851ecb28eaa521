"""What requests and urllib3 raise, as our exceptions."""

from __future__ import annotations

import re
import socket
import ssl
import traceback
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Final

from requests import exceptions as http
from urllib3 import exceptions as low

from .._net.connect_errors import (
    Place,
    no_http_proxy,
    no_link,
    no_socks,
    no_tls,
    refused_by_proxy,
    silence,
    unknown_host,
)
from ..errors import (
    AnswerLostError,
    ConfigError,
    ConnectError,
    RealtimeError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from ._http_bounds import MAX_ANSWER_BYTES, AnswerTooLarge, AnswerTooSlow

__all__ = ["BROKEN_BODY", "TRANSLATED", "close_sockets", "translate"]

TRANSLATED: Final = (
    *(http.RequestException, low.HTTPError, OSError, HTTPException),
    AnswerTooLarge,
)
BROKEN_BODY: Final = (*TRANSLATED, ValueError, OverflowError)  # over a chunk of a negative size

_TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: (\d\d\d)")


def translate(
    exc: BaseException,
    place: Place,
    timeout: tuple[float | None, float | None],
    *,
    may_want_tls: bool,
) -> RealtimeError:
    """Return our exception for whatever went wrong without an answer.

    Args:
        exc: as the libraries raise it.
        place: where it happened.
        timeout: seconds for connecting and reading.
        may_want_tls: whether the server may end links because TLS is not spoken.
    """
    if isinstance(exc, http.InvalidSchema) and "SOCKS" in str(exc):
        return no_socks()
    if isinstance(exc, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
        return ConfigError("base_url is no URL that can be requested; use https://host/path")
    if isinstance(exc, AnswerTooLarge):
        return RemoteProtocolError(
            f"{place} sent an answer of more than {MAX_ANSWER_BYTES} bytes; check base_url"
        )
    root = _root(exc)
    if isinstance(root, low.ProxyError):
        # urllib3 blames the proxy for a link through it that breaks, too.
        if not isinstance(root.original_error, (low.ConnectTimeoutError, ConnectionError)):
            return _proxy(root, place)
        root = root.original_error
    if isinstance(root.__cause__, AnswerTooSlow):
        return RealtimeTimeout(
            f"{place} did not end its answer within {root.__cause__.limit_s:g} s; it may have done "
            "what was asked. Raise timeout=, or look before you repeat the call"
        )
    if isinstance(root, low.ReadTimeoutError):
        return RealtimeTimeout(
            f"{place} was silent for {timeout[1]:g} s; it may have done what was asked. "
            "Raise timeout=, or look before you repeat the call"
        )
    if isinstance(root, low.ConnectTimeoutError):
        return _connect(root, place, timeout[0])
    tls = _find(root, ssl.SSLError)
    if tls is not None:
        return no_tls(tls, place, "http://") if _is_of_handshake(tls) else _broken_tls(tls, place)
    return _broken(root, place, may_want_tls=may_want_tls)


def _root(exc: BaseException) -> BaseException:
    """Return what lies under the wrappers of both libraries."""
    while True:
        inner = getattr(exc, "reason", None) if isinstance(exc, low.MaxRetryError) else None
        if inner is None and isinstance(exc, http.RequestException) and exc.args:
            inner = exc.args[0]
        if not isinstance(inner, BaseException):
            return exc
        exc = inner


def _find(exc: BaseException | None, kind: type[ssl.SSLError]) -> ssl.SSLError | None:
    """Return the first exception of ``kind`` among the causes."""
    while exc is not None:
        for candidate in (exc, *exc.args):
            if isinstance(candidate, kind):
                return candidate
        exc = exc.__cause__ or exc.__context__
    return None


def _is_of_handshake(exc: ssl.SSLError) -> bool:
    """Return whether nothing was sent yet: nothing else of an error tells."""
    frames = traceback.walk_tb(exc.__traceback__)
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)


def _broken_tls(exc: ssl.SSLError, place: Place) -> AnswerLostError:
    return AnswerLostError(
        f"the TLS session with {place} broke before its answer was complete ({exc.reason}); it "
        "may have done what was asked"
    )


def _proxy(exc: low.ProxyError, place: Place) -> RealtimeError:
    refused = _TUNNEL_REFUSED.search(str(exc.original_error))
    return no_http_proxy(place) if refused is None else refused_by_proxy(place, int(refused[1]))


def _connect(exc: BaseException, place: Place, timeout: float | None) -> ConnectError:
    if isinstance(exc, low.NameResolutionError):
        return unknown_host(place.first[0])
    if not isinstance(exc, low.NewConnectionError):
        return silence(place, timeout, "timeout")
    return no_link(exc.__cause__ or exc, place)


def _broken(exc: BaseException, place: Place, *, may_want_tls: bool) -> RealtimeError:
    inner = [arg for arg in exc.args if isinstance(arg, BaseException)]
    cause = inner[0] if inner else exc
    if isinstance(exc, low.DecodeError):
        return RemoteProtocolError(f"{place} sent a body that its content-encoding does not fit")
    ended = isinstance(cause, (RemoteDisconnected, IncompleteRead))
    odd = isinstance(cause, (HTTPException, low.HTTPError, ValueError, OverflowError))
    if isinstance(cause, low.InvalidChunkLength) or (odd and not ended):
        return RemoteProtocolError(
            f"{place} did not answer as an HTTP server ({type(cause).__name__}); check host, port "
            "and scheme"
        )
    wants_tls = may_want_tls and isinstance(cause, ConnectionError)
    hint = ", or expect https:// with TLS" if wants_tls else ""
    return AnswerLostError(
        f"{place} ended the link before its answer was complete; it may have done what was "
        f"asked{hint}"
    )


def close_sockets(exc: BaseException) -> None:
    """Close what the libraries left open when they raised, or a signal handler did in the middle.

    A socket that is being connected, and an answer with two lengths, stay open in a variable of
    theirs, for as long as somebody keeps the exception.

    Args:
        exc: as it came to our door.
    """
    for each in {exc, _root(exc)}:
        for frame, _ in traceback.walk_tb(each.__traceback__):
            for value in frame.f_locals.values():
                if isinstance(value, (socket.socket, HTTPResponse)):
                    value.close()
