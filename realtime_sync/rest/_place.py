"""Where a request goes, in words that hold no secret."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit, urlunsplit

from attrs import frozen

from ..errors import ConfigError, ConnectError
from ..providers.base import encode_query
from ..transport._proxy import Proxy

__all__ = ["Place", "request_url"]


@frozen
class Place:
    """A server, and the proxy on the way to it."""

    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def nearest_host(self) -> str:
        """The host name that is looked up here."""
        return self.host if self.proxy is None else self.proxy.host

    def refused_by_proxy(self, status: int) -> ConnectError:
        """Return the exception for a proxy that does not let us through."""
        return ConnectError(
            f"the proxy of {self} refused with status {status}; give it a user name and password: "
            "proxy='http://user:password@host:port'"
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        through = "" if self.proxy is None else f" (proxy {self.proxy.host}:{self.proxy.port})"
        return f"{host}:{self.port}{through}"


def request_url(base_url: str, path: str, query: dict[str, object]) -> tuple[str, str, int]:
    """Return the URL of a request, and its host and port.

    Raises:
        ConfigError: the base URL is none for REST.
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError("base_url has a malformed host or port; use https://host:port") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            f"base_url has the scheme {parts.scheme!r} or no host; "
            "give one such as 'https://api.openai.com/v1'"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError("base_url holds a user name or password; send them in a header instead")
    whole = parts.path.rstrip("/") + path
    everything = {**parse_qs(parts.query, keep_blank_values=True), **query}
    url = urlunsplit((parts.scheme, parts.netloc, whole, encode_query(everything), ""))
    return url, host, port or (443 if parts.scheme == "https" else 80)
