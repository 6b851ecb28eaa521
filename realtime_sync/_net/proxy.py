"""Which proxy a connection goes through, if any."""

from __future__ import annotations

import os

from attrs import field, frozen

from ..errors import ConfigError
from .address import login_in, show_address, split_url

__all__ = ["Proxy", "parse_proxy", "proxy_for"]

_SCHEMES = ("http", "socks4", "socks4a", "socks5", "socks5h")
_DEFAULT_PORTS = {"http": 80}
_SOCKS_PORT = 1080


@frozen
class Proxy:
    """Where the proxy is and how to talk to it."""

    scheme: str
    host: str
    port: int
    auth: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return show_address(self.host, self.port)


def parse_proxy(url: str, source: str = "proxy") -> Proxy:
    """Parse a proxy's URL.

    Args:
        url: ``http://[user:password@]host[:port]``, or one of the ``socks`` schemes.
        source: what to call it in messages, which never repeat the URL: it may hold a password.

    Raises:
        ConfigError: it is not such a URL.
    """
    example = "write it as http://user:password@host:port"
    if not isinstance(url, str) or "://" not in url:
        raise ConfigError(f"{source} is not a URL with a scheme; {example}")
    found = split_url(url)
    if found is None:
        raise ConfigError(f"{source} is not a valid URL; {example}")
    parts, host, port = found
    if parts.scheme == "https":
        raise ConfigError(
            f"{source} has the scheme 'https': TLS to the proxy itself is not supported "
            "(wss:// through an http:// proxy is encrypted end to end); use http://host:port"
        )
    if parts.scheme not in _SCHEMES:
        raise ConfigError(f"{source} has the scheme {parts.scheme!r}; use one of {_SCHEMES}")
    if not host:
        raise ConfigError(f"{source} names no host; {example}")
    if not port:
        port = _DEFAULT_PORTS.get(parts.scheme, _SOCKS_PORT)
    return Proxy(parts.scheme, host, port, login_in(url) if parts.username else None)


def proxy_for(host: str, port: int, *, secure: bool, chosen: str | None) -> Proxy | None:
    """Return the proxy for one server.

    Args:
        host: the server's name or address.
        port: the server's port.
        secure: whether the server is reached by TLS.
        chosen: the caller's proxy; "" for none at all; None for the environment's
            (``https_proxy`` for TLS, else ``http_proxy``; then ``all_proxy``; ``no_proxy`` counts).
    """
    if chosen is not None:
        return parse_proxy(chosen) if chosen else None
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None  # the usual case, without urllib.request's import of 15 ms
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    kind = "https" if secure else "http"
    name = kind if proxies.get(kind) else "all"
    url = proxies.get(name)
    if not url or proxy_bypass(f"{host}:{port}"):
        return None
    # Other tools take "host:port" for http, so a newcomer's environment may hold it.
    return parse_proxy(url if "://" in url else f"http://{url}", f"{name}_proxy in the environment")
