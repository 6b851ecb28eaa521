"""`YandexAIStudio(dialect=None)`: the provider's own events, and the rules that hold for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dialect_clients import connect_yandex
from dialect_server import Front, open_front
from embedded import Server, question, silence
from guards import Guard
from yandex_rules import YandexRules

from realtime_sync import RealtimeConnection, RealtimeTimeout, ServerError
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker
from realtime_sync.voice import ToolFinished, VoiceLoop

GUARD_S = 30.0
HZ = 44_100
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
# As the provider's documents write it.
SESSION: dict[str, Any] = {
    "instructions": "Be brief.",
    "output_modalities": ["text", "audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000, "channels": 1},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "silence_duration_ms": 400,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": HZ}, "voice": "dasha"},
    },
    "tools": [
        WEATHER,
        {
            "type": "function",
            "name": "web_search",
            "description": "Web search",
            "parameters": "{}",
        },
        {
            "type": "function",
            "name": "file_search",
            "description": "fvt_1",
            "parameters": "{}",
        },
    ],
}
ANSWER_ALOUD = {"modalities": ["audio", "text"], "conversation": "default"}


@pytest.fixture
def yandex(ws_server: Server) -> Iterator[Front]:
    with open_front(YandexRules, ws_server) as front:
        yield front


@pytest.fixture
def connection(yandex: Front, ws_server: Server) -> Iterator[RealtimeConnection]:
    with connect_yandex(yandex, ws_server.key, dialect=None) as connection:
        yield connection


def write(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}


def until_done(connection: RealtimeConnection) -> list[Any]:
    events = [connection.recv(GUARD_S)]
    while events[-1].type != "response.done":
        events.append(connection.recv(GUARD_S))
    return events


def say(connection: RealtimeConnection, name: str) -> None:
    pcm = question(name) + silence(800)
    for start in range(0, len(pcm), 960):
        connection.input_audio_buffer.append(audio=pcm[start : start + 960])


# -- as on the wire ------------------------------------------------------------------------------


def test_everything_passes_as_it_is_both_ways(
    connection: RealtimeConnection, yandex: Front
) -> None:
    sent: list[dict[str, Any]] = [
        {"type": "session.update", "event_id": "e1", "session": SESSION},
        {**write("What is the weather in Paris?"), "event_id": "e2"},
        {"type": "response.create", "event_id": "e3"},
    ]
    for event in sent:
        connection.send(event)
    events = until_done(connection)
    (call,) = [
        event.item
        for event in events
        if event.type == "response.output_item.done" and event.item.name == "get_weather"
    ]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"city": "Oslo"}'}
    sent += [
        {"type": "conversation.item.create", "event_id": "e4", "item": output},
        {"type": "response.create", "event_id": "e5", "response": ANSWER_ALOUD},
        {"type": "input_audio_buffer.clear", "event_id": "e6"},  # it is the server that refuses
    ]
    for event in sent[3:5]:
        connection.send(event)
    events += until_done(connection)
    connection.send(sent[5])
    events.append(connection.recv(GUARD_S))

    assert yandex.received == sent
    assert [event.to_dict() for event in events] == yandex.said
    types = [event.type for event in events]
    assert types[:3] == ["session.created", "session.updated", "session.updated"]
    assert {"response.output_text.delta", "response.output_audio.delta"} <= set(types)
    assert not [kind for kind in types if "transcript" in kind]
    assert (types[-1], events[-1].error.event_id) == ("error", "e6")


def test_an_answer_by_the_methods(connection: RealtimeConnection, yandex: Front) -> None:
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    settings: Any = ANSWER_ALOUD
    connection.response.create(response=settings)
    connection.wait_for("response.output_text.delta", timeout=GUARD_S)
    assert [event.get("response") for event in yandex.received] == [None, ANSWER_ALOUD]


# -- the rules of the conversation ---------------------------------------------------------------


def test_the_facts_of_a_session_without_rates(connection: RealtimeConnection) -> None:
    created: Any = connection.wait_for("session.created", timeout=GUARD_S)
    assert created.to_dict()["session"]["audio"]["output"]["format"]["rate"] is None
    assert connection.session_facts.output.rate == HZ
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    assert connection.session_facts.input.rate == 24_000
    assert connection.session_facts.turns.detected


def test_whole_turns(connection: RealtimeConnection, yandex: Front) -> None:
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    reply = connection.ask("Please count to five.", timeout=GUARD_S)
    assert "three" in reply.text
    assert reply.transcript == "", "the words of speech come as text"
    assert 1.0 < len(reply.audio) / (2 * HZ) < 15.0, "seconds"
    bad: Any = {"max_output_tokens": -1}
    with pytest.raises(ServerError, match="max_output_tokens"):
        connection.ask("Hello!", response=bad, timeout=GUARD_S)
    weather = connection.ask("What is the weather in Paris?", tools=get_weather, timeout=GUARD_S)
    assert "sunny" in weather.text.lower()
    outputs = [event["item"] for event in yandex.received if "item" in event]
    assert [item["type"] for item in outputs].count("function_call_output") == 1, "ours alone"


def get_weather(city: str) -> dict[str, object]:
    """The weather in a city."""
    return {"city": city, "condition": "sunny", "temperature": 21}


def test_responses_are_asked_for_one_after_the_other(connection: RealtimeConnection) -> None:
    text: Any = {"modalities": ["text"]}
    for _ in range(2):
        connection.send(write("Hello!"))
        connection.response.create(response=text, when_idle=True)
    kinds = [event.type for _ in range(2) for event in until_done(connection)]
    assert kinds.count("response.done") == 2
    assert "error" not in kinds


def test_a_restart_tells_the_history_and_the_session_again(
    connection: RealtimeConnection, yandex: Front
) -> None:
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    answer = connection.ask("Hello!", timeout=GUARD_S).text
    before = len(yandex.received)
    connection.session.restart(keep_history=True)
    update, recap = yandex.received[before:]
    assert update["session"]["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": HZ}
    assert update["session"]["tools"] == SESSION["tools"]
    assert "type" not in update["session"]
    assert recap["item"]["role"] == "user"
    assert answer in recap["item"]["content"][0]["text"]
    assert connection.ask("Hello!", timeout=GUARD_S).text


def test_an_interrupted_answer_keeps_nobody_waiting(
    connection: RealtimeConnection, yandex: Front
) -> None:
    """Though its ``response.done`` does not come, and is not made up."""
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    connection.send(write("Please tell me a story."))
    connection.response.create()
    connection.wait_for("response.output_audio.delta", timeout=GUARD_S)
    say(connection, "stop")
    (done,) = [event for event in until_done(connection) if event.type == "response.done"]
    assert done.response.status == "completed", "that of the answer to `stop`"
    (rules,) = yandex.rules
    assert isinstance(rules, YandexRules)
    assert rules.ends_not_told == 1
    assert connection.ask("Hello!", timeout=GUARD_S).text


def test_a_turn_that_is_interrupted_by_voice_waits_for_its_timeout(
    connection: RealtimeConnection,
) -> None:
    """Nothing tells it that no more comes, since no event is made up."""
    told = connection.stream("Please tell me a story.", timeout=6.0)
    next(told)
    say(connection, "stop")
    with pytest.raises(RealtimeTimeout, match=r"the 'response\.done' of this turn's"):
        for _ in told:
            pass
    assert connection.ask("Hello!", timeout=GUARD_S).text


def test_the_voice_loop(connection: RealtimeConnection, yandex: Front, guard: Guard) -> None:
    connection.session.update(session=SESSION)  # type: ignore[arg-type]  # the provider's form
    words: list[str] = []
    outputs: list[str] = []
    with VirtualMicrophone() as microphone, VirtualSpeaker(rate=HZ) as speaker:

        def note(event: Any) -> None:
            if event.type == "response.output_text.delta":
                words.append(event.delta)
            elif isinstance(event, ToolFinished):
                outputs.append(event.name)
            elif event.type == "response.done" and words:
                loop.close()

        loop = VoiceLoop(connection, microphone, speaker, tools=[get_weather], on_event=note)
        microphone.say(question("weather") + silence(800))
        loop.run()
    assert outputs == ["get_weather"]
    assert "sunny" in "".join(words).lower()
    sent = [event["item"].get("call_id") for event in yandex.received if "item" in event]
    assert len(sent) == 1, "the server's own calls are the server's"
