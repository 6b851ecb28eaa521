"""A blocking, threaded client for realtime voice APIs.

The names below load their modules when they are first used, so that ``import realtime_sync``
costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .azure import AzureOpenAI
    from .client import Local, OpenAI
    from .connection import (
        ConnectionStats,
        RealtimeConnection,
        RealtimeConnectionManager,
        ReconnectingEvent,
        ReconnectPolicy,
        Reply,
    )
    from .connection.translation import TranslationConnection, TranslationConnectionManager
    from .errors import (
        AgentError,
        ApiError,
        AudioError,
        AuthenticationError,
        BadRequestError,
        ConcurrencyError,
        ConfigError,
        ConflictError,
        ConnectError,
        ConnectionClosed,
        ConnectionClosedError,
        ConnectionClosedOK,
        DeviceError,
        FormatError,
        InternalServerError,
        LocalProtocolError,
        NotFoundError,
        PermissionDeniedError,
        ProtocolError,
        QueueFullError,
        RateLimitError,
        RealtimeError,
        RealtimeTimeout,
        RemoteProtocolError,
        ServerError,
        TransportError,
        UnprocessableEntityError,
        WebhookSignatureError,
    )
    from .yandex import YandexAIStudio

_HOMES = {
    ".azure": ("AzureOpenAI",),
    ".client": ("Local", "OpenAI"),
    ".connection": (
        "ConnectionStats",
        "RealtimeConnection",
        "RealtimeConnectionManager",
        "ReconnectPolicy",
        "ReconnectingEvent",
        "Reply",
    ),
    ".connection.translation": ("TranslationConnection", "TranslationConnectionManager"),
    ".errors": (
        "AgentError",
        "ApiError",
        "AudioError",
        "AuthenticationError",
        "BadRequestError",
        "ConcurrencyError",
        "ConfigError",
        "ConflictError",
        "ConnectError",
        "ConnectionClosed",
        "ConnectionClosedError",
        "ConnectionClosedOK",
        "DeviceError",
        "FormatError",
        "InternalServerError",
        "LocalProtocolError",
        "NotFoundError",
        "PermissionDeniedError",
        "ProtocolError",
        "QueueFullError",
        "RateLimitError",
        "RealtimeError",
        "RealtimeTimeout",
        "RemoteProtocolError",
        "ServerError",
        "TransportError",
        "UnprocessableEntityError",
        "WebhookSignatureError",
    ),
    ".yandex": ("YandexAIStudio",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AgentError",
    "ApiError",
    "AudioError",
    "AuthenticationError",
    "AzureOpenAI",
    "BadRequestError",
    "ConcurrencyError",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionStats",
    "DeviceError",
    "FormatError",
    "InternalServerError",
    "Local",
    "LocalProtocolError",
    "NotFoundError",
    "OpenAI",
    "PermissionDeniedError",
    "ProtocolError",
    "QueueFullError",
    "RateLimitError",
    "RealtimeConnection",
    "RealtimeConnectionManager",
    "RealtimeError",
    "RealtimeTimeout",
    "ReconnectPolicy",
    "ReconnectingEvent",
    "RemoteProtocolError",
    "Reply",
    "ServerError",
    "TranslationConnection",
    "TranslationConnectionManager",
    "TransportError",
    "UnprocessableEntityError",
    "WebhookSignatureError",
    "YandexAIStudio",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
