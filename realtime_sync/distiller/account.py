"""As whom a program speaks to AI Refinery: the address, the key, and the account it belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from .._fork import HomeLock
from .._headers import checked_headers
from .._net.address import HTTP_PORTS, server_url
from .._required import is_absent
from .._types import UNSET, JsonDict, SSLContext
from ..clients.base import secret_option
from ..errors import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    PermissionDeniedError,
    UnprocessableEntityError,
)
from ..providers.base import WEBSOCKET_SCHEMES, Secret, ask_secret, check_secret, merge_headers
from ..rest.api import DEFAULT_MAX_RETRIES, RestApi
from ..rest.request import Answer, Request, json_body, json_object

__all__ = ["SDK_VERSION", "Account", "AnyKey", "GivesToken"]

# Of the provider's SDK whose requests these are; the server is told in headers and bodies.
SDK_VERSION: Final = "1.33.2"

_DEFAULT_URL: Final = "https://api.airefinery.accenture.com"
_LEGACY_URL: Final = "https://legacy-api.airefinery.accenture.com"


class GivesToken(Protocol):
    """What has a fresh token, such as `realtime_sync.distiller.TokenProvider`."""

    def token(self) -> str:
        """Return a token that is valid now."""


AnyKey = str | Callable[[], str] | GivesToken


class Account:
    """The address, the key, and the account that the server says it belongs to.

    It is the `realtime_sync.rest.api.RestProvider` of its own requests.

    Args:
        api_key: see `realtime_sync.distiller.AIRefinery`; so are the others.
        base_url: …
        default_headers: …
        timeout: …
        max_retries: …
        proxy: …
        ssl_context: …

    Attributes:
        base_url: without ``/v1``.

    Threads: may be shared.
    """

    def __init__(
        self,
        api_key: AnyKey | None,
        base_url: str | None,
        default_headers: Mapping[str, str] | None,
        *,
        timeout: Any = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._key = _secret(api_key)
        self.base_url = _base_url(base_url)
        self._default_headers = checked_headers(default_headers, "default_headers")
        self._api = RestApi(
            lambda: self,
            proxy=proxy,
            ssl_context=ssl_context,
            timeout=timeout,
            max_retries=max_retries,
        )
        self._id: str | None = None
        self._lock = HomeLock()  # guards _id; held while the server is asked, so it is asked once

    @property
    def id(self) -> str:
        """The organisation that the key belongs to; the server is asked for it once.

        Raises:
            AuthenticationError: the server does not take the key.
            ConfigError, ConnectError, RealtimeTimeout, RemoteProtocolError, ApiError: see
                `realtime_sync.rest`.
        """
        if self._id is None:
            headers = self._headers({})  # asks the program's function, so outside the lock
            with self._lock.here():
                if self._id is None:
                    self._id = self._ask_id(headers)
        return self._id

    def headers(self) -> dict[str, str]:
        """Return the headers of a request or a link in the account's name, with a fresh token.

        Raises as `id` does, and what ``api_key`` raises where that is a function.
        """
        return self._headers({"airefinery_account": self.id})

    def request(
        self, path: str, fields: Mapping[str, Any], *, repeatable: bool, timeout: Any = UNSET
    ) -> Request[JsonDict]:
        """Return a request in the account's name; raises as `headers` does.

        Args:
            path: below the base URL.
            fields: of the JSON body.
            repeatable: see `realtime_sync.rest.request.Request`.
            timeout: of this request, by default the client's.

        Raises:
            LocalProtocolError: the fields have no JSON form.
        """
        return Request(
            path=path,
            parse=json_object,
            body=json_body(fields),
            repeatable=repeatable,
            extra_headers=self.headers(),
            timeout=timeout,
        )

    def send(self, request: Request[JsonDict]) -> Answer:
        """Send a request and return its answer; raises as `realtime_sync.rest` says."""
        return self._api.open(request).whole()

    def session_url(self, project: str, uuid: str) -> str:
        """Return the WebSocket's URL for a project, as ``NAME`` or ``NAME:VERSION``, and a user."""
        parts = urlsplit(self.base_url)
        path = f"{parts.path}/distiller/realtime/{quote(self.id, safe='')}/{project}/{uuid}"
        return urlunsplit((WEBSOCKET_SCHEMES[parts.scheme], parts.netloc, path, parts.query, ""))

    def close(self) -> None:
        """Close the links that are kept for the next request; idempotent."""
        self._api.close()

    @property
    def rest_query(self) -> Mapping[str, object]:
        """No URL ends in a query."""
        return {}

    def rest_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return ``extra``: requests are made with all their headers."""
        return dict(extra)

    def _headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        own = {
            "Authorization": f"Bearer {ask_secret(self._key, 'api_key')}",
            "sdk_version": SDK_VERSION,
            "Content-Type": "application/json",
        }
        return merge_headers(own, self._default_headers, extra)

    def _ask_id(self, headers: Mapping[str, str]) -> str:
        request = Request(
            path="/authentication/validate",
            parse=json_object,
            repeatable=True,
            extra_headers=headers,
        )
        try:
            answer = self.send(request)
        except (BadRequestError, PermissionDeniedError, UnprocessableEntityError) as exc:
            raise AuthenticationError(*exc.args) from exc  # this route has one question only
        found = request.parse(answer).get("organization_id")
        if not isinstance(found, str) or not found:
            raise AuthenticationError("the server names no account for this key", answer.status)
        return found


def _secret(api_key: AnyKey | None) -> Secret:
    key: AnyKey | None = secret_option(api_key, "API_KEY")
    if is_absent(key):
        raise ConfigError("no API key: pass api_key=… or set API_KEY")
    if isinstance(key, str):
        check_secret(key, "api_key")
        return key
    if not isinstance(key, type):  # a class has its methods, too, which need an object
        token = getattr(key, "token", None)
        if callable(token):
            provider: Callable[[], str] = token
            return provider
        if callable(key):
            return key
    raise ConfigError(
        f"api_key is a {type(key).__name__}; pass a string, a function that returns one, or what "
        "has a token()"
    )


def _base_url(given: str | None) -> str:
    """Return the address that was given, or that of the environment, without ``/v1``."""
    name, url = "base_url", given
    if is_absent(url):
        name, url = "AIR_BASE_URL", os.environ.get("AIR_BASE_URL")
    if is_absent(url):
        legacy = os.environ.get("USE_LEGACY_API_URL", "").lower() in ("1", "true")
        return _LEGACY_URL if legacy else _DEFAULT_URL
    if not isinstance(url, str):
        raise ConfigError(f"{name} is a {type(url).__name__}; pass a text, such as https://host")
    parts, _, _ = server_url(url, name=name, ports=HTTP_PORTS, example="https://host:port/path")
    # Servers of other protocols, such as the embedded one, have their routes below /v1.
    path = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
