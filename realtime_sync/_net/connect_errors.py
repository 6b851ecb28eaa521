"""Why there is no link, in words that say what to do next.

Each library is translated at its own door; what the doors have to say alike is said here. Messages
name host and port only: a URL's query, a header or a proxy's password may be secret.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from .._headers import Headers
from .._installation import install_command
from ..errors import ApiError, ConfigError, ConnectError, RealtimeError, api_error
from .address import show_address
from .proxy import Proxy
from .secrets import Secrets

__all__ = [
    "MAX_REFUSAL_BYTES",
    "Failure",
    "Place",
    "no_http_proxy",
    "no_link",
    "no_socks",
    "no_tls",
    "refusal",
    "refused_by_proxy",
    "silence",
    "unknown_host",
]

MAX_REFUSAL_BYTES: Final = 65536  # of a refusal's body are kept


@frozen
class Failure:
    """How an attempt ended, to be raised outside the handler: libraries' words may be secret.

    Attributes:
        error: for the caller.
        cause: what of the library's exception may be shown.
    """

    error: RealtimeError
    cause: BaseException | None


@frozen
class Place:
    """A server, and the proxy on the way to it."""

    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def server(self) -> str:
        """The server alone."""
        return show_address(self.host, self.port)

    @property
    def first(self) -> tuple[str, int]:
        """Host and port of what is dialled: the proxy, if there is one."""
        return (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)

    def __str__(self) -> str:
        return self.server if self.proxy is None else f"{self.server} (proxy {self.proxy})"


def unknown_host(host: str) -> ConnectError:
    """Return the error for a host name without an address."""
    return ConnectError(f"the host name {host!r} does not resolve; check its spelling and DNS")


def no_link(exc: BaseException | None, place: Place) -> ConnectError:
    """Return the error for a connection that did not come about because of ``exc``."""
    if isinstance(exc, ConnectionRefusedError):
        return ConnectError(f"{place} refused the connection: is the server running at this port?")
    words = (exc.strerror or str(exc)) if isinstance(exc, OSError) else type(exc).__name__
    return ConnectError(f"cannot connect to {place}: {words}; check address and network")


def silence(place: Place, timeout: float | None, option: str) -> ConnectError:
    """Return the error for a place that let the time pass.

    Args:
        place: who was silent.
        timeout: the limit in seconds.
        option: what to raise to have a longer one.
    """
    return ConnectError(
        f"{place} did not answer within {timeout:g} s; check address and firewall, "
        f"or raise {option}"
    )


def no_tls(exc: ssl.SSLError, place: Place, plain: str) -> ConnectError:
    """Return the error for a TLS handshake that failed.

    Args:
        exc: as OpenSSL says it.
        place: where; the handshake is the server's, whatever lies on the way.
        plain: the scheme without TLS, such as ``"ws://"``.
    """
    server = place.server
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the certificate of {server} is not trusted ({exc.verify_message}); for a private "
            "authority pass ssl_context=ssl.create_default_context(cafile=...)"
        )
    if exc.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return ConnectError(f"{server} does not speak TLS; use {plain} for a server without it")
    return ConnectError(
        f"no TLS session with {server} ({exc.reason or 'the link ended'}); check the port, "
        "and the versions and certificates in ssl_context"
    )


def refused_by_proxy(place: Place, status: int) -> ConnectError:
    """Return the error for a proxy that does not let us through."""
    hint = "check that it may reach this server"
    if status == 407:
        hint = "give it a user name and password: proxy='http://user:password@host:port'"
    return ConnectError(
        f"the proxy {place.proxy} refused {place.server} with status {status}; {hint}"
    )


def no_http_proxy(place: Place) -> ConnectError:
    """Return the error for a proxy that does not answer as one."""
    return ConnectError(
        f"the proxy {place.proxy} gave no HTTP answer for {place.server}; "
        "check that it is an http proxy"
    )


def no_socks() -> ConfigError:
    """Return the error for a SOCKS proxy without the packages that know the protocol."""
    return ConfigError(f"a socks proxy needs an extra: {install_command('socks')}")


def refusal(
    status: int, headers: Iterable[tuple[str, str]], body: bytes, secrets: Secrets
) -> ApiError:
    """Return the error for an answer that is a refusal.

    A server that repeats the key must not get it into somebody's log.

    Args:
        status: the HTTP status code.
        headers: of the answer.
        body: of the answer, or the beginning of it.
        secrets: are masked in both.
    """
    shown = Headers((name, secrets.hide(value)) for name, value in headers)
    return api_error(status, shown, secrets.hide_in_body(body))
