"""Yandex AI Studio."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal

from .._net.secrets import show_url
from .._required import is_absent
from .._shown import shown
from .._types import UNSET, SSLContext, Unset
from ..errors import ConfigError
from ..providers import (
    DialectFactory,
    YandexDialect,
    YandexProvider,
    YandexVerbatim,
    dialect_factory,
)
from ..providers.yandex import file_search, web_search
from ..rest.api import DEFAULT_MAX_RETRIES
from ..rest.request import Timeout
from ..transport import TransportOptions
from .base import Client, RealtimeResource, mapping_option, text_option

__all__ = ["YandexAIStudio", "file_search", "web_search"]

_ENDPOINTS = {
    "current": "https://ai.api.cloud.yandex.net/v1",
    "legacy": "https://rest-assistant.api.cloud.yandex.net/v1",
}
_LEGACY_WEBSOCKETS = "/openai"  # …/v1/realtime/openai


class YandexAIStudio(Client):
    """Voice agents of Yandex AI Studio; the program speaks GA with them, or their own events.

    In GA, sessions without rates get 24 kHz in both directions, and what the server does not take
    is refused here, with the way out: see the document on providers.

    Args:
        folder_id: the folder whose models are meant by short names such as
            ``"speech-realtime-260528"``; by default ``YANDEX_FOLDER_ID``.
        api_key: a service account's key, or a callable that returns a fresh one at each connect;
            by default ``YANDEX_API_KEY``.
        iam_token: a token instead of the key, or a callable; by default ``YANDEX_IAM_TOKEN``.
        endpoint: ``"legacy"`` is the address and the format of 2025, out of service at Yandex
            since May 2026.
        dialect: ``"yandex"`` translates between GA and the provider's events. None passes
            everything as it is on the wire, both ways, for programs that are written after the
            provider's own documents. Or what makes a `realtime_sync.providers.Dialect`.
        base_url: another address than the endpoint's.
        websocket_base_url: where WebSockets are opened, if elsewhere.
        default_headers: added to every request, such as ``{"x-data-logging-enabled": "false"}``.
        default_query: added to every URL.
        timeout: of REST calls: seconds that the server may be silent, a pair (connect, read), or
            None; see `realtime_sync.rest`.
        max_retries: how often a REST call is tried again.
        proxy: ``http://[user:password@]host:port``; by default what the environment says.
        ssl_context: for a private certificate authority or a client certificate.

    Raises:
        ConfigError: there is no credential, or there are two, or the endpoint or the dialect is
            unknown.

    Example:
        >>> YandexAIStudio(folder_id="b1g", api_key="k")
        YandexAIStudio(base_url='https://ai.api.cloud.yandex.net/v1')
    """

    def __init__(
        self,
        *,
        folder_id: str | None = None,
        api_key: str | Callable[[], str] | None = None,
        iam_token: str | Callable[[], str] | None = None,
        endpoint: Literal["current", "legacy"] = "current",
        dialect: str | DialectFactory | None = "yandex",
        base_url: str | None = None,
        websocket_base_url: str | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        timeout: Timeout | Unset = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        proxy: str | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        if not isinstance(endpoint, str) or endpoint not in _ENDPOINTS:
            raise ConfigError(
                f"endpoint is {shown(endpoint)}; pass 'current', 'legacy' or a base_url"
            )
        legacy = endpoint == "legacy"
        key, token = _credential(api_key, iam_token)
        self._provider = YandexProvider(
            folder_id=text_option("folder_id", folder_id, "YANDEX_FOLDER_ID"),
            api_key=key,
            iam_token=token,
            base_url=_ENDPOINTS[endpoint] if base_url is None else base_url,
            websocket_base_url=websocket_base_url,
            websocket_path="/realtime" + (_LEGACY_WEBSOCKETS if legacy else ""),
            default_headers=mapping_option(default_headers),
            default_query=mapping_option(default_query),
            dialect=_dialect(dialect, legacy=legacy),
        )
        options = TransportOptions(proxy=proxy, ssl_context=ssl_context)
        self.realtime = RealtimeResource(
            lambda: self._provider, options, timeout=timeout, max_retries=max_retries
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={show_url(self._provider.base_url)})"


def _dialect(dialect: str | DialectFactory | None, *, legacy: bool) -> DialectFactory | None:
    if dialect is None:
        return YandexVerbatim
    if isinstance(dialect, str) and dialect == "yandex":
        return lambda: YandexDialect(legacy=legacy)
    return dialect_factory(dialect)


def _credential(
    api_key: str | Callable[[], str] | None, iam_token: str | Callable[[], str] | None
) -> tuple[str | Callable[[], str] | None, str | Callable[[], str] | None]:
    if api_key is not None and iam_token is not None:
        raise ConfigError("api_key and iam_token exclude each other: pass one")
    if api_key is None and iam_token is None:
        api_key = os.environ.get("YANDEX_API_KEY")
        iam_token = None if api_key else os.environ.get("YANDEX_IAM_TOKEN")
    if is_absent(api_key) and is_absent(iam_token):
        raise ConfigError(
            "no credential: pass api_key=… or iam_token=…, or set YANDEX_API_KEY or "
            "YANDEX_IAM_TOKEN"
        )
    return api_key, iam_token
