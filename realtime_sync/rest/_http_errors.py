"""What requests and urllib3 raise, as our exceptions.

Messages name host and port only: a URL's query, a header or a proxy's password may be secret.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Final

from requests import exceptions as http
from urllib3 import exceptions as low

from ..errors import ConfigError, ConnectError, RealtimeError, RealtimeTimeout, RemoteProtocolError
from ._place import Place

__all__ = ["TRANSLATED", "translate"]

TRANSLATED: Final = (http.RequestException, low.HTTPError, OSError, HTTPException)


def translate(
    exc: BaseException, place: Place, timeout: tuple[float | None, float | None]
) -> RealtimeError:
    """Return our exception for whatever went wrong without an answer."""
    if isinstance(exc, http.InvalidSchema) and "SOCKS" in str(exc):
        return ConfigError("a socks proxy needs an extra: pip install 'realtime_sync[socks]'")
    if isinstance(exc, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
        return ConfigError("base_url is no URL that can be requested; use https://host/path")
    root = _root(exc)
    if isinstance(root, low.ProxyError):
        # urllib3 blames the proxy for a link through it that breaks, too.
        if not isinstance(root.original_error, (low.ConnectTimeoutError, ConnectionError)):
            return _proxy(root, place)
        root = root.original_error
    if isinstance(root, low.ReadTimeoutError):
        return RealtimeTimeout(
            f"{place} was silent for {timeout[1]:g} s; it may have done what was asked. "
            "Raise timeout=, or look before you repeat the call"
        )
    if isinstance(root, low.ConnectTimeoutError):
        return _connect(root, place, timeout[0])
    tls = _find(root, ssl.SSLError)
    if tls is not None:
        return _tls(tls, place)
    return _broken(root, place)


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


def _proxy(exc: low.ProxyError, place: Place) -> RealtimeError:
    words = str(exc.original_error)
    if "407" in words:
        return place.refused_by_proxy(407)
    return ConnectError(f"{place}: the proxy could not be used; check that it is an http proxy")


def _connect(exc: BaseException, place: Place, timeout: float | None) -> ConnectError:
    if isinstance(exc, low.NameResolutionError):
        name = place.nearest_host
        return ConnectError(f"the host name {name!r} does not resolve; check its spelling and DNS")
    if not isinstance(exc, low.NewConnectionError):
        return ConnectError(
            f"{place} did not answer within {timeout:g} s; check address and firewall, "
            "or raise timeout"
        )
    cause = exc.__cause__
    if isinstance(cause, ConnectionRefusedError):
        return ConnectError(f"{place} refused the connection: is the server running at this port?")
    words = (cause.strerror or str(cause)) if isinstance(cause, OSError) else type(exc).__name__
    return ConnectError(f"cannot connect to {place}: {words}; check address and network")


def _tls(exc: ssl.SSLError, place: Place) -> ConnectError:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the certificate of {place} is not trusted ({exc.verify_message}); for a private "
            "authority pass ssl_context=ssl.create_default_context(cafile=...)"
        )
    if exc.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return ConnectError(f"{place} does not speak TLS; use http:// for a server without it")
    return ConnectError(
        f"no TLS session with {place} ({exc.reason or 'the link ended'}); check the port, "
        "and the versions and certificates in ssl_context"
    )


def _broken(exc: BaseException, place: Place) -> RealtimeError:
    inner = [arg for arg in exc.args if isinstance(arg, BaseException)]
    cause = inner[0] if inner else exc
    if isinstance(exc, low.DecodeError):
        return RemoteProtocolError(f"{place} sent a body that its content-encoding does not fit")
    ended = isinstance(cause, (RemoteDisconnected, IncompleteRead))
    if isinstance(cause, HTTPException) and not ended:
        return RemoteProtocolError(
            f"{place} did not answer as an HTTP server ({type(cause).__name__}); check host, port "
            "and scheme"
        )
    return ConnectError(
        f"{place} ended the link before its answer was complete; it may have done what was asked"
    )
