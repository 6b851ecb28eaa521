"""What a provider computes for the transport and for REST; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlunsplit

from attrs import Attribute, field, frozen, validators

from .._headers import Headers, checked_headers, fits_header
from .._init_hints import bind_init_hints
from .._net.address import HTTP_PORTS, WEBSOCKET_PORTS, server_url
from .._net.secrets import show_url
from .._required import is_number, is_text, require_parameters, require_text, returned
from .._shown import shown
from ..errors import ConfigError
from .dialect import Dialect, DialectFactory

if TYPE_CHECKING:
    AnyAttribute = Attribute[Any]
else:
    AnyAttribute = Attribute  # is generic for type checkers alone

__all__ = [
    "WEBSOCKET_SCHEMES",
    "Dialect",
    "Endpoint",
    "Provider",
    "Secret",
    "a_secret",
    "a_secret_or_none",
    "a_text",
    "a_text_or_none",
    "ask_secret",
    "check_secret",
    "checked_fields",
    "checked_query",
    "encode_query",
    "merge_headers",
]

Secret = str | Callable[[], str]

_OF_DIALECTS = tuple(name for name in vars(Dialect) if not name.startswith("_"))
_DEEPEST = 16  # lists and dictionaries of a query in one another

WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def _check_text(_: object, attribute: AnyAttribute, value: object) -> None:
    if not is_text(value):  # its value stays out of the message: it may hold a password
        raise ConfigError(f"{attribute.name} is a {type(value).__name__}; pass a text")


def _check_secret(_: object, attribute: AnyAttribute, value: object) -> None:
    check_secret(value, attribute.name)


def _check_headers(_: object, attribute: AnyAttribute, value: object) -> None:
    checked_headers(value, attribute.name)


def _check_query(_: object, attribute: AnyAttribute, value: object) -> None:
    checked_query(value, attribute.name)


# What the options of providers are checked by.
a_text = _check_text
a_text_or_none = validators.optional(_check_text)
a_secret = _check_secret
a_secret_or_none = validators.optional(_check_secret)


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

    Raises:
        ConfigError: a URL is none, or another value is wrong.
    """

    base_url: str = field(repr=show_url, validator=a_text)
    websocket_base_url: str | None = field(default=None, repr=show_url, validator=a_text_or_none)
    websocket_path: str = field(default="/realtime", validator=a_text)
    default_headers: Mapping[str, str] = field(factory=dict, repr=False, validator=_check_headers)
    default_query: Mapping[str, object] = field(factory=dict, repr=False, validator=_check_query)
    dialect: DialectFactory | None = None

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        bind_init_hints(cls)

    def __attrs_post_init__(self) -> None:
        self._url("", {})  # raises

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
                does not say what to open either; or a base URL is none, or the dialect.
        """
        if model is not None and call_id is not None:
            raise ConfigError("model and call_id were both given: a running call has its model")
        query = {**self.default_query, **self._target(model, call_id), **extra_query}
        if not {"model", "call_id", "intent", "deployment"} & set(query):
            raise ConfigError("connect() needs model=…, for example model='gpt-realtime-2'")
        dialect = None if self.dialect is None else _made(self.dialect)
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


def _made(factory: DialectFactory) -> Dialect:
    dialect = factory()
    if not all(hasattr(dialect, name) for name in _OF_DIALECTS):
        raise ConfigError(
            f"the dialect factory returned {returned(dialect)}; return a "
            "realtime_sync.providers.Dialect"
        )
    return dialect


def encode_query(query: Mapping[str, object]) -> str:
    """Return a query as URLs have it, by the rules of the ``openai`` package.

    Args:
        query: of a list each element is sent, of a mapping ``name[key]``; true and false are in
            small letters, and what is None is left out.

    Raises:
        ConfigError: a value can't be written.

    Example:
        >>> encode_query({"tag": ["a", "b"], "filter": {"new": True}, "gone": None})
        'tag=a&tag=b&filter%5Bnew%5D=true'
    """
    try:
        return urlencode([pair for name, value in query.items() for pair in _pairs(name, value)])
    except (ValueError, RecursionError):  # half a surrogate pair, too deep; it may hold a secret
        raise ConfigError(
            "the query of the URL has a value that no URL can hold; give texts and numbers"
        ) from None


def checked_query(query: object, option: str) -> dict[str, object]:
    """Return the query that a program has given as an option; None is none.

    Raises:
        ConfigError: it is no dictionary, a name in it no text, or a value none that URLs can hold.
    """
    checked = checked_fields(query, option)
    for name, value in checked.items():
        _check_value(value, f"{option}[{shown(name)}]", _DEEPEST)
    return checked


def checked_fields(given: object, option: str) -> dict[str, object]:
    """Return a dictionary that a program has given as an option; None is an empty one.

    Raises:
        ConfigError: it is no dictionary, or a name in it no text.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):  # its value may be the key
        raise ConfigError(f"{option} is a {type(given).__name__}; pass a dictionary")
    for name in given:
        require_text(name, f"the name of a value in {option}", error=ConfigError)
    return dict(given)


def _check_value(value: object, where: str, depth: int) -> None:
    """Refuse what has no form in a URL; its value stays out of the message."""
    if value is None or is_text(value) or is_number(value) or isinstance(value, bool):
        return
    if not depth or not isinstance(value, Mapping | list | tuple):
        raise ConfigError(
            f"{where} is {returned(value)} that no URL can hold; give texts and numbers, or lists "
            "and dictionaries of them"
        )
    if isinstance(value, Mapping):
        value = list(checked_fields(value, where).values())
    for each in value:
        _check_value(each, where, depth - 1)


def _pairs(name: str, value: object) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [pair for key in value for pair in _pairs(f"{name}[{key}]", value[key])]
    if isinstance(value, list | tuple):
        return [pair for element in value for pair in _pairs(name, element)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


def check_secret(secret: object, name: str) -> None:
    """Refuse what can't be a key or token, nor return one. No message repeats it.

    Args:
        secret: the value or what returns it.
        name: the option it was given as.

    Raises:
        ConfigError: it is blank, has a line break, is of another type, or a function that has to
            be given something.
    """
    if isinstance(secret, str):
        if not secret.strip():
            raise ConfigError(f"{name} is blank: pass the key, or a function that returns it")
        if not fits_header(secret):
            raise ConfigError(
                f"{name} is not one line of printable ASCII; look for a line break at the end of "
                "a key that was read from a file"
            )
    elif isinstance(secret, type) or not callable(secret):
        raise ConfigError(
            f"{name} is a {type(secret).__name__}; pass a text, or a function that returns one"
        )
    else:
        require_parameters(secret, f"the {name} callable", takes=(), error=ConfigError)


def ask_secret(secret: Secret, name: str) -> str:
    """Return a key or token, asking for it where it is a callable.

    Args:
        secret: the value or what returns it.
        name: the option it was given as.

    Raises:
        ConfigError: there is none, or it is no text; what the callable raises is raised as it is.
    """
    check_secret(secret, name)
    value: object = secret if isinstance(secret, str) else secret()
    if isinstance(value, str) and value.strip():
        return value
    if value is None or isinstance(value, str):
        raise ConfigError(f"the {name} callable returned no key; return it as a text")
    raise ConfigError(f"the {name} callable returned {returned(value)}; return the key as a text")


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; later layers win, whatever the case of the names (RFC 9110 §5.1)."""
    return dict(Headers(pair for layer in layers for pair in layer.items()))
