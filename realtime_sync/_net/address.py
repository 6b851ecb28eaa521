"""The address of a server: out of a URL, and in messages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from .._shown import shown
from ..errors import ConfigError

__all__ = [
    "HTTP_PORTS",
    "WEBSOCKET_PORTS",
    "login_in",
    "server_url",
    "show_address",
    "split_url",
]

# By scheme, where a URL names none.
HTTP_PORTS: Final = {"http": 80, "https": 443}
WEBSOCKET_PORTS: Final = {"ws": 80, "wss": 443}


def show_address(host: str, port: int) -> str:
    """Return ``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_url(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """Return the parts of a URL, its host and its port; None where it is malformed.

    No exception says so: the standard library's repeat what they stumble over, a password too.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        return parts, parts.hostname, parts.port
    return None


def login_in(url: str) -> tuple[str, str] | None:
    """Return the user name and the password in a URL, decoded; None where there are none."""
    found = split_url(url)
    if found is None or not (found[0].username or found[0].password):
        return None
    return unquote(found[0].username or ""), unquote(found[0].password or "")


def server_url(
    url: str, *, name: str, ports: Mapping[str, int], example: str, login: bool = False
) -> tuple[SplitResult, str, int]:
    """Return the parts of a server's URL, its host and its port.

    Args:
        url: messages never repeat it: its query may hold a secret.
        name: what to call it in messages.
        ports: the schemes that it may have, and the port where it names none.
        example: for messages.
        login: whether it may hold a user name and a password.

    Raises:
        ConfigError: it is malformed, names no host, or holds a password.
    """
    found = split_url(url)
    if found is None:
        raise ConfigError(f"{name} has a malformed host or port; use {example}")
    parts, host, port = found
    if port == 0:
        raise ConfigError(f"{name} names the port 0, on which nothing listens; use {example}")
    if parts.scheme not in ports:
        schemes = " or ".join(f"{scheme}://" for scheme in ports)
        raise ConfigError(f"{name} has the scheme {shown(parts.scheme)}; use {schemes}")
    if not host:
        raise ConfigError(f"{name} names no host; use {example}")
    if not login and (parts.username is not None or parts.password is not None):
        raise ConfigError(f"{name} holds a user name or password; send them in a header instead")
    return parts, host, port or ports[parts.scheme]
