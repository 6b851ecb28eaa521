"""Several agents in one response, with a responder and a voice that the test plays."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from realtime_sync.local.distiller.agent_requests import AgentRequests
from realtime_sync.local.distiller.team import Team
from realtime_sync.local.distiller.voice_project import TeamAgent, VoiceProject
from realtime_sync.local.engines import (
    ResponderEvent,
    ResponderPrompt,
    SpeechChunk,
    TextDelta,
    ToolCall,
)

Message = dict[str, Any]


class Speech:
    """Speaks a word in 100 ms."""

    def __init__(self) -> None:
        self.voices: list[str] = []

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        raise NotImplementedError

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.voices.append(voice)
        for _ in text.split():
            yield SpeechChunk(bytes(4_800), "")


class Room:
    """A team at work, and the client that it asks.

    Args:
        agents: the team.
        answers: what the responder says or calls, prompt by prompt; the last again and again.
        client: what the client does for its agents.
        hz: the rate of the sound.
    """

    def __init__(
        self,
        *agents: TeamAgent,
        answers: list[list[ResponderEvent]] | None = None,
        client: Callable[[Message], str] = lambda request: "",
        hz: int = 16_000,
    ) -> None:
        self.messages: list[Message] = []
        self.prompts: list[ResponderPrompt] = []
        self.speech = Speech()
        self._answers = answers or [[TextDelta("Fine.")]]
        self._client = client
        self._requests = AgentRequests(self._emit)
        self.team = Team(
            VoiceProject(agents=agents, voice="William", speech_hz=hz),
            respond=self._respond,
            speech=self.speech,
            requests=self._requests,
            emit=self._emit,
            room=self.rest,
        )

    def _emit(self, message: Message) -> None:
        self.messages.append(message)
        if message.get("status") == "wait":
            said = self._client(message)
            loop, key = asyncio.get_running_loop(), message["request_id"]
            loop.call_soon(self._requests.answered, key, said, {})

    async def rest(self) -> None:
        """Wait for nothing: the client takes whatever comes."""

    async def _respond(self, prompt: ResponderPrompt) -> AsyncGenerator[ResponderEvent, None]:
        self.prompts.append(prompt)
        for event in self._answers[min(len(self.prompts), len(self._answers)) - 1]:
            yield event

    def ask(self, query: str) -> list[Message]:
        """Let them answer, and return the messages of it."""
        before = len(self.messages)
        self.team.hear(query)
        asyncio.run(self.team.answer(query))
        return self.messages[before:]


def kinds(messages: list[Message]) -> list[tuple[str, str | None]]:
    return [(m.get("type", "wait").removeprefix("response."), m.get("role")) for m in messages]


def sound_ms(messages: list[Message], hz: int) -> float:
    pcm = b"".join(base64.b64decode(m["audio"]) for m in messages if "audio" in m)
    return len(pcm) / 2 / hz * 1000


def test_agents_answer_one_after_the_other() -> None:
    room = Room(
        TeamAgent("A", "SearchAgent", "Finds things."),
        TeamAgent("B", "CustomAgent"),
        client=lambda request: "I am the client's. Bye.",
    )
    messages = room.ask("Who are you?")
    without_sound = [kind for kind in kinds(messages) if kind[0] != "audio.delta"]
    assert without_sound == [
        ("text.delta", "A"),
        ("text.done", "A"),
        ("audio.done", "A"),
        ("wait", "B"),
        ("text.delta", "B"),
        ("text.delta", "B"),
        ("text.done", "B"),
        ("audio.done", "B"),
    ]
    said = [m["content"] for m in messages if "content" in m]
    assert said == ["Fine.", "I am the client's. ", "Bye."]
    assert room.prompts[0].instructions == "Finds things."
    assert set(room.speech.voices) == {"William"}


@pytest.mark.parametrize("hz", [8_000, 16_000, 24_000, 48_000])
def test_the_rate_of_the_project(hz: int) -> None:
    room = Room(TeamAgent("A"), answers=[[TextDelta("One two three. "), TextDelta("Four!")]], hz=hz)
    assert sound_ms(room.ask("Count."), hz) == pytest.approx(400, abs=1)


def test_the_conversation_is_remembered() -> None:
    room = Room(TeamAgent("A"), TeamAgent("B", "CustomAgent"), client=lambda request: "Mine.")
    room.ask("one")
    room.ask("two")
    told = [(i["role"], i["content"][0]["text"]) for i in room.prompts[1].items]
    assert told == [
        ("user", "one"),
        ("assistant", "Fine."),
        ("assistant", "Mine."),
        ("user", "two"),
    ]


def test_no_words_are_answered_by_one_agent_and_without_the_client() -> None:
    room = Room(TeamAgent("A", "CustomAgent"), TeamAgent("B"))
    assert [m["content"] for m in room.ask("") if "content" in m] == ["Fine."]
    assert len(room.prompts) == 1


def test_functions_of_a_tool_agent() -> None:
    tools = [{"type": "function", "name": "add"}, {"type": "function", "name": "sub"}]
    room = Room(
        TeamAgent("T", "ToolUseAgent", "", tools),
        answers=[
            [ToolCall("add", '{"x": 3}'), ToolCall("sub", "")],
            [TextDelta("Four and two.")],
        ],
        client=lambda request: request["kwargs"]["__executor__"] + " done",
    )
    messages = room.ask("What is 3 + 1?")
    assert [m["kwargs"] for m in messages if "kwargs" in m] == [
        {"x": 3, "__executor__": "add"},
        {"__executor__": "sub"},
    ]
    assert [m["content"] for m in messages if "content" in m] == ["Four and two."]
    assert room.prompts[0].tools == tools
    items = room.prompts[1].items[1:]
    assert [(i["type"], i.get("name"), i.get("output")) for i in items] == [
        ("function_call", "add", None),
        ("function_call", "sub", None),
        ("function_call_output", None, "add done"),
        ("function_call_output", None, "sub done"),
    ]
    assert [i["call_id"] for i in items[:2]] == [i["call_id"] for i in items[2:]]


def test_functions_that_are_called_for_ever() -> None:
    room = Room(TeamAgent("T", "ToolUseAgent"), answers=[[ToolCall("f", "[]")]])
    messages = room.ask("Go!")
    assert len([m for m in messages if m.get("status") == "wait"]) == 8
    assert messages[-1] == {"type": "response.audio.done", "role": "T"}


def test_an_answer_that_is_cut_off_is_remembered_as_far_as_it_was_said() -> None:
    room = Room(TeamAgent("A"), answers=[[TextDelta("One. "), TextDelta("Two.")]])

    async def stop() -> None:
        raise asyncio.CancelledError

    room.team._room = stop
    with pytest.raises(asyncio.CancelledError):
        room.ask("Count.")
    room.team._room = room.rest
    room.ask("And?")
    told = [i["content"][0]["text"] for i in room.prompts[1].items]
    assert told == ["Count.", "One. ", "And?"]
