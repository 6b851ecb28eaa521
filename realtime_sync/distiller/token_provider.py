"""Tokens by OAuth 2.0 client credentials (RFC 6749 §4.4), for programs without a fixed key."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlunsplit

from attrs import field, frozen

from .._fork import HomeLock
from .._net.address import split_url
from .._net.secrets import show_url
from .._required import is_text
from .._shown import shown
from .._types import SSLContext
from .._uncopied import Uncopied
from ..errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    RateLimitError,
    RemoteProtocolError,
)
from ..events.wire_values import as_number
from ..rest.api import RestApi
from ..rest.request import Request, json_object
from ..transport import TransportOptions

__all__ = ["TokenProvider"]

_TIMEOUT_S: Final = 10.0
_MARGIN_S: Final = 60  # before the end of a token another one is fetched


class TokenProvider(Uncopied):
    """Fetches tokens, and keeps each until a minute before its end; in memory alone.

    Example:
        >>> provider = TokenProvider(
        ...     url="https://login.example.com/oauth2/token", client_id="app", client_secret="…"
        ... )
        >>> provider
        TokenProvider(url='https://login.example.com/oauth2/token', client_id='app')

    Args:
        url: of the token endpoint.
        client_id: of the program.
        client_secret: goes into the body of the request, and nowhere else.
        extra_fields: of the form, such as ``{"scope": "…"}``.
        proxy: as in `realtime_sync.distiller.AIRefinery`; so is the next.
        ssl_context: …
        clock: seconds since 1970.

    Raises:
        ConfigError: one of the first three is missing, or ``extra_fields`` is no mapping.

    Threads: may be shared; one fetches, and the others wait for it.
    """

    def __init__(
        self,
        *,
        url: str,
        client_id: str,
        client_secret: str,
        extra_fields: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        named = {"url": url, "client_id": client_id, "client_secret": client_secret}
        for name, value in named.items():
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} is missing; the token endpoint's documents name it")
        if not isinstance(extra_fields, Mapping | None):  # its value may be a secret
            raise ConfigError(
                f"extra_fields is a {type(extra_fields).__name__}; pass a dictionary of texts"
            )
        for name, value in (extra_fields or {}).items():
            if not is_text(name) or not is_text(value):
                raise ConfigError(f"extra_fields has {shown(name)}, which is no text, or has none")
        TransportOptions(proxy=proxy, ssl_context=ssl_context)  # refuses what is none
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._extra_fields = dict(extra_fields or {})
        self._options: dict[str, Any] = {"proxy": proxy, "ssl_context": ssl_context}
        self._clock = clock
        self._token = ""
        self._ends_at = 0.0
        self._lock = HomeLock()  # guards both; held while a token is fetched, so one fetches

    def token(self) -> str:
        """Return a token that is valid for another minute.

        Raises:
            AuthenticationError: the endpoint gives none.
            ConfigError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        with self._lock.here():
            if self._clock() >= self._ends_at - _MARGIN_S:
                self._token, self._ends_at = self._fetch()
            return self._token

    def _fetch(self) -> tuple[str, float]:
        asked_at = self._clock()
        found = self._request()
        token = found.get("access_token")
        if not isinstance(token, str) or not token:
            raise RemoteProtocolError("the token endpoint's answer has no access_token")
        lasts = as_number(found.get("expires_in"))
        ends_at = _end_in(token)
        if ends_at is None and lasts is not None:
            ends_at = asked_at + lasts
        return token, ends_at or 0.0  # of unknown length: it is used once

    def _request(self) -> Mapping[str, Any]:
        place, path = _place(self._url)
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
            **self._extra_fields,
        }
        request = Request(
            path=path,
            parse=json_object,
            body=urlencode(form).encode(),
            content_type="application/x-www-form-urlencoded",
            repeatable=True,
        )
        api = RestApi(lambda: place, timeout=_TIMEOUT_S, **self._options)
        try:
            return request.parse(api.open(request).whole())
        except ApiError as exc:
            failed = exc.status >= 500 or isinstance(exc, RateLimitError)
            kind = type(exc) if failed else AuthenticationError
            refusal = kind(self._masked(exc.message), exc.status, exc.request_id)
        finally:
            api.close()
        # Outside the handler, and without the body: a server may repeat the secret in it.
        raise refusal

    def _masked(self, words: str) -> str:
        secret = self._client_secret
        return words.replace(secret, "***").replace(quote_plus(secret), "***")

    def __repr__(self) -> str:
        url = show_url(self._url.partition("?")[0])
        return f"{type(self).__name__}(url={url}, client_id={self._client_id!r})"


@frozen(kw_only=True)
class _TokenEndpoint:
    """A `realtime_sync.rest.api.RestProvider` without a key."""

    base_url: str
    rest_query: Mapping[str, object] = field(factory=dict)

    def rest_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        return dict(extra)


def _place(url: str) -> tuple[_TokenEndpoint, str]:
    """Return a token endpoint and its path, whose last slash counts."""
    found = split_url(url)
    if found is None:
        raise ConfigError("the url of the token endpoint is none; use https://host/path")
    parts = found[0]
    base_url = urlunsplit((parts.scheme, parts.netloc, "", parts.query, ""))
    return _TokenEndpoint(base_url=base_url), parts.path


def _end_in(token: str) -> float | None:
    """Return when a JSON Web Token says that it ends (RFC 7519 §4.1.4), if it is one."""
    with suppress(ValueError, AttributeError, IndexError):
        claims = token.split(".")[1]
        claims += "=" * (-len(claims) % 4)
        return as_number(json.loads(base64.urlsafe_b64decode(claims)).get("exp"))
    return None
