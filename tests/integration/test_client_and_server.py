"""Our client against our server, over plain sockets and TLS."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedded import Server, question, silence
from guards import Guard

from realtime_sync import (
    AuthenticationError,
    ConnectionClosed,
    ConnectionClosedError,
    Local,
    OpenAI,
    RealtimeConnection,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.audio import from_pcm16, level_dbfs, read_wav
from realtime_sync.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ErrorEvent,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDone,
)

GUARD_S = 30.0
TEXT: Any = {"output_modalities": ["text"]}
MANUAL: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
CHUNK = 960  # 20 ms


def connect(server: Server, **options: Any) -> RealtimeConnection:
    client = Local(url=server.url, api_key=server.key, ssl_context=server.tls())
    return client.realtime.connect(**options).enter()


def chunks(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + CHUNK] for start in range(0, len(pcm), CHUNK)]


def test_a_written_turn(server: Server) -> None:
    with connect(server) as connection:
        reply = connection.ask("Hello!", response=TEXT, timeout=GUARD_S)
    assert "Hello" in reply.text
    assert reply.audio == b""
    assert reply.response.status == "completed"
    assert reply.usage is not None
    assert reply.usage.total_tokens


def test_a_spoken_answer(server: Server) -> None:
    with connect(server) as connection:
        reply = connection.ask("Please count to five.", timeout=GUARD_S)
    assert "three" in reply.transcript
    samples = from_pcm16(reply.audio)
    assert 1.0 < len(samples) / 24_000 < 15.0, "seconds of speech"
    assert 0.01 < float(np.sqrt(np.mean(samples**2))) < 0.5, "an audible level"


@pytest.mark.parametrize(("name", "hz"), [("pcm", 24_000), ("pcmu", 8_000), ("pcma", 8_000)])
def test_an_answer_becomes_a_file_whatever_the_session_speaks(
    ws_server: Server, tmp_path: Path, name: str, hz: int
) -> None:
    path = tmp_path / "answer.wav"
    form = {"output": {"format": {"type": f"audio/{name}", "rate": hz}}}
    if name != "pcm":
        del form["output"]["format"]["rate"]  # G.711 has but one
    session: Any = {"type": "realtime", "audio": form}
    with connect(ws_server) as connection:
        usual = connection.ask("Please count to three.", timeout=GUARD_S)
        of_the_answer = connection.ask(
            "Please count to three.", response={"audio": form}, timeout=GUARD_S
        )
        connection.session.update(session=session)
        connection.wait_for("session.updated", timeout=GUARD_S)
        of_the_session = connection.ask("Please count to three.", timeout=GUARD_S)
    assert 1000 < usual.audio_ms < 10_000
    for reply in (of_the_answer, of_the_session):
        # The synthesiser's pauses differ by a few samples from one time to the next.
        assert reply.audio_ms == pytest.approx(usual.audio_ms, rel=0.02)
        reply.save(path)
        pcm = read_wav(path, rate=hz)
        assert len(pcm) // 2 * 1000 // hz == reply.audio_ms
        assert level_dbfs(pcm) == pytest.approx(level_dbfs(usual.audio), abs=1.5)


# Those of which the recogniser's general English is certain, whoever says them.
@pytest.mark.parametrize("name", ["David", "Jack", "John", "Lisa", "Mary", "Paul"])
def test_a_name_that_was_said_aloud_is_remembered(ws_server: Server, name: str) -> None:
    spoken = []
    for words in (f"my name is {name}.", "what is my name?"):
        with connect(ws_server) as connection:
            spoken.append(connection.ask(f"Repeat after me: {words}", timeout=GUARD_S).audio)
    with connect(ws_server) as connection:
        told = connection.ask(audio=spoken[0], response=TEXT, timeout=GUARD_S)
        asked = connection.ask(audio=spoken[1], response=TEXT, timeout=GUARD_S)
    assert (told.text, asked.text) == (f"Nice to meet you, {name}.", f"Your name is {name}.")


def test_a_spoken_question_through_server_vad(server: Server) -> None:
    """WAV → VAD → words → answer → speech."""
    with connect(server) as connection:
        connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "local"}}},
            }
        )
        for chunk in chunks(question("hello") + silence(800)):
            connection.input_audio_buffer.append(audio=chunk)
        seen = []
        heard = said = ""
        audio = b""
        for event in connection:
            seen.append(event.type)
            match event:
                case ConversationItemInputAudioTranscriptionCompleted():
                    heard = event.transcript
                case ResponseOutputAudioDelta():
                    audio += event.audio
                case ResponseOutputAudioTranscriptDone():
                    said = event.transcript
                case ResponseDone():
                    break
    assert "hello" in heard.lower()
    assert "help" in said.lower() or "fine" in said.lower()
    samples = from_pcm16(audio)
    assert 0.5 < len(samples) / 24_000 < 15.0, "seconds of speech"
    assert 0.01 < float(np.sqrt(np.mean(samples**2))) < 0.5, "an audible level"
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "conversation.item.input_audio_transcription.completed",
        "response.output_audio.delta",
        "response.done",
    ]
    assert [name for name in dict.fromkeys(seen) if name in order] == order


@pytest.mark.parametrize("form", ["bytes", "int16", "float32"])
def test_manual_audio_in_every_form(ws_server: Server, form: str) -> None:
    pcm = question("hello")
    audio: Any = pcm
    if form != "bytes":
        audio = np.frombuffer(pcm, dtype="<i2")
    if form == "float32":
        audio = (audio / 32768).astype(np.float32)
    with connect(ws_server) as connection:
        connection.session.update(session=MANUAL)
        connection.input_audio_buffer.append(audio=audio)
        connection.input_audio_buffer.commit()
        assert connection.ask(response=TEXT, timeout=GUARD_S).text


def test_a_function_call_and_its_answer(server: Server) -> None:
    tool = {
        "type": "function",
        "name": "get_weather",
        "description": "Tell the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
    with connect(server) as connection:
        connection.session.update(session={"type": "realtime", "tools": [tool]})
        reply = connection.ask("What is the weather in Paris?", response=TEXT, timeout=GUARD_S)
        (call,) = reply.function_calls
        assert call.name == "get_weather"
        assert "paris" in call.arguments.lower()
        connection.conversation.item.create(
            item={
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": '{"condition": "sunny", "temperature": 21}',
            }
        )
        assert "sunny" in connection.ask(response=TEXT, timeout=GUARD_S).text.lower()


def test_wait_for_the_answer_to_a_request(server: Server) -> None:
    with connect(server) as connection:
        connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        updated: Any = connection.wait_for("session.updated", timeout=GUARD_S)
        assert updated.session.instructions == "Be brief."
        connection.session.update(
            session={"type": "realtime", "audio": {"output": {"speed": 99}}}, event_id="mine"
        )
        refused = connection.wait_for("error", timeout=GUARD_S)
        assert isinstance(refused, ErrorEvent)
        assert refused.error.event_id == "mine"
        assert refused.error.param == "session.audio.output.speed"
        types = [connection.recv(GUARD_S).type for _ in range(3)]
        assert types == ["session.created", "session.updated", "error"]


def test_a_refused_ask(server: Server) -> None:
    bad: Any = {"max_output_tokens": -1}
    with connect(server) as connection:
        with pytest.raises(ServerError, match="max_output_tokens"):
            connection.ask("Hello!", response=bad, timeout=GUARD_S)
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def test_a_stream_left_early_is_cancelled(server: Server) -> None:
    with connect(server) as connection:
        for _ in connection.stream("Tell me a story.", timeout=GUARD_S):
            break
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def test_every_waiter_learns_of_a_server_that_is_killed(guard: Guard) -> None:
    with Local() as client, client.realtime.connect() as connection:
        connection.recv(GUARD_S)
        results: list[BaseException] = []

        def note(call: Callable[[], Any]) -> None:
            try:
                call()
            except ConnectionClosed as exc:
                results.append(exc)

        calls = [
            lambda: connection.recv(),
            lambda: connection.wait_for("never"),
            lambda: connection.wait_for(lambda event: False),
        ]
        threads = [spawn(lambda c=call: note(c), name="waiter") for call in calls]  # type: ignore[misc]
        guard.until(connection._consumer.locked, "the consumer")
        guard.until(lambda: len(connection._queue._watchers) == 2, "the observers")
        process = client._server()
        start = time.monotonic()
        os.kill(process.pid, 9)
        for thread in threads:
            guard.join(thread)
        print(f"every waiter was told after {1000 * (time.monotonic() - start):.0f} ms")
        assert len(results) == 3
        assert all(isinstance(result, ConnectionClosedError) for result in results)


def talk_briefly(server: Server, failures: list[BaseException]) -> None:
    """A short connection: one thread reads, four send at the same time."""
    chunk = bytes(CHUNK)
    senders = 4
    try:
        with connect(server) as connection:
            barrier = threading.Barrier(senders)

            def send(number: int) -> None:
                try:
                    barrier.wait(GUARD_S)
                    for _ in range(5):
                        connection.input_audio_buffer.append(audio=chunk)
                    connection.send({"type": "input_audio_buffer.clear", "event_id": str(number)})
                except BaseException as exc:
                    failures.append(exc)

            threads = [spawn(lambda n=n: send(n), name="sender") for n in range(senders)]  # type: ignore[misc]
            counts: Counter[str] = Counter()
            while counts["input_audio_buffer.cleared"] < senders:
                counts[connection.recv(GUARD_S).type] += 1
            for thread in threads:
                thread.join(GUARD_S)
            if counts["error"]:
                failures.append(AssertionError(f"the server complained: {counts}"))
    except BaseException as exc:
        failures.append(exc)


def test_two_hundred_short_wss_connections(wss_server: Server) -> None:
    """One TLS object under several threads: the hazard that the transport's duplex rule removes."""
    failures: list[BaseException] = []
    batch = 10
    for _ in range(200 // batch):
        threads = [
            spawn(lambda: talk_briefly(wss_server, failures), name="client") for _ in range(batch)
        ]
        for thread in threads:
            thread.join(GUARD_S)
            assert not thread.is_alive()
    assert failures == []


def test_a_hundred_connections_leave_nothing_behind(server: Server, guard: Guard) -> None:
    def open_descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    connect(server).close()  # whatever is loaded once is loaded now
    descriptors, threads = open_descriptors(), threading.active_count()
    for _ in range(100):
        with connect(server) as connection:
            connection.recv(GUARD_S)
    assert open_descriptors() == descriptors
    assert threading.active_count() == threads


def test_a_wrong_key_is_refused_with_the_servers_words(server: Server) -> None:
    client = OpenAI(api_key="sk-wrong-key", base_url=server.url, ssl_context=server.tls())
    with pytest.raises(AuthenticationError, match="API key") as caught:
        client.realtime.connect(model="gpt-realtime-2").enter()
    assert "sk-wrong-key" not in repr(caught.value)
