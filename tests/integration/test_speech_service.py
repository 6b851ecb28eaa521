"""The speech service: real workers, shared, killed, left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from guards import Guard
from speech_services import (
    QUESTIONS,
    STORY,
    alive,
    anext_of,
    hear,
    recorded,
    rest_of,
    run,
    speak,
    worker,
    workers_of,
)

from realtime_sync.errors import AudioError, ConfigError
from realtime_sync.local.speech.service import SpeechService


def test_it_hears_and_speaks() -> None:
    async def use(service: SpeechService) -> None:
        assert await hear(service, "time") == "what time is it"
        chunks = await speak(service, "It is noon.")
        assert "".join(chunk.text for chunk in chunks) == "It is noon."
        assert sum(len(chunk.pcm) for chunk in chunks) > 24_000
        assert await service.transcribe(b"", language=None, prompt=None) == ""
        assert await speak(service, "") == []

    run(use)


def test_sessions_at_once() -> None:
    async def use(service: SpeechService) -> None:
        names = ("time", "hello", "goodbye")
        heard = asyncio.gather(*(hear(service, name) for name in names))
        spoken = asyncio.gather(*(speak(service, f"Session {n}. " * 30) for n in range(4)))
        assert await heard == [
            "what time is it",
            "hello how are you today",
            "thank you and goodbye",
        ]
        for number, chunks in enumerate(await spoken):
            assert "".join(chunk.text for chunk in chunks) == f"Session {number}. " * 30

    run(use)


def test_a_long_text_does_not_hold_up_a_short_one() -> None:
    async def use(service: SpeechService) -> None:
        story = service.synthesize(STORY, voice="onyx", speed=1.0)
        await anext_of(story)
        short = await speak(service, "Hello.")
        assert "".join(chunk.text for chunk in short) == "Hello."
        # The story is unfinished: nobody took it, so the worker stopped at the window's end.
        rest = [chunk async for chunk in story]
        assert len(rest) > 1000

    run(use)


def test_a_text_nobody_takes_is_not_worked_on() -> None:
    async def use(service: SpeechService) -> None:
        stories = [service.synthesize(STORY, voice="onyx", speed=1.0) for _ in range(5)]
        for story in stories:
            await anext_of(story)
            await story.aclose()
        await speak(service, "Hello.")
        assert service.pending == 0

    run(use)


def test_recognition_does_not_delay_synthesis() -> None:
    async def use(service: SpeechService) -> None:
        hearing = asyncio.create_task(hear_long(service))
        for _ in range(3):
            assert await speak(service, "Hello.")
        assert not hearing.done()  # half a minute of speech, some seconds of work
        hearing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hearing
        assert await hear(service, "time") == "what time is it"

    run(use)


async def hear_long(service: SpeechService) -> str:
    pcm = b"".join(recorded(name) for name in ("hello", "weather", "story", "repeat")) * 4
    return await service.transcribe(pcm, language=None, prompt=None)


def test_a_short_utterance_waits_only_for_a_part_of_a_long_one() -> None:
    async def use(service: SpeechService) -> None:
        long = asyncio.create_task(hear_long(service))
        await asyncio.sleep(0)  # it is handed over first
        assert await hear(service, "time") == "what time is it"
        assert not long.done()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long

    run(use)


@pytest.mark.parametrize("kind", ["transcribe", "synthesize"])
def test_a_killed_worker_is_replaced(kind: str) -> None:
    async def use(service: SpeechService) -> None:
        first = worker(kind)
        busy: asyncio.Task[object]
        if kind == "transcribe":
            busy = asyncio.create_task(hear_long(service))
            await asyncio.sleep(0)
        else:
            story = service.synthesize(STORY, voice="onyx", speed=1.0)
            await anext_of(story)
            busy = asyncio.create_task(rest_of(story))
        first.send_signal(signal.SIGKILL)
        with pytest.raises(AudioError, match=f"{kind} worker ended unexpectedly .*ask again"):
            await busy
        assert await hear(service, "time") == "what time is it"
        assert await speak(service, "Hello.")
        assert worker(kind).pid != first.pid

    run(use)


def test_errors_of_a_request_leave_the_worker_alone() -> None:
    async def use(service: SpeechService) -> None:
        before = worker("transcribe").pid
        with pytest.raises(ConfigError, match="language 'fr' is not available"):
            await service.transcribe(recorded("time"), language="fr", prompt=None)
        assert await hear(service, "time") == "what time is it"
        assert worker("transcribe").pid == before

    run(use)


def test_close_fails_what_is_in_hand() -> None:
    async def use(service: SpeechService) -> None:
        busy = asyncio.create_task(hear_long(service))
        await asyncio.sleep(0)
        await service.close()
        with pytest.raises(AudioError, match="closed"):
            await busy
        with pytest.raises(AudioError, match="closed"):
            await hear(service, "time")
        await service.close()

    run(use)


def test_too_many_requests_are_refused() -> None:
    async def use(service: SpeechService) -> None:
        waiting = [asyncio.create_task(hear(service, "time")) for _ in range(64)]
        await asyncio.sleep(0)
        with pytest.raises(AudioError, match="64 requests wait"):
            await hear(service, "time")
        for task in waiting:
            task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert await hear(service, "time") == "what time is it"

    run(use)


def test_more_workers_share_the_requests() -> None:
    async def use(service: SpeechService) -> None:
        assert len(workers_of(os.getpid())) == 3
        heard = await asyncio.gather(hear(service, "time"), hear(service, "stop"))
        assert list(heard) == ["what time is it", "stop please"]

    run(use, transcriber_workers=2)


def test_a_grammar_for_the_service(tmp_path: Path) -> None:
    grammar = tmp_path / "grammar.txt"
    grammar.write_text("what time is it\nwhat day is it\nthank you and goodbye\n")

    async def use(service: SpeechService) -> None:
        assert await hear(service, "time") == "what time is it"
        assert await hear(service, "weather") == ""

    run(use, transcriber=f"pocketsphinx:{grammar}")


def test_what_is_wrong_is_told_before_any_worker_starts() -> None:
    with pytest.raises(ConfigError, match="transcriber 'whisper' is unknown"):
        SpeechService(transcriber="whisper")
    with pytest.raises(ConfigError, match=r"grammar 'none\.gram' can't be read"):
        SpeechService(transcriber="pocketsphinx:none.gram")
    with pytest.raises(ConfigError, match="synthesizer 'x' is unknown; choose 'espeak' or 'flite'"):
        SpeechService(synthesizer="x")
    with pytest.raises(ConfigError, match="0 workers"):
        SpeechService(transcriber_workers=0)


_SERVER = """
import asyncio, sys
from realtime_sync.local.speech.service import SpeechService

async def main():
    service = SpeechService()
    await service.start()
    if sys.argv[1] == "busy":
        pcm = open(sys.argv[2], "rb").read()
        long = asyncio.create_task(service.transcribe(pcm * 40, language=None, prompt=None))
        await asyncio.sleep(0)
        # They take turns: when this one is done, the long one has begun.
        await service.transcribe(pcm, language=None, prompt=None)
    print("ready", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_no_worker_survives_a_killed_server(state: str, guard: Guard) -> None:
    audio = str(QUESTIONS / "story.wav")
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, state, audio], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        workers = workers_of(server.pid)
        assert len(workers) == 2
        server.kill()
    guard.until(lambda: not any(map(alive, workers)), "the end of the workers")
