"""The voice loop over a real connection to the embedded server, with virtual sound."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from embedded import Server, question
from guards import Guard, VirtualClock
from raw_server import CLOSE, RawPeer
from scripted_server import client, hear, say, scripted

from realtime_sync import Local
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker
from realtime_sync.errors import ConnectionClosedOK
from realtime_sync.events import ErrorEvent
from realtime_sync.voice import (
    AnswerFailed,
    AnswerStarted,
    Interrupted,
    ToolFinished,
    VoiceLoop,
)

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Talk:
    """A running conversation: say something, wait for events."""

    def __init__(self, connection: Any, **options: Any) -> None:
        self.connection = connection
        self.microphone = VirtualMicrophone()
        self.heard: list[bytes] = []
        self.speaker = VirtualSpeaker(tap=self.heard.append)
        self.events: list[Any] = []
        self._changed = threading.Condition()  # guards events
        self.loop = VoiceLoop(
            connection, self.microphone, self.speaker, on_event=self._note, **options
        )
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as exc:
            self.failure = exc

    def _note(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, kind: type | str, count: int = 1) -> Any:
        def found() -> list[Any]:
            return [e for e in self.events if e.type == kind or type(e) is kind]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, Guard().seconds), (
                f"{kind} did not come: {[e.type for e in self.events]}, {self.failure}"
            )
            return found()[count - 1]

    def none_of(self, kind: type) -> bool:
        return not [e for e in self.events if type(e) is kind]


@contextmanager
def talking(server: Server, session: dict[str, Any], **options: Any) -> Iterator[Talk]:
    client = Local(url=server.url, api_key=server.key)
    with client.realtime.connect() as connection:
        connection.session.update(session={"type": "realtime", **session})
        talk = Talk(connection, **options)
        talk.thread.start()
        try:
            yield talk
        finally:
            talk.loop.close()
            Guard().join(talk.thread)
    assert talk.failure is None


def test_a_spoken_question_is_answered_with_a_tool(ws_server: Server) -> None:
    def get_weather(city: str) -> dict[str, object]:
        return {"city": city, "condition": "foggy", "temperature": 9}

    session = {"tools": [WEATHER]}
    with talking(ws_server, session, tools={"get_weather": get_weather}) as talk:
        talk.microphone.say(question("weather"))
        finished = talk.wait_for(ToolFinished)
        assert "foggy" in finished.output
        latency = talk.wait_for(AnswerStarted).latency_ms
        print(f"first audio of the answer after the tool: {latency} ms after the end of speech")
        answer = talk.wait_for("response.output_audio_transcript.done")
        assert answer.transcript == "The weather in London is foggy, 9 degrees."
        item_id = answer.item_id
        Guard().until(lambda: talk.loop.idle, "the end of the answer")
        dones = [event for event in talk.events if event.type == "response.done"]
        (done,) = (event for event in dones if event.response.id == answer.response_id)
        assert done.response.output[0].id == item_id
        assert done.response.output[0].content[0].transcript == answer.transcript
    assert talk.speaker.played_ms(item_id) > 1500
    assert np.abs(np.frombuffer(b"".join(talk.heard), "<i2")).max() > 3000
    assert talk.none_of(ErrorEvent)


@pytest.mark.parametrize("server_interrupts", [True, False])
def test_an_interruption_truncates_what_plays(ws_server: Server, server_interrupts: bool) -> None:
    detection = {"type": "server_vad", "interrupt_response": server_interrupts}
    session = {"audio": {"input": {"turn_detection": detection}}}
    with talking(ws_server, session) as talk:
        talk.microphone.say(question("story"))
        talk.wait_for(AnswerStarted)
        talk.microphone.say(question("stop"))
        interrupted = talk.wait_for(Interrupted)
        assert talk.speaker.drain(0)
        truncated = talk.wait_for("conversation.item.truncated")
        assert truncated.item_id == interrupted.item_id
        assert truncated.audio_end_ms == interrupted.audio_end_ms > 0
        talk.wait_for(AnswerStarted, 2)
        assert talk.speaker.played_ms(interrupted.item_id) == interrupted.audio_end_ms
        talk.wait_for("response.output_audio.done", 2)
        Guard().until(lambda: talk.loop.idle, "the end of the answer")
    assert talk.none_of(ErrorEvent)


def test_a_connection_that_was_closed_before_is_told_as_recv_tells_it(ws_server: Server) -> None:
    with Local(url=ws_server.url, api_key=ws_server.key).realtime.connect() as connection:
        connection.close(reason="done")
        with pytest.raises(ConnectionClosedOK) as told:
            VoiceLoop(connection, VirtualMicrophone(), VirtualSpeaker()).run()
        with pytest.raises(ConnectionClosedOK) as again:
            connection.recv()
    assert str(told.value) == str(again.value)
    assert told.value.closed_by == "this side"


def test_one_that_the_program_closes_meanwhile_ends_the_talk(ws_server: Server) -> None:
    with talking(ws_server, {}) as talk:
        talk.wait_for("session.updated")
        talk.connection.close()
        Guard().join(talk.thread)
        assert talk.failure is None


def test_a_turn_that_the_server_could_not_answer_is_asked_for() -> None:
    busy = {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response in progress: r1.",
        "event_id": None,
    }

    def script(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session={"type": "realtime"})
        say(peer, "input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
        say(peer, "response.created", response={"id": "r1"})  # somebody else's
        say(peer, "input_audio_buffer.speech_stopped", item_id="turn", audio_end_ms=900)
        say(peer, "error", error=busy)
        say(peer, "response.done", response={"id": "r1", "status": "completed"})
        while (request := hear(peer))["type"] == "input_audio_buffer.append":
            pass
        assert request["type"] == "response.create"
        say(peer, "response.created", response={"id": "r2"})
        say(peer, "response.done", response={"id": "r2", "status": "completed"})
        while (message := peer.frame())[0] != CLOSE:
            pass
        peer.send(*message)

    with scripted(script) as server, client(server).realtime.connect(model="m") as connection:
        talk = Talk(connection)
        talk.thread.start()
        try:
            assert talk.wait_for("response.done", 2).response.id == "r2"
            Guard().until(lambda: talk.loop.idle, "the end of the turn")
        finally:
            talk.loop.close()
            Guard().join(talk.thread)
    assert talk.failure is None


def test_an_answer_that_the_server_never_ends_is_given_up(
    guard: Guard, virtual_clock: VirtualClock
) -> None:
    def answer(peer: RawPeer, response_id: str, item_id: str) -> None:
        fields = {"response_id": response_id, "item_id": item_id, "content_index": 0}
        audio = b64encode(bytes(4_800)).decode()
        say(peer, "response.output_audio.delta", output_index=0, delta=audio, **fields)

    def hear_request(peer: RawPeer) -> dict[str, Any]:
        while (event := hear(peer))["type"] == "input_audio_buffer.append":
            pass
        return event

    def script(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "session.created", session={"type": "realtime"})
        say(peer, "response.created", response={"id": "r1"})
        answer(peer, "r1", "a")
        cancel = hear_request(peer)
        assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
        create = hear_request(peer)
        assert create["type"] == "response.create"
        assert "Are you there?" in create["response"]["instructions"]
        answer(peer, "r1", "late")
        say(peer, "response.created", response={"id": "r2"})
        answer(peer, "r2", "b")
        say(peer, "response.done", response={"id": "r2", "status": "completed"})
        while (message := peer.frame())[0] != CLOSE:
            pass
        peer.send(*message)

    with scripted(script) as server, client(server).realtime.connect(model="m") as connection:
        talk = Talk(connection, clock=virtual_clock)
        talk.thread.start()
        try:
            talk.wait_for(AnswerStarted)
            talk.loop.say("Are you there?")
            guard.until(
                lambda: virtual_clock.advance(5) or not talk.none_of(AnswerFailed),
                "the end of the patience",
            )
            failed = talk.wait_for(AnswerFailed)
            assert (failed.response_id, failed.status) == ("r1", "timed_out")
            assert talk.wait_for(AnswerStarted, 2).response_id == "r2"
            talk.wait_for("response.done")
        finally:
            talk.loop.close()
            guard.join(talk.thread)
        assert talk.failure is None
        assert talk.speaker.played_ms("late") == 0
