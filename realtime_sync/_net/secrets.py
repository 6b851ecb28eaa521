"""What must not be seen in messages and logs, even where a server repeats it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from .proxy import Proxy

__all__ = ["Secrets"]

_SUSPICIOUS: Final = re.compile("auth|cookie|key|pass|secret|sig|token", re.IGNORECASE)
_SHORTEST: Final = 8  # characters; shorter values would mask parts of ordinary words
_MASK: Final = "***"


class Secrets:
    """The secrets of one connection.

    Args:
        url: those parameters of its query count whose names sound like it.
        headers: those whose names sound like it; of "Bearer KEY" both the whole and the key.
        subprotocols: all of them, because some servers take the key there.
        proxy: its password.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        subprotocols: Iterable[str] = (),
        proxy: Proxy | None = None,
    ) -> None:
        found = set(subprotocols)
        for name, value in headers.items():
            if _SUSPICIOUS.search(name):
                found |= {value, *value.split()}
        for parameter in urlsplit(url).query.split("&"):
            name, _, value = parameter.partition("=")
            if _SUSPICIOUS.search(name):
                found |= {value, unquote_plus(value)}
        if proxy is not None and proxy.auth is not None:
            found.add(proxy.auth[1])
        # The longest first: one may be part of another.
        self._values = sorted((v for v in found if len(v) >= _SHORTEST), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return ``text`` with the secrets masked."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return text

    def hide_bytes(self, data: bytes) -> bytes:
        """Return ``data`` with the secrets masked."""
        for value in self._values:
            data = data.replace(value.encode(), _MASK.encode())
        return data

    def are_in(self, text: str) -> bool:
        """Whether ``text`` holds one."""
        return any(value in text for value in self._values)
