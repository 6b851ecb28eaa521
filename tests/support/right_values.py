"""What a public callable is called on, and what is right for its parameters.

Whatever needs a server gets a scripted one, without a network; what asks over HTTP finds a port
where nothing listens. What waits has nothing to wait for: its connection has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distiller_peer import DistillerLine, DistillerPeer
from wrong_values import Callee, holds_anything

from realtime_sync import (
    AIRefinery,
    OpenAI,
    Realtime,
    Reply,
    TranslationConnection,
    agents,
    audio,
    events,
    testing,
    tools,
    transport,
    voice,
)
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.distiller import DistillerEvent, open_session
from realtime_sync.rest import Webhooks
from realtime_sync.testing import MemorySink, MemorySource, ScriptedClient, ScriptedServer

__all__ = ["ENTERED", "KEY", "MAKERS", "Bench", "right_values"]

KEY = "sk-the-key-of-this-test"
NOWHERE = "http://127.0.0.1:1/v1"
PCM = bytes(960)
AGENT = agents.RealtimeAgent[Any](name="Desk")


def plain() -> str:
    """Do nothing."""
    return ""


def of_call(context: object, arguments: object) -> str:
    """Do nothing about a call or a handoff."""
    return ""


def of_words(context: object, agent: object, words: object) -> str:
    """Do nothing about what was said."""
    return ""


def of_data(data: object) -> str:
    """Do nothing about what a tool gets or returns."""
    return ""


class Listener:
    """Listens to a model."""

    def on_event(self, event: object) -> None:
        """Take what the model says."""


class Bench:
    """Makes what methods are called on, in a folder; `stack` closes it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        audio.write_wav(folder / "some.wav", PCM)
        self._stack = stack

    def on(self, callee: Callee) -> Any:
        """Return an object that has a method."""
        owner = callee.owner.__name__ if callee.owner is not None else ""
        method = f"{owner}.{callee.name.rpartition('.')[2]}"
        made = MAKERS.get(method, MAKERS[owner])(self)
        return self.enter(made) if owner in ENTERED else made

    def enter(self, made: Any) -> Any:
        """Open something until the end of the test."""
        return self._stack.enter_context(made)

    def connection(self) -> Any:
        """Return a connection that is open."""
        return self._stack.enter_context(ScriptedClient(ScriptedServer()).realtime.connect())

    def server(self) -> ScriptedServer:
        """Return a server that has sent and got something, with a link that is open."""
        server = ScriptedServer()
        connection = self._stack.enter_context(ScriptedClient(server).realtime.connect())
        connection.response.create()
        return server

    def ended(self) -> Any:
        """Return a connection that the server has closed."""
        server = ScriptedServer()
        connection = self._stack.enter_context(ScriptedClient(server).realtime.connect())
        server.emit(testing.close_link(1000))
        for _ in connection:
            pass
        return connection

    def client(self) -> OpenAI:
        """Return a client whose server is not there."""
        client = OpenAI(api_key=KEY, base_url=NOWHERE, proxy="", max_retries=0)
        return self._stack.enter_context(client)

    def session(self) -> Any:
        """Return a session of agents that runs."""
        runner = agents.RealtimeRunner(AGENT, client=ScriptedClient(ScriptedServer()))
        return self._stack.enter_context(runner.run())

    def ended_session(self) -> Any:
        """Return one that the server has closed."""
        server = ScriptedServer()
        runner = agents.RealtimeRunner(AGENT, client=ScriptedClient(server))
        session = self._stack.enter_context(runner.run())
        server.emit(testing.close_link(1000))
        for _ in session:
            pass
        return session

    def loop(self) -> voice.VoiceLoop:
        """Return a spoken conversation that has not begun."""
        loop = voice.VoiceLoop(self.connection(), MemorySource(), MemorySink())
        self._stack.callback(loop.close)
        return loop

    def distiller(self) -> Any:
        """Return the projects and sessions of a server."""
        peer = self._stack.enter_context(DistillerPeer())
        client = AIRefinery(KEY, peer.base_url, max_retries=0, proxy="")
        return self._stack.enter_context(client).realtime_distiller

    def distiller_session(self) -> Any:
        """Return a session that the server has closed."""

        def talk(line: DistillerLine) -> None:
            line.begin()
            line.close(1000)

        peer = self._stack.enter_context(DistillerPeer(talk))
        session = open_session(peer.place())
        for _ in session.get_responses():
            pass
        return session

    def ended_peer(self) -> Any:
        """Return the server's end of a link that is over."""
        _, peer = transport.memory_pair()
        peer.drop()
        return peer


def _cancelled() -> tools.CallContext:
    call = tools.CallContext(name="a", call_id="b", arguments="{}")
    call.cancel()
    return call


def _played() -> MemorySink:
    sink = MemorySink()
    sink.write(PCM)
    return sink


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _reply() -> Reply:
    return Reply(
        text="",
        audio=PCM,
        transcript="",
        usage=None,
        function_calls=[],
        response=events.Response(),
        sound=SoundFormat("audio/pcm", 24000),
    )


ENTERED = ("StereoRecorder", "VirtualMicrophone", "VirtualSpeaker", "WavSink")
MAKERS: dict[str, Callable[[Bench], Any]] = {
    "AudioFormat": lambda bench: events.AudioFormat(type="audio/pcm"),
    "CallContext": lambda bench: _cancelled(),
    "Calls": lambda bench: bench.client().realtime.calls,
    "ClientSecrets": lambda bench: bench.client().realtime.client_secrets,
    "ConversationItemResource": lambda bench: bench.connection().conversation.item,
    "DistillerEvent": lambda bench: DistillerEvent({"type": "a"}),
    "DistillerSession": lambda bench: bench.distiller_session(),
    "EchoCanceller": lambda bench: audio.EchoCanceller(),
    "EchoGate": lambda bench: audio.EchoGate(),
    "Handoff": lambda bench: agents.realtime_handoff(AGENT),
    "InputAudioBuffer": lambda bench: bench.connection().input_audio_buffer,
    "InputText": lambda bench: agents.InputText(text="a"),
    "Interruptions": lambda bench: voice.Interruptions(),
    "MCPServerStdio": lambda bench: agents.MCPServerStdio({"command": "none"}),
    "MCPServerStreamableHttp": lambda bench: agents.MCPServerStreamableHttp({"url": NOWHERE}),
    "MemoryPeer": lambda bench: bench.ended_peer(),
    "MemorySink": lambda bench: _played(),
    "MemorySource": lambda bench: MemorySource(),
    "OpenAIRealtimeSIPModel": lambda bench: agents.OpenAIRealtimeSIPModel(),
    "OpenAIRealtimeWebSocketModel": lambda bench: bench.session().model,
    "OutputAudioBuffer": lambda bench: bench.connection().output_audio_buffer,
    "Realtime": lambda bench: Realtime("model", client=ScriptedClient(ScriptedServer())),
    "RealtimeConnection": lambda bench: bench.ended(),
    "RealtimeConnectionManager": lambda bench: bench.client().realtime.connect(model="a"),
    "RealtimeDistiller": lambda bench: bench.distiller(),
    "RealtimePlaybackTracker": lambda bench: agents.RealtimePlaybackTracker(),
    "RealtimeResource": lambda bench: bench.client().realtime,
    "RealtimeSession": lambda bench: bench.session(),
    "RealtimeSession.bind": lambda bench: agents.RealtimeSession(),
    "RealtimeSession.recv": lambda bench: bench.ended_session(),
    "RealtimeSession.talk": lambda bench: bench.ended_session(),
    "Reply": lambda bench: _reply(),
    "Resampler": lambda bench: audio.Resampler(24000, 16000),
    "ResponseResource": lambda bench: bench.connection().response,
    "ScriptedServer": lambda bench: bench.server(),
    "SessionHistory": lambda bench: bench.session().history,
    "SessionResource": lambda bench: bench.connection().session,
    "Sink": lambda bench: MemorySink(),
    "SinkWrapper": lambda bench: audio.SinkWrapper(MemorySink()),
    "Sound": lambda bench: audio.Sound(PCM),
    "StereoRecorder": lambda bench: audio.StereoRecorder(bench.folder / "both.wav"),
    "TranslationClientSecrets": lambda bench: bench.client().realtime.translations.client_secrets,
    "TranslationConnection": lambda bench: TranslationConnection(bench.ended()),
    "TranslationsResource": lambda bench: bench.client().realtime.translations,
    "Usage": lambda bench: agents.Usage(),
    "UserMessageItem": lambda bench: agents.UserMessageItem(item_id="a", content=[]),
    "Vad": lambda bench: audio.Vad(),
    "VirtualClock": lambda bench: testing.VirtualClock(),
    "VirtualMicrophone": lambda bench: audio.VirtualMicrophone(),
    "VirtualSpeaker": lambda bench: audio.VirtualSpeaker(pace="fast"),
    "VoiceLoop": lambda bench: bench.loop(),
    "WavSink": lambda bench: audio.WavSink(bench.folder / "sink.wav", pace="fast"),
    "Webhooks": lambda bench: Webhooks("whsec_" + "A" * 32),
}

# By the parameter's name, or by the callable's and the parameter's.
RIGHT: dict[str, Any] = {
    "AIRefinery.timeout": 1.0,
    "AzureOpenAI.timeout": 1.0,
    "IdleRule.after_s": 1.0,
    "LinkEnd.code": 1000,
    "MCPServerStdio.params": {"command": "none"},
    "MCPServerStreamableHttp.params": {"url": NOWHERE},
    "OpenAI.timeout": 1.0,
    "Resampler.from_hz": 24000,
    "Resampler.to_hz": 16000,
    "TokenProvider.url": "http://127.0.0.1:1/token",
    "ToolInputGuardrail.guardrail_function": of_data,
    "ToolOutputGuardrail.guardrail_function": of_data,
    "UnknownEvent.data": {},
    "VoiceLoop.connection": Bench.connection,
    "YandexAIStudio.timeout": 1.0,
    "accept.timeout": 1.0,
    "agent": AGENT,
    "agent_name": "a",
    "answer_close": True,
    "ask.timeout": 30.0,
    "attempt": 1,
    "audio": PCM,
    "audio_end_ms": 10,
    "audio_or_path": PCM,
    "base_url": NOWHERE,
    "bytes": PCM,
    "call_id": "call_1",
    "channels": 1,
    "client_id": "a",
    "client_secret": "b",
    "close_link.code": 1000,
    "connect.headers": {},
    "content": [],
    "content_index": 0,
    "custom_blocking_event": plain,
    "count": 1,
    "create.timeout": 1.0,
    "create_project.json_config": {"orchestrator": {"agent_list": []}},
    "data": PCM,
    "description": "d",
    "device": "no such device",
    "event": {"type": "response.create"},
    "expect": "response.create",
    "event_id": "event_1",
    "extra_headers": {},
    "extra_query": {},
    "fields": {"type": "a"},
    "from_wav.file": "some.wav",
    "func": plain,
    "function_tool.timeout": 1.0,
    "function": plain,
    "guardrail_function": of_words,
    "handler": print,
    "headers": {"webhook-id": "a"},
    "hear": print,
    "hangup.timeout": 1.0,
    "heard": PCM,
    "import_history.data": {"version": 1, "items": []},
    "index_id": "a",
    "input_guardrail.func": of_words,
    "input_json_schema": {},
    "item": {"type": "message", "role": "user", "content": []},
    "item_content_index": 0,
    "item_id": "item_1",
    "json_data": '{"item_id": "a", "content": [], "text": "a"}',
    "key": "sk-a",
    "listener": Listener(),
    "message": "Hello.",
    "model": "gpt-realtime",
    "ms": 20,
    "name": "name",
    "obj": {"item_id": "a", "content": [], "text": "a"},
    "off.type": "response.done",
    "on.type": "response.done",
    "on_invoke_handoff": of_call,
    "on_invoke_tool": of_call,
    "once.type": "response.done",
    "other": agents.Usage(),
    "options": {},
    "output": "x",
    "output_guardrail.func": of_words,
    "output_info": None,
    "params_json_schema": {},
    "parse_client_event.text": '{"type": "a"}',
    "parse_event.data": '{"type": "a"}',
    "parse_event.text": '{"type": "a"}',
    "path": "some.wav",
    "payload": b"{}",
    "pcm": PCM,
    "played": PCM,
    "polled.timeout": lambda: 0,
    "prices": {"input_text": 1.0},
    "project": "tutor",
    "refer.timeout": 1.0,
    "refused_by.event": testing.parsed(testing.error("no"))[0],
    "reject.timeout": 1.0,
    "response_id": "resp_1",
    "response_type": "text",
    "sdp": "v=0\r\n",
    "send_event.event": agents.RealtimeModelSendInterrupt(),
    "send_event_if.event": agents.RealtimeModelSendInterrupt(),
    "send_raw.data": "{}",
    "seconds": 1.0,
    "send_if": lambda: True,
    "server": ScriptedServer(),
    "session": {"type": "realtime"},
    "settings": {"voice": "marin"},
    "sink": MemorySink(),
    "source": MemorySource(),
    "spec": "echo",
    "starting_agent": AGENT,
    "target_uri": "tel:+1",
    "text": "Hello.",
    "timeout": 0.0,
    "tool": plain,
    "tool_description": "d",
    "tool_input_guardrail.func": of_data,
    "tool_name": "a",
    "tool_output_guardrail.func": of_data,
    "tools": [],
    "traffic": [],
    "transcription": {},
    "url": "ws://127.0.0.1:1/",
    "uuid": "ann",
    "validate_config.config": {"orchestrator": {"agent_list": []}},
    "wait.event": _set(),
    "wait_for.event": "response.done",
    "watch.event": "response.done",
}
# Else something waits, a sound card is asked, or a decorator waits for its function.
_GIVEN_ALWAYS = ("timeout", "device", "func")


def right_values(callee: Callee, bench: Bench) -> dict[str, Any]:
    """Return what a callable needs, with right values."""
    short = callee.name.rpartition(".")[2]
    names = {
        *callee.needed,
        *(
            each
            for each in callee.parameters
            if each in _GIVEN_ALWAYS or f"{short}.{each}" in RIGHT
        ),
    }
    if holds_anything(callee):
        # It holds whatever it is given, with the few exceptions that are named with it.
        return {name: RIGHT.get(f"{short}.{name}") for name in names}
    found = {}
    for name in names:
        value = RIGHT.get(f"{short}.{name}", RIGHT.get(name, ...))
        assert value is not ..., f"{callee.name} needs {name}: put what is right into RIGHT"
        found[name] = (
            value(bench) if getattr(value, "__qualname__", "").startswith("Bench.") else value
        )
    return found
