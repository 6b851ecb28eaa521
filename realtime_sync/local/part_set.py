"""The parts that one server shares among its connections, and their lifetime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from attrs import frozen

from .generation import Speech
from .parts import Responder, VoiceDetector
from .settings import Settings

__all__ = ["PartSet", "open_parts"]


@frozen(kw_only=True)
class PartSet:
    """What hears, thinks and speaks.

    Attributes:
        make_detector: gives each connection a voice detector of its own.
        speech: recognition and synthesis.
        responder: decides what is said.
    """

    make_detector: Callable[[], VoiceDetector]
    speech: Speech
    responder: Responder


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[PartSet]:
    """Make the parts that ``settings`` name, load their models, and end them in the end.

    Raises:
        ConfigError: a part is unknown, or its package is not installed.
        AudioError: a speech worker did not start.
    """
    from .responders import make_responder
    from .speech.service import SpeechService
    from .speech.vad import SileroDetector

    responder = make_responder(settings.responder)
    SileroDetector()  # a missing package is found here rather than by the first client
    speech = SpeechService(transcriber=settings.transcriber, synthesizer=settings.synthesizer)
    await speech.start()
    try:
        yield PartSet(make_detector=SileroDetector, speech=speech, responder=responder)
    finally:
        await speech.close()
