"""A blocking, threaded client for realtime voice APIs.

The names below load their modules when they are first used, so that ``import realtime_sync``
costs next to nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import _lazy
from ._version import __version__

if TYPE_CHECKING:
    from .app.realtime import Realtime
    from .clients.azure import AzureOpenAI
    from .clients.local import Local
    from .clients.openai import OpenAI
    from .clients.yandex import YandexAIStudio
    from .connection import (
        ConnectionStats,
        RealtimeConnection,
        RealtimeConnectionManager,
        ReconnectingEvent,
        ReconnectPolicy,
        Reply,
    )
    from .connection.translation import TranslationConnection, TranslationConnectionManager
    from .distiller.client import AIRefinery
    from .errors import (
        AgentError,
        AnswerLostError,
        ApiError,
        AudioError,
        AuthenticationError,
        BadRequestError,
        CallUnknownError,
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
        TwilioSignatureError,
        UnprocessableEntityError,
        WebhookSignatureError,
    )

_HOMES = {
    "AIRefinery": "distiller.client",
    "AgentError": "errors",
    "AnswerLostError": "errors",
    "ApiError": "errors",
    "AudioError": "errors",
    "AuthenticationError": "errors",
    "AzureOpenAI": "clients.azure",
    "BadRequestError": "errors",
    "CallUnknownError": "errors",
    "ConcurrencyError": "errors",
    "ConfigError": "errors",
    "ConflictError": "errors",
    "ConnectError": "errors",
    "ConnectionClosed": "errors",
    "ConnectionClosedError": "errors",
    "ConnectionClosedOK": "errors",
    "ConnectionStats": "connection",
    "DeviceError": "errors",
    "FormatError": "errors",
    "InternalServerError": "errors",
    "Local": "clients.local",
    "LocalProtocolError": "errors",
    "NotFoundError": "errors",
    "OpenAI": "clients.openai",
    "PermissionDeniedError": "errors",
    "ProtocolError": "errors",
    "QueueFullError": "errors",
    "RateLimitError": "errors",
    "Realtime": "app.realtime",
    "RealtimeConnection": "connection",
    "RealtimeConnectionManager": "connection",
    "RealtimeError": "errors",
    "RealtimeTimeout": "errors",
    "ReconnectPolicy": "connection",
    "ReconnectingEvent": "connection",
    "RemoteProtocolError": "errors",
    "Reply": "connection",
    "ServerError": "errors",
    "TranslationConnection": "connection.translation",
    "TranslationConnectionManager": "connection.translation",
    "TransportError": "errors",
    "TwilioSignatureError": "errors",
    "UnprocessableEntityError": "errors",
    "WebhookSignatureError": "errors",
    "YandexAIStudio": "clients.yandex",
}

__all__ = [
    "AIRefinery",
    "AgentError",
    "AnswerLostError",
    "ApiError",
    "AudioError",
    "AuthenticationError",
    "AzureOpenAI",
    "BadRequestError",
    "CallUnknownError",
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
    "Realtime",
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
    "TwilioSignatureError",
    "UnprocessableEntityError",
    "WebhookSignatureError",
    "YandexAIStudio",
    "__version__",
]

if not TYPE_CHECKING:  # a type checker knows the names by itself, and which are mistakes
    _get, __dir__ = _lazy.resolver(__name__, _HOMES)

    def __getattr__(name: str) -> object:
        from ._porting import name_of_another_package

        advice = name_of_another_package(name, sys._getframe(1))
        if advice is not None:
            raise advice
        return _get(name)
