"""What clients are told when the server's recogniser or voice hangs, and that others go on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from embedded import Server, question, run_server, silence
from guards import Guard
from raw_client import RawClient, raw_client
from raw_distiller import agent, create, project, talking
from speech_services import alive
from websockets.sync.connection import Connection

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals"),
]

PROGRAM = str(Path(__file__).parent / "programs" / "played_server.py")
POISONED = str(Path(__file__).parent / "programs" / "poisoned_server.py")


@pytest.fixture(scope="module")
def played() -> Iterator[Server]:
    """A server for whose workers time passes at a signal."""
    with run_server(program=[PROGRAM]) as server:
        yield server


@contextmanager
def hanging(server: Server, kind: str, guard: Guard) -> Iterator[Callable[[], None]]:
    """Have a worker hang; gives what lets time pass as long as it does."""
    workers = psutil.Process(server.process.pid).children()
    (found,) = [each for each in workers if kind in each.cmdline()]
    found.suspend()
    guard.until(lambda: found.status() == psutil.STATUS_STOPPED, "the stop")

    def wait() -> None:
        if alive(found):
            server.process.send_signal(signal.SIGUSR1)

    yield wait
    assert not alive(found), "it was replaced"


def until(socket: Connection, type: str, wait: Callable[[], None]) -> list[dict[str, Any]]:
    """Receive up to an event of ``type``; while none comes, ``wait``."""
    events: list[dict[str, Any]] = []
    while not events or events[-1].get("type") != type:
        with suppress(TimeoutError):
            events.append(json.loads(socket.recv(0.05)))
            continue
        wait()
    return events


def ask_aloud(client: RawClient, name: str) -> None:
    client.speak(question(name) + silence(1_000))


def test_a_turn_that_is_not_recognised(played: Server, guard: Guard) -> None:
    with raw_client(played) as client, raw_client(played) as other:
        client.session(audio={"input": {"transcription": {"model": "whisper-1"}}})
        with hanging(played, "transcribe", guard) as wait:
            ask_aloud(client, "time")
            item_id = client.until("input_audio_buffer.committed")["item_id"]
            events = until(client.socket, "response.done", wait)
        (failed,) = [event for event in events if event["type"].endswith("transcription.failed")]
        assert failed["item_id"] == item_id
        assert failed["error"]["code"] == "speech_failed"
        assert failed["error"]["message"].startswith("AudioError: the transcribe worker gave no")
        response = events[-1]["response"]
        assert response["status"] == "failed"
        assert response["status_details"]["error"] == {
            "type": "server_error",
            "code": "speech_failed",
            "message": "AudioError: what the user has said was not recognised; ask again",
        }
        # The next response tries again, and another session does not notice.
        client.send("response.create", response={"output_modalities": ["text"]})
        assert "time" in str(client.until("response.done")["response"]["output"])
        ask_aloud(other, "hello")
        assert other.until("response.done")["response"]["status"] == "completed"


def test_an_utterance_at_which_the_recogniser_hangs(guard: Guard) -> None:
    """It has no words from then on; it is tried once, and its session goes on."""
    with run_server(program=[POISONED]) as server, raw_client(server) as client:
        hearing = {"transcription": {"model": "whisper-1"}}
        client.session(audio={"input": hearing}, output_modalities=["text"])
        (worker,) = recognisers(server)
        client.speak(3 * question("time") + silence(1_000))
        poisoned = client.until("input_audio_buffer.committed")["item_id"]
        events = until(client.socket, "response.done", partial(tick, server))
        (failed,) = [event for event in events if event["type"].endswith("transcription.failed")]
        assert failed["item_id"] == poisoned
        assert failed["error"]["code"] == "speech_failed"
        assert failed["error"]["message"].startswith("EngineError: the transcribe worker gave no")
        assert not failed["error"]["message"].endswith("ask again")
        assert events[-1]["response"]["status"] == "completed"
        guard.until(lambda: recognisers(server) not in ([], [worker]), "another recogniser")
        second = recognisers(server)
        for _ in range(2):
            ask_aloud(client, "time")
            response = client.until("response.done")["response"]
            assert (response["status"], "time" in str(response["output"])) == ("completed", True)
        assert recognisers(server) == second, "no later response has tried it again"


def recognisers(server: Server) -> list[psutil.Process]:
    children = psutil.Process(server.process.pid).children()
    return [each for each in children if alive(each) and POISONED in each.cmdline()]


def tick(server: Server) -> None:
    server.process.send_signal(signal.SIGUSR1)


def test_an_answer_that_is_not_spoken(played: Server, guard: Guard) -> None:
    with raw_client(played) as client:
        client.until("session.created")
        with hanging(played, "synthesize", guard) as wait:
            client.write("hello")
            client.send("response.create")
            response_id = client.until("response.created")["response"]["id"]
            response = until(client.socket, "response.done", wait)[-1]["response"]
        assert (response["id"], response["status"]) == (response_id, "failed")
        error = response["status_details"]["error"]
        assert error["code"] == "speech_failed"
        assert error["message"].startswith("AudioError: the synthesize worker gave no answer for 1")
        client.send("response.create")
        assert client.until("response.done")["response"]["status"] == "completed"


def test_a_turn_of_the_distiller(played: Server, guard: Guard) -> None:
    create(played, "hangs", project(agent("A")))
    with talking(played, "hangs") as client:
        with hanging(played, "transcribe", guard) as wait:
            client.speak(question("time", hz=16_000) + silence(1_200, hz=16_000))
            error = until(client.socket, "error", wait)[-1]
        assert error["error_detail"]["message"].startswith(
            "Recognition failed: AudioError: the transcribe worker gave no answer for "
        )
        client.until("response.done")
        client.speak(question("time", hz=16_000) + silence(1_200, hz=16_000))
        told = client.until("response.done")
        assert {"type": "response.audio_transcript.done", "text": "what time is it"} in told
