"""Whatever a server sends is at most one bad event for a spoken conversation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from audio_clock import AudioClock
from mutations import BETA_TYPES, TYPES, mutations
from scripted_voice import (
    RATE,
    ScriptedConnection,
    audio_done,
    created,
    delta,
    done,
    make_state,
    session,
    speech_started,
    speech_stopped,
    taken_by,
)

from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import ConnectionClosedOK, RealtimeError, RemoteProtocolError
from realtime_sync.events import ServerEvent, parse_event
from realtime_sync.events.json_writer import write_json
from realtime_sync.voice import UnreadableMessage, VoiceLoop
from realtime_sync.voice._sending import send
from realtime_sync.voice.effects import (
    AskForOwed,
    Effect,
    EndTalk,
    Flush,
    IgnoreItem,
    Pause,
    Play,
    Report,
    Resume,
    RunTool,
    SendToolOutput,
    Silence,
    WithdrawRequest,
)

ALL_TYPES = [*TYPES, *BETA_TYPES]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


class Conversation:
    """The rules, with a connection that what they want is sent over."""

    def __init__(self, clock: AudioClock) -> None:
        connection = self.connection = ScriptedConnection(clock)
        self.state = make_state(connection, clock)

    def receive(self, event: ServerEvent) -> list[Effect]:
        self.connection.state.receive(event)
        return self.do(taken_by(self.state, event))

    def do(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            match effect:
                case Play(audio, (item_id, index), response_id):
                    assert isinstance(audio, bytes)
                    assert isinstance(item_id, str)
                    assert index >= 0
                    self.state.plays(response_id)
                case RunTool(call_id, name, arguments):
                    assert name == "weather"
                    assert isinstance(arguments, str)
                    self.answer(SendToolOutput(call_id, "5"))
                case SendToolOutput():
                    self.answer(effect)
                case Silence(parts):
                    self.do(self.state.silenced(dict.fromkeys(parts, 10)))
                case Flush() | Pause() | Resume() | IgnoreItem() | EndTalk():
                    pass
                case AskForOwed():
                    self.do(self.state.ask_for_owed())
                case Report(report):
                    assert repr(report)
                case WithdrawRequest(event_id):
                    if self.connection.state.withdraw(event_id):
                        self.do(self.state.withdrawn())
                case _:
                    send(self.connection, effect)  # type: ignore[arg-type]
        return effects

    def answer(self, output: SendToolOutput) -> None:
        send(self.connection, output)  # type: ignore[arg-type]
        self.do(self.state.output_sent(output.call_id))


@pytest.mark.parametrize("type", ALL_TYPES)
def test_the_rules_go_on(type: str, clock: AudioClock) -> None:
    begin = [session(), created("resp_1"), delta("resp_1", "item_1", 100)]
    end = [speech_started(), done("resp_1", "cancelled"), speech_stopped(), created("r2")]
    last, over = delta("r2", "b", 100), done("r2")
    for name, text in mutations(type):
        try:
            conversation = Conversation(clock)
            for good in begin:
                conversation.receive(good)
            try:
                conversation.receive(parse_event(text))
            except RealtimeError:  # another format, for example
                conversation.receive(session())
            for good in end:
                conversation.receive(good)
            assert any(isinstance(e, Play) for e in conversation.receive(last))
            conversation.receive(over)
            conversation.do(conversation.state.interrupt())
            assert write_json(conversation.connection.sent, "what is sent")
        except BaseException as exc:  # noqa: PERF203  # it says which mutation it was
            raise AssertionError(f"{name}: {exc!r}") from exc


def parsed(text: str) -> ServerEvent | Exception:
    try:
        return parse_event(text)
    except RemoteProtocolError as error:
        return error


class Silent:
    """A source that says nothing until the loop closes it."""

    rate = RATE

    def __iter__(self) -> Iterator[bytes]:
        yield from ()

    def close(self) -> None:
        pass


# Those of a session say for good reasons that it has another format.
@pytest.mark.parametrize("type", [each for each in ALL_TYPES if "session." not in each])
def test_the_loop_goes_on(type: str, clock: AudioClock) -> None:
    bad = [parsed(text) for _, text in mutations(type)[::7]]
    last = delta("r2", "b", 100)
    script = (
        *(session(), created("resp_1"), *bad, delta("resp_1", "item_1", 100)),
        *(done("resp_1"), created("r2"), last, audio_done("r2", "b"), done("r2")),
    )
    events: list[Any] = []
    VoiceLoop(
        ScriptedConnection(clock, *script, ConnectionClosedOK(1000)),
        Silent(),
        VirtualSpeaker(clock=clock),
        tools={"weather": lambda **_: "5"},
        on_event=events.append,
        clock=clock,
    ).run()
    assert last in events
    unreadable = [event.error for event in events if isinstance(event, UnreadableMessage)]
    assert [e for e in bad if isinstance(e, Exception)] == [e for e in unreadable if e in bad]
