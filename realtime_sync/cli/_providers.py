"""Whom `realtime-sync talk` talks to: what each provider of ``--provider`` needs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..clients.azure import AzureOpenAI
from ..clients.local import Local
from ..clients.openai import OpenAI
from ..clients.yandex import YandexAIStudio

if TYPE_CHECKING:
    from ..clients.base import RealtimeResource

__all__ = ["MODELS", "PROVIDERS", "TRANSCRIBERS", "open_client"]

PROVIDERS = ("local", "openai", "azure", "yandex")
MODELS = {"openai": "gpt-realtime-2", "yandex": "speech-realtime-260528"}
# Yandex AI Studio tells what it understood without being asked.
TRANSCRIBERS = {"openai": "gpt-4o-mini-transcribe", "azure": "whisper-1", "local": "local"}


def open_client(stack: ExitStack, provider: str, url: str | None) -> RealtimeResource:
    """Return the realtime API of a provider.

    Args:
        stack: ends what was started for it.
        provider: one of `PROVIDERS`.
        url: another base URL than the provider's own.

    Raises:
        ConfigError: there is no key.
    """
    if provider == "openai":
        return OpenAI(base_url=url).realtime
    if provider == "azure":
        return AzureOpenAI(base_url=url).realtime
    if provider == "yandex":
        return YandexAIStudio(base_url=url).realtime
    return stack.enter_context(Local(url=url)).realtime
