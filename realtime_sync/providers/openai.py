"""OpenAI's own URLs and headers, and those of every server that speaks like it.

Source: the provider's WebSocket guide ("GA" version): ``{base}/realtime?model=…`` with a bearer
token. The ``OpenAI-Beta`` header is never sent: the GA server refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from attrs import field, frozen

from ..errors import ConfigError
from .base import Endpoint

__all__ = ["OpenAIProvider"]

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@frozen(kw_only=True)
class OpenAIProvider:
    """The settings of one OpenAI-compatible server.

    Attributes:
        api_key: the key, or a callable that returns a fresh one at each connect.
        base_url: the REST base, such as ``https://api.openai.com/v1``.
        websocket_base_url: the base of WebSocket URLs where it differs, or None.
        organization, project: sent as ``OpenAI-Organization`` and ``OpenAI-Project``, or None.
        default_headers, default_query: added to every request; a call's own win.
    """

    api_key: str | Callable[[], str] = field(repr=False)
    base_url: str
    websocket_base_url: str | None = None
    organization: str | None = None
    project: str | None = None
    default_headers: Mapping[str, str] = field(factory=dict, repr=False)
    default_query: Mapping[str, object] = field(factory=dict)

    def websocket(
        self,
        *,
        model: str | None,
        call_id: str | None,
        extra_query: Mapping[str, object],
        extra_headers: Mapping[str, str],
    ) -> Endpoint:
        """Return where a conversation is opened; calls ``api_key`` when it is a callable.

        Raises:
            ConfigError: neither or both of ``model`` and ``call_id`` are given and the query
                does not say what to open either; or a base URL is none.
        """
        query: dict[str, object] = dict(self.default_query)
        if model is not None and call_id is not None:
            raise ConfigError("model and call_id were both given: a running call has its model")
        if model is not None:
            query["model"] = model
        if call_id is not None:
            query["call_id"] = call_id
        query.update(extra_query)
        if not {"model", "call_id", "intent"} & set(query):
            raise ConfigError("connect() needs model=…, for example model='gpt-realtime-2'")
        return Endpoint(self._websocket_url(query), self._headers(extra_headers))

    def _websocket_url(self, query: Mapping[str, object]) -> str:
        base = self.websocket_base_url or self.base_url
        parts = urlsplit(base)
        scheme = _WEBSOCKET_SCHEMES.get(parts.scheme)
        if scheme is None or not parts.netloc:
            raise ConfigError(
                f"{base!r} is no base URL: give one such as 'https://api.openai.com/v1'"
            )
        path = parts.path.rstrip("/") + "/realtime"
        return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))

    def _headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        key = self.api_key if isinstance(self.api_key, str) else self.api_key()
        if not key:
            raise ConfigError("the api_key callable returned no key")
        headers = {"Authorization": f"Bearer {key}"}
        if self.organization is not None:
            headers["OpenAI-Organization"] = self.organization
        if self.project is not None:
            headers["OpenAI-Project"] = self.project
        return {**headers, **self.default_headers, **extra}
