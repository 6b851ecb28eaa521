"""What a provider computes for the transport and for REST; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlunsplit

from attrs import field, frozen

from .._headers import Headers
from .._net.address import HTTP_PORTS, WEBSOCKET_PORTS, server_url
from .._net.secrets import show_url
from ..errors import ConfigError
from .dialect import Dialect, DialectFactory

__all__ = [
    "WEBSOCKET_SCHEMES",
    "Dialect",
    "Endpoint",
    "Provider",
    "Secret",
    "ask_secret",
    "encode_query",
    "merge_headers",
]

Secret = str | Callable[[], str]

WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@frozen
class Endpoint:
    """Where to connect, with which headers, and how to speak there.

    Attributes:
        url: a ``ws://`` or ``wss://`` URL.
        headers: for the upgrade request; never shown, because the key is among them.
        dialect: for one connection, or None where the server speaks the GA protocol.
        options: what this provider wants of `realtime_sync.transport.TransportOptions`, by name;
            the program's own options win.
    """

    url: str = field(repr=show_url)
    headers: dict[str, str] = field(repr=False)
    dialect: Dialect | None = None
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Provider:
    """What the providers have in common; each subclass knows its own authentication and query.

    Attributes:
        base_url: the REST base, such as ``https://api.openai.com/v1``.
        websocket_base_url: the base of WebSocket URLs where it differs, or None.
        websocket_path: what follows the base for a conversation.
        default_headers, default_query: added to every request; a call's own win. Never shown.
        dialect: makes what translates for one connection, or None for a GA server.
    """

    base_url: str = field(repr=show_url)
    websocket_base_url: str | None = field(default=None, repr=show_url)
    websocket_path: str = "/realtime"
    default_headers: Mapping[str, str] = field(factory=dict, repr=False)
    default_query: Mapping[str, object] = field(factory=dict, repr=False)
    dialect: DialectFactory | None = None

    def websocket(
        self,
        *,
        model: str | None,
        call_id: str | None,
        extra_query: Mapping[str, object],
        extra_headers: Mapping[str, str],
    ) -> Endpoint:
        """Return where a conversation is opened; asks for a fresh key where that is a callable.

        Raises:
            ConfigError: neither or both of ``model`` and ``call_id`` are given and the query
                does not say what to open either; or a base URL is none.
        """
        if model is not None and call_id is not None:
            raise ConfigError("model and call_id were both given: a running call has its model")
        query = {**self.default_query, **self._target(model, call_id), **extra_query}
        if not {"model", "call_id", "intent", "deployment"} & set(query):
            raise ConfigError("connect() needs model=…, for example model='gpt-realtime-2'")
        dialect = self.dialect() if self.dialect is not None else None
        spoken = dialect.headers if dialect is not None else {}
        headers = merge_headers(spoken, self.rest_headers(extra_headers))
        return Endpoint(self._url(self.websocket_path, query), headers, dialect, self._options())

    def translation(
        self, *, model: str, extra_query: Mapping[str, object], extra_headers: Mapping[str, str]
    ) -> Endpoint:
        """Return where a translation is opened.

        Raises:
            ConfigError: the provider has no translation sessions.
        """
        raise ConfigError(f"{type(self).__name__}: this provider has no translation sessions")

    def rest_headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a REST request: authentication, the client's own, the call's.

        Raises:
            ConfigError: a callable returned no key.
        """
        return merge_headers(self._identity(), self.default_headers, extra)

    @property
    def rest_query(self) -> Mapping[str, object]:
        """What the URL of every REST request ends in."""
        return self.default_query

    def _target(self, model: str | None, call_id: str | None) -> dict[str, object]:
        named = {"model": model, "call_id": call_id}
        return {name: value for name, value in named.items() if value is not None}

    def _identity(self) -> dict[str, str]:
        raise NotImplementedError

    def _options(self) -> Mapping[str, Any]:
        return {}

    def _url(self, path: str, query: Mapping[str, object]) -> str:
        base = self.websocket_base_url or self.base_url
        parts, _, _ = server_url(
            base,
            name="the base URL",
            ports={**HTTP_PORTS, **WEBSOCKET_PORTS},
            example="https://api.openai.com/v1",
        )
        whole = {**parse_qs(parts.query, keep_blank_values=True), **query}
        path = parts.path.rstrip("/") + path
        return urlunsplit(
            (WEBSOCKET_SCHEMES[parts.scheme], parts.netloc, path, encode_query(whole), "")
        )


def encode_query(query: Mapping[str, object]) -> str:
    """Return a query as URLs have it, by the rules of the ``openai`` package.

    Args:
        query: of a list each element is sent, of a mapping ``name[key]``; true and false are in
            small letters, and what is None is left out.

    Example:
        >>> encode_query({"tag": ["a", "b"], "filter": {"new": True}, "gone": None})
        'tag=a&tag=b&filter%5Bnew%5D=true'
    """
    return urlencode([pair for name, value in query.items() for pair in _pairs(name, value)])


def _pairs(name: str, value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [pair for key in value for pair in _pairs(f"{name}[{key}]", value[key])]
    if isinstance(value, list | tuple):
        return [pair for element in value for pair in _pairs(name, element)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


def ask_secret(secret: Secret, name: str) -> str:
    """Return a key or token, asking for it where it is a callable.

    Args:
        secret: the value or what returns it.
        name: the option it was given as.

    Raises:
        ConfigError: there is none, or it is no text; what the callable raises is raised as it is.
    """
    value: object = secret if isinstance(secret, str) else secret()
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(secret, str):
        raise ConfigError(f"{name} is blank: pass the key, or a function that returns it")
    if value is None or isinstance(value, str):
        raise ConfigError(f"the {name} callable returned no key; return it as a text")
    if isinstance(value, Coroutine):
        value.close()  # or Python warns that nobody awaits it
    raise ConfigError(
        f"the {name} callable returned a {type(value).__name__}; return the key as a text"
    )


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; later layers win, whatever the case of the names (RFC 9110 §5.1)."""
    return dict(Headers(pair for layer in layers for pair in layer.items()))
