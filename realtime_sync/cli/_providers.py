"""Whom `realtime-sync talk` talks to: what each provider of ``--provider`` needs."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..clients.azure import AzureOpenAI
from ..clients.local import Local
from ..clients.openai import OpenAI
from ..clients.yandex import YandexAIStudio

if TYPE_CHECKING:
    from ..clients.base import RealtimeResource
    from ..connection import RealtimeConnection

__all__ = ["MODELS", "PROVIDERS", "TRANSCRIBERS", "open_client", "open_project"]

PROVIDERS = ("local", "openai", "azure", "yandex", "airefinery")
MODELS = {"openai": "gpt-realtime-2", "yandex": "speech-realtime-260528"}
# Yandex AI Studio tells what it understood without being asked.
TRANSCRIBERS = {"openai": "gpt-4o-mini-transcribe", "azure": "whisper-1", "local": "local"}


def open_project(
    stack: ExitStack, project: str, url: str | None
) -> tuple[RealtimeConnection, bool]:
    """Open a session of a Distiller's project as a connection.

    Args:
        stack: ends it; where the session has failed, with what that says.
        project: its name.
        url: another base URL than the provider's own.

    Returns:
        The connection, and whether the user is heard during an answer as well.

    Raises:
        ConfigError: there is no key.
        RealtimeError: see `DistillerSessionManager.enter`.
    """
    # Here, so that a talk with any other provider begins without them.
    from ..distiller.client import AIRefinery
    from ..distiller.projects import speech_hz
    from ..distiller.voice_bridge import VoiceBridge

    client = stack.enter_context(AIRefinery(base_url=url))
    distiller = client.realtime_distiller
    output_hz = speech_hz(distiller.download_project(project))
    uuid = f"talk-{secrets.token_hex(4)}"  # one session of each may be open
    session = stack.enter_context(distiller(project=project, uuid=uuid))
    bridge = VoiceBridge(session, output_hz=output_hz)
    return stack.enter_context(bridge.open()), session.vad_enabled


def open_client(stack: ExitStack, provider: str, url: str | None) -> RealtimeResource:
    """Return the realtime API of a provider.

    Args:
        stack: ends what was started for it.
        provider: one of `PROVIDERS`, but for ``airefinery``.
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
