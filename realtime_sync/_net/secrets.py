"""What must not be seen in messages and logs, even where a server repeats it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from .address import login_in
from .proxy import Proxy

__all__ = ["Secrets", "show_url", "without_secrets"]

_SUSPICIOUS: Final = re.compile(
    r"auth|bearer|cookie|cred|jwt|key|pass|pwd|secret|sig|token|\Acode\Z", re.IGNORECASE
)
_SHORTEST: Final = 8  # characters; shorter values alone would mask parts of ordinary words
_MASK: Final = "***"


def show_url(url: str | None) -> str:
    """Return the ``repr`` of a URL, also of one that is malformed, without its secrets.

    Masked are the login before the host, and those parameters whose names sound like a secret.

    Example:
        >>> show_url("https://me:hush@example.com/v1?api-key=hush&tag=a")
        "'https://***@example.com/v1?api-key=***&tag=a'"
    """
    if not isinstance(url, str):
        return repr(url)
    before, at, rest = url.rpartition("@")
    if at:  # up to the last one: a password may hold whatever it must not
        scheme, slashes, _ = before.partition("://")
        url = f"{scheme}{slashes}{_MASK}@{rest}" if slashes else f"{_MASK}@{rest}"
    place, mark, _ = url.partition("?")
    shown = (
        f"{name}={_MASK}" if value and _SUSPICIOUS.search(name) else f"{name}{equals}{value}"
        for name, equals, value in _parameters(url)
    )
    return repr(place + mark + "&".join(shown))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a child that needs no secret.

    Left out are those whose names sound like one, and URLs with a login.

    Args:
        environment: names and values, such as ``os.environ``.
    """
    return {
        name: value
        for name, value in environment.items()
        if not _SUSPICIOUS.search(name) and not ("://" in value and "@" in value)
    }


class Secrets:
    """The secrets of one connection.

    Args:
        url: its login, and those parameters of its query whose names sound like it.
        headers: those whose names sound like it; of "Bearer KEY" both the whole and the key, and
            of "Basic …" the password, too.
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
        pairs = {}  # what tells a secret that is too short to be looked for alone
        for name, value in headers.items():
            if _SUSPICIOUS.search(name):
                found |= {value, *value.split(), *_basic_password(value)}
        for name, _, value in _parameters(url):
            if value and _SUSPICIOUS.search(name):
                for form in {value, unquote_plus(value)}:
                    found.add(form)
                    pairs[f"{name}={form}"] = f"{name}={_MASK}"
        for auth in (login_in(url), None if proxy is None else proxy.auth):
            if auth is None:
                continue
            login = ":".join(auth)
            found |= {auth[1], base64.b64encode(login.encode()).decode()}
            pairs[f"{login}@"] = f"{_MASK}@"
        masked = {form: _MASK for value in found for form in _forms(value)} | pairs
        # The longest first: one may be part of another.
        self._masked = sorted(masked.items(), key=lambda each: len(each[0]), reverse=True)

    def hide(self, text: str) -> str:
        """Return ``text`` with the secrets masked."""
        for value, mask in self._masked:
            text = text.replace(value, mask)
        return text

    def hide_in_body(self, data: bytes) -> bytes:
        """Return what a server sent with the secrets masked, also where JSON hides them.

        Some serialisers write each ``+`` and ``/`` of a key as an escape, which decoding undoes.
        """
        for value, mask in self._masked:
            data = data.replace(value.encode(errors="replace"), mask.encode())
        with suppress(ValueError, RecursionError):
            decoded = json.loads(data)
            if (hidden := self._hide_in(decoded)) != decoded:
                return json.dumps(hidden).encode()
        return data

    def _hide_in(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self._hide_in(each) for each in value]
        if isinstance(value, dict):
            return {self.hide(name): self._hide_in(each) for name, each in value.items()}
        return value

    def are_in(self, text: str) -> bool:
        """Whether ``text`` holds one."""
        return any(value in text for value, _ in self._masked)

    def clean_cause(self, exc: BaseException | None) -> BaseException | None:
        """Return what of an exception's causes may be shown, from the root up; None for nothing."""
        clean = None
        for each in reversed([*_chain(exc)]):
            if self.are_in(f"{each} {each!r} {vars(each)!r}"):
                break
            clean = each
        return clean


def _parameters(url: str) -> Iterator[tuple[str, str, str]]:
    """Yield the parameters of a URL's query as they are written: name, ``=``, value."""
    for parameter in url.partition("?")[2].split("&"):
        yield parameter.partition("=")


def _basic_password(value: str) -> Iterator[str]:
    """Yield the password of a header for basic authentication (RFC 7617)."""
    scheme, _, coded = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            login = base64.b64decode(coded, validate=True).decode()
            yield login.partition(":")[2]


def _forms(value: str) -> Iterator[str]:
    """Yield how URLs, JSON and a ``repr`` write a secret that is long enough."""
    if len(value) >= _SHORTEST:
        yield value
        yield repr(value)[1:-1]
        yield json.dumps(value)[1:-1]
        if value.isascii():  # others can't be in a header, and in a query they are as it has them
            yield quote(value, safe="")
            yield quote_plus(value)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
