"""Why a connection could not be opened, in words that say what to do next.

Messages name host and port only: a URL's query, a header or a proxy's password may be secret.
"""

from __future__ import annotations

import io
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

import websocket
from attrs import frozen

from ..errors import ApiError, ConfigError, ConnectError, RealtimeError, api_error
from ._proxy import Proxy

__all__ = ["Target", "refusal", "translate"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")
_ENDED: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_MAX_BODY: Final = 65536  # bytes of a refusal's body that are kept


@frozen
class Target:
    """The server of a connection."""

    secure: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def refusal(seen: bytes, read_on: Callable[[int], bytes]) -> ApiError | None:
    """Return the error for an HTTP answer other than 101, or None when there was no such answer.

    Args:
        seen: the beginning of the answer.
        read_on: reads more of it; raises OSError when there is no more.
    """
    match = _STATUS_LINE.match(seen)
    if match is None or b"\r\n\r\n" not in seen:
        return None
    # websocket-client reads only bodies with a content-length; chunked ones are as common.
    from http.client import HTTPException, HTTPResponse, IncompleteRead

    body = b""
    response = HTTPResponse(_Answer(seen, read_on))  # type: ignore[arg-type]  # it only calls makefile
    try:
        response.begin()
        body = response.read(_MAX_BODY)
    except IncompleteRead as exc:
        body = exc.partial
    except (HTTPException, OSError, ValueError):
        pass  # the status is known; the words are lost
    finally:
        response.close()
    headers = dict(response.headers.items()) if response.headers is not None else {}
    return api_error(int(match[1]), headers, body)


class _Answer(io.RawIOBase):
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


def translate(
    exc: Exception, target: Target, proxy: Proxy | None, open_timeout: float
) -> RealtimeError:
    """Return our exception for whatever went wrong before the server gave an HTTP answer."""
    where = f"{target}" if proxy is None else f"{target} (proxy {proxy.host}:{proxy.port})"
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, TimeoutError):
        return _translate_tls(exc, target)
    if isinstance(exc, (TimeoutError, websocket.WebSocketTimeoutException)):
        return ConnectError(
            f"{where} did not answer within {open_timeout:g} s; check address and firewall, "
            "or raise open_timeout"
        )
    if isinstance(exc, (websocket.WebSocketAddressException, socket.gaierror, UnicodeError)):
        name = target.host if proxy is None else proxy.host
        return ConnectError(f"the host name {name!r} does not resolve; check its spelling and DNS")
    if isinstance(exc, websocket.WebSocketProxyException):
        return _translate_proxy(exc, target, proxy)
    if isinstance(exc, (*_ENDED, websocket.WebSocketConnectionClosedException)):
        return ConnectError(f"{where} ended the link during the handshake; {_scheme_hint(target)}")
    if isinstance(exc, websocket.WebSocketException):
        return _translate_answer(exc, target)
    if isinstance(exc, ConnectionRefusedError):
        return ConnectError(f"{where} refused the connection: is the server running at this port?")
    if isinstance(exc, OSError):
        words = exc.strerror or str(exc)
        return ConnectError(f"cannot connect to {where}: {words}; check address and network")
    return ConnectError(f"cannot connect to {where}: {type(exc).__name__}: {exc}")


def _translate_tls(exc: ssl.SSLError, target: Target) -> ConnectError:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the certificate of {target} is not trusted ({exc.verify_message}); for a private "
            "authority pass ssl_context=ssl.create_default_context(cafile=...)"
        )
    if exc.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return ConnectError(f"{target} does not speak TLS; use ws:// for a server without it")
    return ConnectError(
        f"no TLS session with {target} ({exc.reason or 'the link ended'}); check the port, "
        "and the versions and certificates in ssl_context"
    )


def _translate_proxy(exc: Exception, target: Target, proxy: Proxy | None) -> ConnectError:
    place = "" if proxy is None else f" {proxy.host}:{proxy.port}"
    status = re.search(r"status: (\d+)", str(exc))
    if status is None:
        return ConnectError(
            f"the proxy{place} gave no answer for {target}: {exc}; check that it is an http proxy"
        )
    hint = "check that it may reach this server"
    if status[1] == "407":
        hint = "give it a user name and password: proxy='http://user:password@host:port'"
    return ConnectError(f"the proxy{place} refused {target} with status {status[1]}; {hint}")


def _translate_answer(exc: Exception, target: Target) -> RealtimeError:
    words = str(exc)
    if "Python Socks" in words:
        return ConfigError("a socks proxy needs the package python-socks: pip install python-socks")
    return ConnectError(
        f"{target} did not answer as a WebSocket server ({words[:100]}); check host, port, path "
        f"and {_scheme_hint(target)}"
    )


def _scheme_hint(target: Target) -> str:
    other = "ws:// for one without TLS" if target.secure else "wss:// for one with TLS"
    return f"whether the server expects {other}"
