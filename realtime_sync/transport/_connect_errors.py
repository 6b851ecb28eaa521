"""Why a connection could not be opened, in words that say what to do next.

Messages name host and port only: a URL's query, a header or a proxy's password may be secret.
"""

from __future__ import annotations

import io
import re
import ssl
from collections.abc import Callable
from typing import Any, Final

import websocket
from attrs import field, frozen

from ..errors import ApiError, ConnectError, RealtimeError, api_error
from ._proxy import Proxy
from ._secrets import Secrets

__all__ = ["Target", "refusal", "translate"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")
_ENDED: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_MAX_BODY: Final = 65536  # bytes of a refusal's body that are kept


@frozen
class Target:
    """The server of a connection, and what is asked of it."""

    secure: bool
    host: str
    port: int
    resource: str = field(default="/", repr=False)  # its query may hold a secret

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def refusal(seen: bytes, read_on: Callable[[int], bytes], secrets: Secrets) -> ApiError | None:
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
    headers = {}
    if response.headers is not None:
        headers = {name: secrets.hide(value) for name, value in response.headers.items()}
    return api_error(int(match[1]), headers, secrets.hide_bytes(body))


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
    where = f"{target}" if proxy is None else f"{target} (proxy {proxy})"
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, TimeoutError):
        return _translate_tls(exc, target)
    if isinstance(exc, (TimeoutError, websocket.WebSocketTimeoutException)):
        return ConnectError(
            f"{where} did not answer within {open_timeout:g} s; check address and firewall, "
            "or raise open_timeout"
        )
    if isinstance(exc, (*_ENDED, websocket.WebSocketConnectionClosedException)):
        words = f"{where} ended the link during the handshake; check {_scheme_hint(target)}"
        certificate = ", and whether it wants a client certificate" if target.secure else ""
        return ConnectError(words + certificate)
    if isinstance(exc, websocket.WebSocketException):
        return ConnectError(
            f"{target} did not answer as a WebSocket server ({str(exc)[:100]}); check host, port, "
            f"path and {_scheme_hint(target)}"
        )
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


def _scheme_hint(target: Target) -> str:
    other = "ws:// for one without TLS" if target.secure else "wss:// for one with TLS"
    return f"whether the server expects {other}"
