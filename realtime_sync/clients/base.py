"""What the clients share: ``client.realtime``, webhooks, and the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from .._porting import Advising, Blocking, NoOptions, refuse_options
from .._required import is_absent, is_text, require_name
from .._types import UNSET
from .._typing import Unpack
from .._uncopied import Uncopied
from ..connection.manager import RealtimeConnectionManager
from ..connection.reconnect import OnReconnecting, ReconnectPolicy
from ..connection.settings import (
    DEFAULT_MAX_QUEUE_BYTES,
    DEFAULT_MAX_QUEUE_SIZE,
    ConnectionSettings,
    TransportFactory,
)
from ..connection.translation import TranslationConnectionManager
from ..errors import ConfigError
from ..providers import Endpoint, Provider
from ..rest.api import DEFAULT_MAX_RETRIES, RestApi
from ..transport import TransportOptions

if TYPE_CHECKING:
    from ..rest import Calls, ClientSecrets, TranslationClientSecrets, Webhooks
    from ..rest.response_forms import RealtimeWithRawResponse, RealtimeWithStreamingResponse
    from ..rest.translations import TranslationsWithRawResponse, TranslationsWithStreamingResponse
else:  # what a property makes is loaded by its first use, so hints do not load it
    Calls = ClientSecrets = TranslationClientSecrets = Webhooks = Any
    RealtimeWithRawResponse = RealtimeWithStreamingResponse = Any
    TranslationsWithRawResponse = TranslationsWithStreamingResponse = Any

__all__ = [
    "CLIENTS_OF_OURS",
    "Client",
    "RealtimeResource",
    "TranslationsResource",
    "is_client",
    "mapping_option",
    "secret_option",
    "text_option",
]

C = TypeVar("C", bound="Client")

_BETA = (
    "the beta's place; write client.realtime, with the session and the event names of GA, which "
    'OpenAI(dialect="beta") translates for a server that has nothing but the beta'
)
_SECRETS = "the beta's name; write client.realtime.client_secrets.create(...)"
_NOT_REALTIME = "not of the realtime API, which alone is here; use the `openai` package beside"
_OF_CONNECTIONS = "of connections; write with client.realtime.connect() as connection: …"
_ANOTHER = "not needed: make another client with these options"

_OF_THE_LINK = {
    **{
        each.name: f"write websocket_connection_options={{{each.name!r}: …}}"
        for each in attrs.fields(TransportOptions)
    },
    "api_key": "the client has it; make another client",
    "extra_body": "write connection.session.update(session=…) when it is open",
    "timeout": "write websocket_connection_options={'open_timeout': …}, or recv(timeout=…)",
}

CLIENTS_OF_OURS = "pass one of realtime_sync, such as OpenAI() or Local()"


def is_client(value: object) -> bool:
    """Return whether a value may be a client of this package's, and not a class or the peer's."""
    peers = type(value).__module__.partition(".")[0] == "openai"
    return not peers and not isinstance(value, type) and hasattr(value, "realtime")


def text_option(name: str, given: Any, variable: str) -> str | None:
    """Return an option that is a text; by default what the environment says.

    Raises:
        ConfigError: it is no text.
    """
    if is_absent(given):
        return os.environ.get(variable)
    if not is_text(given):  # its value stays out of the message: it may be a key
        raise ConfigError(f"{name} is a {type(given).__name__}; pass a text, or set {variable}")
    return given


def secret_option(given: Any, variable: str) -> Any:
    """Return a key or token as it was given; by default what the environment says."""
    return os.environ.get(variable) if is_absent(given) else given


def mapping_option(given: Any) -> Any:
    """Return an option that is a mapping as it was given; by default an empty one."""
    return {} if given is None else given


class Client(Blocking, Advising, Uncopied):
    """What the clients have in common; a ``with`` block closes them.

    Attributes:
        realtime: the realtime API.
    """

    realtime: RealtimeResource
    _elsewhere: ClassVar[Mapping[str, str]] = {
        "beta": _BETA,
        **dict.fromkeys(("ask", "connect"), _OF_CONNECTIONS),
        **dict.fromkeys(("copy", "with_options"), _ANOTHER),
        **dict.fromkeys(("audio", "chat", "embeddings", "models", "responses"), _NOT_REALTIME),
    }
    _webhook_secret: str | None = None

    @cached_property
    def webhooks(self) -> Webhooks:
        """Verifies webhooks, with ``webhook_secret`` or ``OPENAI_WEBHOOK_SECRET``."""
        from ..rest.webhooks import Webhooks

        return Webhooks(self._webhook_secret or os.environ.get("OPENAI_WEBHOOK_SECRET"))

    def close(self) -> None:
        """Close the links that REST calls keep for the next one; idempotent.

        Connections of ``realtime.connect`` are closed by themselves; the client stays usable.
        """
        self.realtime.close()

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class RealtimeResource(Advising, Uncopied):
    """``client.realtime``: the realtime API of one client.

    Args:
        provider: whom to talk to; asked at each use.
        options: of its connections and REST calls.
        default_model: for a connection that names none.
        timeout: of REST calls; so is the next.
        max_retries: …
        transport: opens the links of connections that bring no ``transport`` of their own; None
            for WebSockets.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "sessions": _SECRETS,
        "transcription_sessions": _SECRETS,
    }

    def __init__(
        self,
        provider: Callable[[], Provider],
        options: TransportOptions,
        *,
        default_model: str | None = None,
        timeout: Any = UNSET,
        max_retries: int = DEFAULT_MAX_RETRIES,
        transport: TransportFactory | None = None,
    ) -> None:
        self._provider = provider
        self._options = options
        self._default_model = default_model
        self._transport = transport
        self._rest = RestApi(
            provider,
            proxy=options.proxy,
            ssl_context=options.ssl_context,
            timeout=timeout,
            max_retries=max_retries,
        )

    @cached_property
    def translations(self) -> TranslationsResource:
        """Speech translated while it is spoken."""
        return TranslationsResource(self._provider, self._options, self._rest)

    @cached_property
    def client_secrets(self) -> ClientSecrets:
        """Short-lived keys for browsers and phones."""
        from ..rest import ClientSecrets

        return ClientSecrets(self._rest)

    @cached_property
    def calls(self) -> Calls:
        """Calls over WebRTC and SIP."""
        from ..rest import Calls

        return Calls(self._rest)

    @property
    def with_raw_response(self) -> RealtimeWithRawResponse:
        """The REST calls, returning `realtime_sync.rest.RawResponse`."""
        from ..rest.response_forms import RealtimeWithRawResponse

        return RealtimeWithRawResponse(self._rest)

    @property
    def with_streaming_response(self) -> RealtimeWithStreamingResponse:
        """The REST calls, for ``with`` blocks that get a `realtime_sync.rest.StreamingResponse`."""
        from ..rest.response_forms import RealtimeWithStreamingResponse

        return RealtimeWithStreamingResponse(self._rest)

    def close(self) -> None:
        """Close the links that REST calls keep for the next one; idempotent."""
        self._rest.close()

    def connect(
        self,
        *,
        model: str | None = None,
        call_id: str | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        websocket_connection_options: Mapping[str, Any] | None = None,
        on_reconnecting: OnReconnecting | None = None,
        max_retries: int = 5,
        initial_delay: float = 0.5,
        max_delay: float = 8.0,
        max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE,
        max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES,
        reconnect: ReconnectPolicy | None = None,
        transport: TransportFactory | None = None,
        **elsewhere: Unpack[NoOptions],
    ) -> RealtimeConnectionManager:
        """Return a connection to be opened by ``with``, or by ``.enter()``.

        Args:
            model: the model's name, or an Azure deployment's.
            call_id: join a running call instead (a "sideband" connection). Its session outlives
                this connection, so reconnecting restores nothing and renews nothing.
            extra_query: added to the URL; wins over the client's ``default_query``.
            extra_headers: added to the upgrade request; win over the client's.
            websocket_connection_options: fields of `realtime_sync.transport.TransportOptions`
                for this connection, such as ``{"open_timeout": 3.0}``.
            on_reconnecting: is told before each attempt to make a lost connection anew, on the
                supervisor's thread, and may change the query, the headers or give up. It turns
                reconnecting on.
            max_retries: attempts in a row, for ``on_reconnecting`` without ``reconnect``.
            initial_delay: seconds before the first attempt, likewise.
            max_delay: the longest delay in seconds, likewise.
            max_queue_size: how many bytes of events may wait to be sent, before the connection
                is open and while it is made anew.
            max_queue_bytes: how much memory the events that wait to be consumed may take: their
                text and about 1 kB each. When it is full nothing is dropped: no more is read
                until there is room.
            reconnect: turns reconnecting on, with these settings instead of the three numbers.
            transport: opens each link instead of a WebSocket, for recording, tests or another
                wire: a function of the URL, the headers and the `TransportOptions` that returns a
                `realtime_sync.transport.Transport`.

        Raises:
            ConfigError: an option or the combination is wrong. Errors of the link come from
                opening it.
        """
        refuse_options("connect", elsewhere, _OF_THE_LINK)
        for name, value in (("model", model), ("call_id", call_id)):
            if value is not None:
                require_name(value, name, error=ConfigError)
        if model is None and call_id is None:
            model = self._default_model
        numbers = ReconnectPolicy(  # also where nothing is made of them, for they may be wrong
            max_retries=max_retries, initial_delay=initial_delay, max_delay=max_delay
        )
        if reconnect is None and on_reconnecting is not None:
            reconnect = numbers
        if isinstance(reconnect, ReconnectPolicy) and call_id is not None:
            # The session is the call's: it is there still, with its history and its own limit.
            reconnect = attrs.evolve(reconnect, restore=False, rotate=False)

        def endpoint(query: Mapping[str, object], headers: Mapping[str, str]) -> Endpoint:
            return self._provider().websocket(
                model=model, call_id=call_id, extra_query=query, extra_headers=headers
            )

        return RealtimeConnectionManager(
            endpoint,
            options=mapping_option(websocket_connection_options),
            defaults=self._options,
            settings=ConnectionSettings(
                reconnect=reconnect,
                on_reconnecting=on_reconnecting,
                extra_query=mapping_option(extra_query),
                extra_headers=mapping_option(extra_headers),
                max_queue_size=max_queue_size,
                max_queue_bytes=max_queue_bytes,
            ),
            transport=self._transport if transport is None else transport,
        )


class TranslationsResource(Uncopied):
    """``client.realtime.translations``: speech translated while it is spoken."""

    def __init__(
        self, provider: Callable[[], Provider], options: TransportOptions, rest: RestApi
    ) -> None:
        self._provider = provider
        self._options = options
        self._rest = rest

    @cached_property
    def client_secrets(self) -> TranslationClientSecrets:
        """Short-lived keys for browsers and phones."""
        from ..rest import TranslationClientSecrets

        return TranslationClientSecrets(self._rest)

    @property
    def with_raw_response(self) -> TranslationsWithRawResponse:
        """The REST calls, returning `realtime_sync.rest.RawResponse`."""
        from ..rest.translations import TranslationsWithRawResponse

        return TranslationsWithRawResponse(self._rest)

    @property
    def with_streaming_response(self) -> TranslationsWithStreamingResponse:
        """The REST calls, for ``with`` blocks that get a `realtime_sync.rest.StreamingResponse`."""
        from ..rest.translations import TranslationsWithStreamingResponse

        return TranslationsWithStreamingResponse(self._rest)

    def connect(
        self,
        model: str,
        *,
        extra_query: Mapping[str, object] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        websocket_connection_options: Mapping[str, Any] | None = None,
        max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES,
    ) -> TranslationConnectionManager:
        """Return a translation to be opened by ``with``, or by ``.enter()``.

        Args:
            model: the model's name.
            extra_query: added to the URL; wins over the client's ``default_query``.
            extra_headers: added to the upgrade request; win over the client's.
            websocket_connection_options: see `RealtimeResource.connect`; so is the next.
            max_queue_bytes: how much memory the events that wait to be consumed may take.

        Raises:
            ConfigError: an option is wrong. On opening: the provider has no translations.
        """
        require_name(model, "model", error=ConfigError)

        def endpoint(query: Mapping[str, object], headers: Mapping[str, str]) -> Endpoint:
            return self._provider().translation(
                model=model, extra_query=query, extra_headers=headers
            )

        return TranslationConnectionManager(
            RealtimeConnectionManager(
                endpoint,
                options=mapping_option(websocket_connection_options),
                defaults=self._options,
                settings=ConnectionSettings(
                    extra_query=mapping_option(extra_query),
                    extra_headers=mapping_option(extra_headers),
                    max_queue_bytes=max_queue_bytes,
                ),
            )
        )
