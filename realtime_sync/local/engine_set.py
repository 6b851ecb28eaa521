"""What one server shares among its sessions, engines and projects, and their lifetime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from attrs import frozen

from .engines import Responder, SpeechEngine
from .project_store import ProjectStore, open_projects
from .server_settings import ServerSettings
from .speech.voice_detector import DetectorPool, SileroDetector

__all__ = ["EngineSet", "open_engines"]


@frozen(kw_only=True)
class EngineSet:
    """What hears, thinks and speaks, and for whom.

    Attributes:
        detectors: the voice detectors of the sessions in which somebody speaks.
        speech: recognition and synthesis.
        responder: decides what is said.
        projects: those of the Distiller.
        workers: tells how many processes of each kind are there to work; without any kind, nobody
            needs to know.
    """

    detectors: DetectorPool
    speech: SpeechEngine
    responder: Responder
    projects: ProjectStore
    workers: Callable[[], Mapping[str, int]] = dict


@asynccontextmanager
async def open_engines(settings: ServerSettings) -> AsyncIterator[EngineSet]:
    """Make the engines that ``settings`` name, load their models, and end them in the end.

    Raises:
        ConfigError: an engine is unknown, its package is not installed, or there can be no folder
            for projects.
        AudioError: a speech worker did not start.
    """
    from .responders import make_responder
    from .speech.service import SpeechService

    responder = make_responder(settings.responder)
    detectors = DetectorPool(SileroDetector)
    speech = SpeechService(transcriber=settings.transcriber, synthesizer=settings.synthesizer)
    with open_projects(settings.projects, most=settings.max_stored) as projects:
        await speech.start()
        try:
            yield EngineSet(
                detectors=detectors,
                speech=speech,
                responder=responder,
                projects=projects,
                workers=speech.running,
            )
        finally:
            await speech.close()
