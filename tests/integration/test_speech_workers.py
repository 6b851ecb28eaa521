"""Speech workers that hang, die, babble or do not start: real processes, and played time."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from guards import Guard
from seconds import Seconds
from speech_services import (
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

from realtime_sync.errors import AudioError
from realtime_sync.local.speech import _child, _process
from realtime_sync.local.speech.service import SpeechService

ODD_WORKER = str(Path(__file__).parent / "programs" / "odd_worker.py")


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Time for the workers of this process."""
    clock = Seconds()
    monkeypatch.setattr(_process, "_sleep", clock.sleep)
    return clock


def stopped(kind: str, guard: Guard) -> psutil.Process:
    """Stop a worker, as a hang in its engine would."""
    found = worker(kind)
    found.suspend()
    guard.until(lambda: found.status() == psutil.STATUS_STOPPED, "the stop")
    return found


def test_a_recogniser_that_hangs_is_replaced(seconds: Seconds, guard: Guard) -> None:
    limit_s = 10 + 2 * len(recorded("time")) / 32_000

    async def use(service: SpeechService) -> None:
        first = stopped("transcribe", guard)
        waiting = asyncio.create_task(hear(service, "time"))
        await asyncio.sleep(0)
        await seconds.go(math.floor(limit_s))
        assert not waiting.done()
        assert await speak(service, "Hello."), "the other worker goes on"
        await seconds.go(1)
        with pytest.raises(AudioError, match=f"gave no answer for {limit_s:.0f} s and was ended"):
            await waiting
        assert await hear(service, "time") == "what time is it"
        assert worker("transcribe").pid != first.pid
        assert service.pending == 0

    run(use)


def test_a_voice_that_hangs_is_replaced(seconds: Seconds, guard: Guard) -> None:
    async def use(service: SpeechService) -> None:
        story = service.synthesize(STORY, voice="onyx", speed=1.0)
        await anext_of(story)
        first = stopped("synthesize", guard)
        spoken = asyncio.create_task(rest_of(story))
        waiting = asyncio.create_task(speak(service, "Hi."))
        await asyncio.sleep(0)
        await seconds.go(60)  # 300 characters count as 20 s; a piece may have been on its way
        # The worker may have been between two pieces, and then the story is not to blame either.
        with pytest.raises(AudioError, match="gave no answer for 50 s and was ended"):
            await spoken
        with pytest.raises(AudioError, match="gave no answer for 50 s and was ended; ask again"):
            await waiting
        assert await speak(service, "Hello.")
        assert await hear(service, "time") == "what time is it"
        assert worker("synthesize").pid != first.pid

    run(use)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no process groups")
@pytest.mark.parametrize("end", ["hang", "close", "killed server"])
def test_what_a_worker_has_started_ends_with_it(
    end: str,
    seconds: Seconds,
    guard: Guard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note = tmp_path / "pid"
    program = tmp_path / "flite"  # which never says anything
    program.write_text(f"#!/bin/sh\necho $$ > {note}.new\nmv {note}.new {note}\nexec sleep 1000\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def use(service: SpeechService) -> None:
        waiting = asyncio.create_task(speak(service, "Hello."))
        await asyncio.to_thread(guard.until, note.exists, "the program's start")
        started = psutil.Process(int(note.read_text()))
        if end == "hang":
            await seconds.go(12)
        elif end == "close":
            await service.close()
        else:
            (busy,) = [each for each in service._synthesizers if each.pending]
            assert busy._child is not None
            busy._child.stdin.close()  # which is all that a worker sees of it
        with pytest.raises(AudioError):
            await waiting
        await asyncio.to_thread(guard.until, lambda: not alive(started), "the program's end")

    run(use, synthesizer="flite")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("babble", "gave an answer that can't be read"),
        ("another's answer", "gave an answer that can't be read"),
        ("half an answer", r"ended unexpectedly \(exit code 3\)"),
    ],
)
def test_a_worker_that_answers_oddly_is_replaced(
    how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = _child._command
    odd = [[sys.executable, ODD_WORKER, how]]
    monkeypatch.setattr(
        _child,
        "_command",
        lambda kind, spec: odd.pop() if odd and kind == "transcribe" else usual(kind, spec),
    )

    async def use(service: SpeechService) -> None:
        with pytest.raises(AudioError, match=f"the transcribe worker {words}.*; ask again"):
            await hear(service, "time")
        assert await hear(service, "time") == "what time is it"

    run(use)


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no room for one, or no such program: that is an error of ours as well."""
    monkeypatch.setattr(_child, "_command", lambda kind, spec: [f"/nowhere/{kind}"])
    with pytest.raises(AudioError, match=r"synthesize worker did not start: .*No such file"):
        asyncio.run(_child.launch("synthesize", "espeak"))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("silent at the start", r"it was not ready after 0\.2 s"),
        ("dead at the start", "it ended with code 1, and its own words are in the log"),
        ("babble at the start", "its first message can't be read"),
    ],
)
def test_a_worker_that_does_not_start(
    how: str, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if how == "silent at the start":
        monkeypatch.setattr(_child, "_START_TIMEOUT", 0.2)
    monkeypatch.setattr(_child, "_command", lambda kind, spec: [sys.executable, ODD_WORKER, how])
    before = psutil.Process().children()  # servers of other tests
    with pytest.raises(AudioError, match=f"worker did not start: {words}"):
        asyncio.run(SpeechService().start())
    assert workers_of(os.getpid()) == []
    assert psutil.Process().children() == before
    if how == "dead at the start":
        assert any(message.endswith(" worker: no model") for message in caplog.messages)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_are_the_servers_affair(number: str) -> None:
    async def use(service: SpeechService) -> None:
        before = sorted(process.pid for process in workers_of(os.getpid()))
        for process in workers_of(os.getpid()):
            process.send_signal(getattr(signal, number))
        assert await hear(service, "time") == "what time is it"
        assert await speak(service, "Hello.")
        assert sorted(process.pid for process in workers_of(os.getpid())) == before

    run(use)


def test_a_worker_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REALTIME_SYNC_LOCAL_KEY", "REALTIME_SYNC_CHAT_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "marmalade")
    monkeypatch.setenv("REALTIME_SYNC_LOCAL_RESPONDER", "chat:http://me:marmalade@host/v1")

    async def use(service: SpeechService) -> None:
        for process in workers_of(os.getpid()):
            environment = process.environ()
            assert environment["PATH"] == os.environ["PATH"]
            assert "marmalade" not in str(environment)

    run(use)
