"""Sessions that the server limits to five seconds, in the middle of conversations."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from embedded import Server, question, run_server, silence
from fault_proxy import FaultProxy
from guards import Guard

from realtime_sync import ConnectionClosedError, Local, RealtimeConnection, ReconnectPolicy
from realtime_sync._threads import spawn

GUARD_S = 30.0
CHUNK_MS = 20
AT_ONCE = ReconnectPolicy(initial_delay=0.01)


@pytest.fixture(scope="module")
def limited_server() -> Iterator[Server]:
    with run_server("--session-limit", "5") as server:
        yield server


class Microphone:
    """A user who is never quite silent for the program: a chunk every 20 ms, come what may."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.errors: list[BaseException] = []
        self._connection = connection
        self._pending = b""
        self._over = threading.Event()
        self._thread = spawn(self._run, name="microphone")

    def say(self, pcm: bytes) -> None:
        """Begin to speak with the next chunk."""
        self._pending += pcm

    def close(self, guard: Guard) -> None:
        self._over.set()
        guard.join(self._thread)

    def _run(self) -> None:
        size = CHUNK_MS * 48
        due = time.monotonic()
        try:
            while not self._over.wait(max(0.0, due - time.monotonic())):
                due += CHUNK_MS / 1000
                chunk, self._pending = self._pending[:size], self._pending[size:]
                self._connection.input_audio_buffer.append(audio=chunk or silence(CHUNK_MS))
        except BaseException as exc:
            self.errors.append(exc)


def test_a_spoken_conversation_does_not_notice_the_limit(
    limited_server: Server, guard: Guard
) -> None:
    """Each question begins while the link is being renewed, the worst moment for it."""
    spoken = {
        "hello": ("hello how are you today", "I am fine, thank you. What can I do for you?"),
        "stop": ("stop please", "All right, I stopped."),
        "goodbye": ("thank you and goodbye", "Goodbye! It was nice to talk to you."),
    }
    session: Any = {
        "type": "realtime",
        "output_modalities": ["text"],
        "audio": {"input": {"transcription": {"model": "any"}}},
    }
    heard: dict[str, str] = {}
    answers: list[str] = []
    codes: list[int] = []
    starts = 0
    with FaultProxy(limited_server.url) as proxy:
        client = Local(url=proxy.url, api_key=limited_server.key)
        with client.realtime.connect(reconnect=AT_ONCE) as connection:
            connection.session.update(session=session)
            connection.wait_for("session.updated", timeout=GUARD_S)
            microphone = Microphone(connection)
            for number, name in enumerate(spoken):
                guard.until(lambda: proxy.connections > number, "the renewal")  # noqa: B023
                microphone.say(question(name))
                while len(answers) == number:
                    event: Any = connection.recv(GUARD_S)
                    match event.type:
                        case "input_audio_buffer.speech_started":
                            starts += 1
                        case "conversation.item.input_audio_transcription.completed":
                            heard[event.item_id] = event.transcript
                        case "response.output_text.done":
                            answers.append(event.text)
                        case "reconnected":
                            codes.append(event.code)
                        case "error":
                            raise AssertionError(event)
            codes += [until(connection, "reconnected").code]
            for item_id, words in heard.items():
                connection.conversation.item.retrieve(item_id=item_id)
                item = until(connection, "conversation.item.retrieved").to_dict()["item"]
                assert item["content"] == [{"type": "input_text", "text": words}]
            microphone.close(guard)
    assert not microphone.errors
    assert [words.lower().strip(" .?!") for words in heard.values()] == [
        words for words, _ in spoken.values()
    ]
    assert answers == [answer for _, answer in spoken.values()]
    assert set(codes) == {1000}, "renewed on purpose, and never closed by the server"
    assert starts == len(spoken)
    print(f"{len(codes)} renewals in a conversation of {len(spoken)} questions, none noticed")


def until(connection: RealtimeConnection, kind: str) -> Any:
    while (event := connection.recv(GUARD_S)).type != kind:
        pass
    return event


def test_a_conversation_that_is_never_quiet_outlives_the_limit(limited_server: Server) -> None:
    manual: Any = {
        "type": "realtime",
        "output_modalities": ["text"],
        "audio": {"input": {"turn_detection": None}},
    }
    client = Local(url=limited_server.url, api_key=limited_server.key)
    with client.realtime.connect(reconnect=AT_ONCE) as connection:
        connection.session.update(session=manual)
        first = connection.ask("Say apple.").response.output[0]
        # What is appended and not committed belongs to this link, so it is not given up.
        connection.input_audio_buffer.append(audio=silence(100))
        with pytest.raises(ConnectionClosedError) as caught:
            connection.wait_for("never", timeout=GUARD_S)
        assert (caught.value.code, caught.value.reconnecting) == (1001, True)
        assert "maximum duration" in caught.value.reason
        assert until(connection, "reconnected").code == 1001
        connection.conversation.item.retrieve(item_id=first.id)
        item = until(connection, "conversation.item.retrieved").to_dict()["item"]
        assert item["content"] == [{"type": "output_text", "text": "Apple."}]
        assert connection.ask("Say pear.").text == "Pear."
