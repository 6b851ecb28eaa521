"""HTTP headers: what may be sent, and a mapping that does not care for case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ._shown import shown
from .errors import ConfigError

__all__ = ["Headers", "check_header", "checked_headers", "fits_header"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110 §5.6.2


def fits_header(value: str) -> bool:
    """Return whether a text can be the value of a header: one line of printable ASCII."""
    return value.isascii() and value.isprintable()


def check_header(name: str, value: Any) -> None:
    """Refuse what would break the request, or smuggle another header into it.

    Raises:
        ConfigError: the name is no token, or the value not one line of printable ASCII.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"the header name {shown(name)} is not an HTTP token; correct it")
    # The value stays out of the message: it may be the key.
    if not isinstance(value, str) or not fits_header(value):
        raise ConfigError(
            f"the value of the header {shown(name)} is not one line of printable ASCII; "
            "look for a line break at the end of a key that was read from a file"
        )


def checked_headers(headers: object, option: str) -> dict[str, str]:
    """Return the headers that a program has given as an option; None is none.

    Raises:
        ConfigError: it is no dictionary, or one of them can't be sent.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):  # its value may be the key
        raise ConfigError(f"{option} is a {type(headers).__name__}; pass a dictionary of texts")
    for name, value in headers.items():
        check_header(name, value)
    return dict(headers)


class Headers(Mapping[str, str]):
    """The headers of a message; names are looked up in any case.

    Example:
        >>> Headers([("Content-Type", "application/sdp")])["content-type"]
        'application/sdp'

    Args:
        pairs: names and values; of two values under one name the last counts.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._by_lower = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._by_lower[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._by_lower.values())

    def __len__(self) -> int:
        return len(self._by_lower)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"  # a value may be a secret
