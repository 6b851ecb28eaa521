"""Where each provider's server is and how it wants to be spoken to; no I/O."""

from __future__ import annotations

from ._beta import BetaDialect
from ._named import dialect_factory
from ._yandex_dialect import YandexDialect, YandexVerbatim
from .azure import AzureProvider
from .base import Endpoint, Provider
from .dialect import Dialect, DialectFactory
from .openai import OpenAIProvider
from .yandex import YandexProvider

__all__ = [
    "AzureProvider",
    "BetaDialect",
    "Dialect",
    "DialectFactory",
    "Endpoint",
    "OpenAIProvider",
    "Provider",
    "YandexDialect",
    "YandexProvider",
    "YandexVerbatim",
    "dialect_factory",
]
