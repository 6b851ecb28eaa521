"""The speaker is heard in the microphone, at -10 dB: who may interrupt?

Real speech, the real server and the real loop; only the sound in the air is made, and everything
runs several times as fast as people talk.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import Server, question, run_server
from room import conversing

from realtime_sync.audio import EchoCanceller, EchoGate

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
STORY = """
rules: []
default: >-
  Once upon a time there was a small lighthouse at the end of a long gray beach. Every evening the
  keeper climbed the stairs, lit the lamp, and waited for the ships. One night a great storm came
  over the sea, and the lamp went out.
"""
TRIALS = 10

protected = pytest.mark.parametrize("protection", [EchoGate, EchoCanceller])


@pytest.fixture(scope="module")
def storyteller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tells the same story, whatever it hears."""
    script = tmp_path_factory.mktemp("script") / "story.yaml"
    Path(script).write_text(STORY)
    with run_server("--responder", f"scripted:{script}") as server:
        yield server


def get_weather(city: str) -> dict[str, Any]:
    return {"city": city, "condition": "sunny", "temperature": 21}


def test_without_protection_the_conversation_interrupts_itself(ws_server: Server) -> None:
    with conversing(ws_server) as talk:
        talk.room.user.say(question("hello"))
        talk.wait_for("voice.answer_started")
        interrupted = talk.wait_for("voice.interrupted")  # and nobody has said a word
    print(f"it interrupted itself after {interrupted.audio_end_ms} ms")


@protected
def test_with_protection_it_does_not(ws_server: Server, protection: Callable[[], Any]) -> None:
    with conversing(
        ws_server,
        session={"tools": [WEATHER]},
        tools={"get_weather": get_weather},
        echo=protection(),
    ) as talk:
        for number, name in enumerate(("hello", "weather", "story"), start=1):
            talk.room.user.say(question(name))
            talk.wait_for("voice.answer_started", number)
            if name != "story":
                talk.hear_out()
        item_id = talk.of("response.output_audio.delta")[-1].item_id
        talk.wait(lambda: talk.room.speaker.played_ms(item_id) > 4000, "four seconds of story")
        assert talk.of("voice.interrupted") == []
        assert len(talk.of("input_audio_buffer.speech_started")) == 3
        talk.room.user.say(question("stop"))
        assert talk.wait_for("voice.interrupted").item_id == item_id
        talk.wait_for("voice.answer_started", 4)
        talk.hear_out()
        assert len(talk.of("voice.interrupted")) == 1
    assert len(talk.loop.metrics) == 4


@protected
def test_a_real_interruption_gets_through_every_time(
    storyteller: Server, protection: Callable[[], Any]
) -> None:
    moments = random.Random(4)
    with conversing(storyteller, echo=protection()) as talk:
        talk.room.user.say(question("story"))
        for trial in range(TRIALS):
            talk.wait_for("voice.answer_started", trial + 1)
            item_id = talk.of("response.output_audio.delta")[-1].item_id
            moment = moments.randint(400, 2500)
            talk.wait(
                lambda item_id=item_id, moment=moment, trial=trial: (
                    talk.room.speaker.played_ms(item_id) >= moment
                    or len(talk.of("voice.interrupted")) > trial
                ),
                f"{moment} ms of story",
            )
            assert len(talk.of("voice.interrupted")) == trial, "it interrupted itself"
            talk.room.user.say(question("interrupt"))
            interrupted = talk.wait_for("voice.interrupted", trial + 1)
            assert interrupted.item_id == item_id
            assert interrupted.audio_end_ms >= moment
        talk.wait_for("voice.answer_started", TRIALS + 1)
        assert len(talk.of("voice.interrupted")) == TRIALS
        assert len(talk.of("input_audio_buffer.speech_started")) == TRIALS + 1
