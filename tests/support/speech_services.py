"""A speech service of the test's own process, with real workers."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
from guards import GUARD_S

from realtime_sync.local.engines import SpeechChunk
from realtime_sync.local.speech.service import SpeechService

QUESTIONS = Path(__file__).parents[2] / "samples" / "questions"
STORY = "Once upon a time there was a lighthouse, and nobody knew who had built it. " * 100


def recorded(name: str) -> bytes:
    with wave.open(str(QUESTIONS / f"{name}.wav")) as file:
        frames: bytes = file.readframes(file.getnframes())
        return frames


def run(use: Callable[[SpeechService], Awaitable[None]], **options: str | int) -> None:
    """Run ``use`` with a started service, and see that it leaves no process."""

    async def main() -> None:
        service = SpeechService(**options)  # type: ignore[arg-type]  # mixed on purpose
        await service.start()
        try:
            await asyncio.wait_for(use(service), GUARD_S)
        finally:
            await service.close()

    asyncio.run(main())
    assert workers_of(os.getpid()) == []


def workers_of(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()  # not those of a server that other tests share
    return [child for child in children if "realtime_sync.local.speech.worker" in child.cmdline()]


def worker(kind: str) -> psutil.Process:
    (found,) = (process for process in workers_of(os.getpid()) if kind in process.cmdline())
    return found


async def hear(service: SpeechService, name: str) -> str:
    return await service.transcribe(recorded(name), language=None, prompt=None)


async def speak(service: SpeechService, text: str, voice: str = "alloy") -> list[SpeechChunk]:
    return [chunk async for chunk in service.synthesize(text, voice=voice, speed=1.0)]


async def anext_of(stream: object) -> SpeechChunk:
    chunk: SpeechChunk = await stream.__anext__()  # type: ignore[attr-defined]  # anext() is 3.10
    return chunk


async def rest_of(stream: object) -> list[SpeechChunk]:
    return [chunk async for chunk in stream]  # type: ignore[attr-defined]


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
