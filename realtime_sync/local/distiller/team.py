"""The agents of a project answer, one after the other, in one response."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from ..._types import JsonDict
from ..engines import ResponderEvent, ResponderPrompt, SpeechEngine, TextDelta, ToolCall
from ..protocol.wire import new_id
from ..protocol.wire_formats import Encoder, pcm_at
from ..speech.sentences import Sentences
from .agent_requests import AgentRequests
from .voice_project import TeamAgent, VoiceProject

__all__ = ["Team"]

_REMEMBERED = 100  # messages of the conversation
# An agent whose functions call for ever must end, too.
_MOST_ROUNDS = 8

_Respond = Callable[[ResponderPrompt], AsyncGenerator[ResponderEvent, None]]
_Room = Callable[[], Awaitable[None]]


class Team:
    """Answers what the user says, and remembers the conversation.

    Custom agents and the functions of tool agents are the client's: it is asked. All others answer
    by the server's responder.

    Args:
        project: whose agents they are.
        respond: the responder's words and calls.
        speech: speaks the words.
        requests: has the client do what is the client's.
        emit: sends a message to the client.
        room: waits until the client has taken enough of what came before.
    """

    def __init__(
        self,
        project: VoiceProject,
        *,
        respond: _Respond,
        speech: SpeechEngine,
        requests: AgentRequests,
        emit: Callable[[JsonDict], None],
        room: _Room,
    ) -> None:
        self._project = project
        self._respond = respond
        self._speech = speech
        self._requests = requests
        self._emit = emit
        self._room = room
        self._history: deque[JsonDict] = deque(maxlen=_REMEMBERED)

    def hear(self, query: str) -> None:
        """Note what the user has said."""
        self._remember("user", "input_text", query)

    async def answer(self, query: str) -> None:
        """Send the messages of one response; cancelling this ends them at once.

        Args:
            query: what was heard last; ``""`` for no words, to which one agent answers.
        """
        for agent in self._project.agents if query else self._project.agents[:1]:
            voice = _AgentVoice(agent.name, self._project, self._speech, self._emit, self._room)
            try:
                await self._let_answer(agent, query, voice)
                await voice.end()
            finally:
                self._remember("assistant", "output_text", voice.said)

    async def _let_answer(self, agent: TeamAgent, query: str, voice: _AgentVoice) -> None:
        if agent.kind == "CustomAgent" and query:
            await voice.say(await self._requests.query(agent.name, query))
        else:
            await self._by_responder(agent, voice)

    async def _by_responder(self, agent: TeamAgent, voice: _AgentVoice) -> None:
        items = list(self._history)
        for _ in range(_MOST_ROUNDS):
            calls = []
            prompt = ResponderPrompt(agent.description, items, agent.tools)
            async with aclosing(self._respond(prompt)) as steps:
                async for step in steps:
                    if isinstance(step, TextDelta):
                        await voice.say(step.text)
                    elif isinstance(step, ToolCall):
                        calls.append(step)
            if not calls:
                return
            items = [*items, *await self._called(agent, calls)]

    async def _called(self, agent: TeamAgent, calls: list[ToolCall]) -> list[JsonDict]:
        """Have the client call functions, all at once; return calls and outputs as items."""
        outputs = await asyncio.gather(
            *(self._requests.call(agent.name, call.name, _arguments(call)) for call in calls)
        )
        asked: list[JsonDict] = []
        given: list[JsonDict] = []
        for call, output in zip(calls, outputs, strict=True):
            key = {"call_id": new_id("call")}
            function = {"name": call.name, "arguments": call.arguments}
            asked.append({"type": "function_call", **key, **function})
            given.append({"type": "function_call_output", **key, "output": output})
        return asked + given

    def _remember(self, role: str, kind: str, text: str) -> None:
        part = {"type": kind, "text": text}
        self._history.append({"type": "message", "role": role, "content": [part]})


class _AgentVoice:
    """Sends what one agent says, as text and as sound, sentence by sentence."""

    def __init__(
        self,
        role: str,
        project: VoiceProject,
        speech: SpeechEngine,
        emit: Callable[[JsonDict], None],
        room: _Room,
    ) -> None:
        self._said: list[str] = []
        self._role = role
        self._voice = project.voice
        self._speech = speech
        self._emit = emit
        self._room = room
        self._sentences = Sentences()
        self._encoder = Encoder(pcm_at(project.speech_hz))

    @property
    def said(self) -> str:
        return "".join(self._said)

    async def say(self, text: str) -> None:
        for sentence in self._sentences.add(text):
            await self._speak(sentence)

    async def end(self) -> None:
        """Say what was held back, and tell that this agent has ended."""
        for sentence in self._sentences.rest():
            await self._speak(sentence)
        self._send(self._encoder.flush())
        self._emit({"type": "response.text.done", "role": self._role})
        self._emit({"type": "response.audio.done", "role": self._role})

    async def _speak(self, sentence: str) -> None:
        self._said.append(sentence)
        self._emit({"type": "response.text.delta", "role": self._role, "content": sentence})
        chunks = self._speech.synthesize(sentence, voice=self._voice, speed=1.0)
        async with aclosing(chunks):
            async for chunk in chunks:
                self._send(self._encoder.encode(chunk.pcm))
                await self._room()

    def _send(self, pcm: bytes) -> None:
        if pcm:
            audio = base64.b64encode(pcm).decode()
            self._emit({"type": "response.audio.delta", "audio": audio})


def _arguments(call: ToolCall) -> JsonDict:
    arguments = json.loads(call.arguments or "{}")
    return arguments if isinstance(arguments, dict) else {}
