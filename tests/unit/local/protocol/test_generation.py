from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from bench import Bench, types

from realtime_sync.errors import AudioError
from realtime_sync.local.engines import (
    Finish,
    ResponderEvent,
    ResponderPrompt,
    SpeechChunk,
    TextDelta,
    ToolCall,
)
from realtime_sync.local.protocol.generation import generate


class Says:
    """A responder that says what it was made with, and keeps the prompt."""

    def __init__(self, *steps: ResponderEvent | Exception) -> None:
        self.steps = steps
        self.prompt: ResponderPrompt | None = None
        self.closed = False

    async def respond(self, prompt: ResponderPrompt) -> AsyncGenerator[ResponderEvent, None]:
        self.prompt = prompt
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed = True


class Speech:
    """Speaks a word in 100 ms."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        raise NotImplementedError

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.sentences.append(text)
        for word in text.split(" "):
            yield SpeechChunk(bytes(4_800), f"{word} ")


def answer(bench: Bench, responder: Says, *, speech: Speech | None = None) -> list[dict[str, Any]]:
    async def run() -> None:
        await generate(
            bench.responses[-1],
            bench.session.responses,
            respond=responder.respond,
            speech=speech or Speech(),
            room=_at_once,
        )

    asyncio.run(run())
    return bench.take()


async def _at_once() -> None:
    """Wait for nothing: the client takes whatever comes."""


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.update(output_modalities=["text"], instructions="Be kind.")
    bench.write("Hello")
    return bench


def test_text(bench: Bench) -> None:
    bench.send("response.create")
    responder = Says(TextDelta("Good "), TextDelta(""), TextDelta("morning."))
    events = answer(bench, responder)
    deltas = [e["delta"] for e in events if e["type"].endswith(".delta")]
    assert deltas == ["Good ", "morning."]
    assert events[-2]["response"]["status"] == "completed"
    assert responder.prompt is not None
    assert responder.prompt.instructions == "Be kind."
    assert responder.prompt.items[0]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert responder.prompt.max_output_tokens is None


def test_what_is_deleted_is_not_in_the_prompt(bench: Bench) -> None:
    bench.write("Goodbye", id="last")
    bench.send("response.create")
    bench.send("conversation.item.delete", item_id="last")
    responder = Says(TextDelta("Morning."))
    response = answer(bench, responder)[-2]["response"]
    assert responder.prompt is not None
    assert [item["content"][0]["text"] for item in responder.prompt.items] == ["Hello"]
    assert response["usage"]["input_token_details"]["text_tokens"] == 3, "nor is it counted"


def test_speech_goes_sentence_by_sentence(bench: Bench) -> None:
    bench.send("response.create", response={"output_modalities": ["audio"]})
    speech = Speech()
    words = ["It", "is", "3.5", "degrees.", "Take", "a", "coat!", "Bye"]
    events = answer(bench, Says(*(TextDelta(f"{word} ") for word in words)), speech=speech)
    assert speech.sentences == ["It is 3.5 degrees. ", "Take a coat! ", "Bye "]
    kinds = [e["type"] for e in events if e["type"].endswith(".delta")]
    assert kinds[:4] == [
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ], "words and sound in step"


def test_text_before_a_call(bench: Bench) -> None:
    bench.send("response.create", response={"output_modalities": ["audio"]})
    events = answer(bench, Says(TextDelta("One moment."), ToolCall("f", "{}")))
    output = events[-2]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    assert output[0]["status"] == "completed"


def test_nothing_at_all(bench: Bench) -> None:
    bench.send("response.create")
    events = answer(bench, Says())
    assert types(events) == ["response.done", "rate_limits.updated"]
    assert events[0]["response"]["output"] == []


@pytest.mark.parametrize("deltas", [["one two three four"], ["one two thr", "ee f", "our"]])
def test_text_stops_at_the_limit(bench: Bench, deltas: list[str]) -> None:
    bench.send("response.create", response={"max_output_tokens": 3})
    responder = Says(*map(TextDelta, deltas))
    response = answer(bench, responder)[-2]["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"]["reason"] == "max_output_tokens"
    assert response["output"][0]["content"][0]["text"] == "one two three"
    assert response["usage"]["output_tokens"] == 3
    assert responder.closed
    assert responder.prompt is not None
    assert responder.prompt.max_output_tokens == 3


def test_speech_stops_at_the_limit(bench: Bench) -> None:
    params = {"max_output_tokens": 6, "output_modalities": ["audio"]}
    bench.send("response.create", response=params)
    response = answer(bench, Says(TextDelta("one two three four")))[-2]["response"]
    assert response["status"] == "incomplete"
    assert response["output"][0]["content"][0]["transcript"] == "one two "


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_a_responder_that_stops_early(bench: Bench, reason: Any) -> None:
    bench.send("response.create")
    response = answer(bench, Says(TextDelta("Half"), Finish(reason)))[-2]["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": reason}


def test_a_responder_that_fails(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.send("response.create")
    events = answer(bench, Says(TextDelta("Half"), RuntimeError("no model")))
    response = events[-2]["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["message"] == "RuntimeError: no model"
    assert response["output"][0]["status"] == "incomplete"
    assert "no model" in caplog.text
    bench.send("response.create")
    assert answer(bench, Says(TextDelta("Fine.")))[-2]["response"]["status"] == "completed"


class Hoarse(Speech):
    """Whose worker has died."""

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        raise AudioError("the worker died")
        yield  # an asynchronous generator


def test_speech_that_fails_is_not_the_responders_fault(bench: Bench) -> None:
    bench.send("response.create", response={"output_modalities": ["audio"]})
    response = answer(bench, Says(TextDelta("Hello.")), speech=Hoarse())[-2]["response"]
    assert response["status_details"]["error"] == {
        "type": "server_error",
        "code": "speech_failed",
        "message": "AudioError: the worker died",
    }


@pytest.mark.parametrize(
    ("session", "response", "calls"),
    [
        (None, None, ["a", "b"]),
        (True, None, ["a", "b"]),
        (False, None, ["a"]),
        (False, True, ["a", "b"]),
        (True, False, ["a"]),
        (None, False, ["a"]),
    ],
)
def test_one_call_where_they_are_not_to_be_made_in_parallel(
    session: bool | None, response: bool | None, calls: list[str]
) -> None:
    bench = Bench()
    bench.update(output_modalities=["text"], parallel_tool_calls=session)
    bench.send("response.create", response={"parallel_tool_calls": response})
    says = Says(TextDelta("Let me see."), ToolCall("a", "{}"), ToolCall("b", "{}"))
    done = answer(bench, says)[-2]["response"]
    assert done["status"] == "completed"
    message, *made = done["output"]
    assert message["content"][0]["text"] == "Let me see."
    assert [item["name"] for item in made] == calls
    assert says.closed
    assert says.prompt is not None
    assert says.prompt.parallel_tool_calls == (len(calls) > 1)
