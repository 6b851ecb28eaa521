"""One conversation of livekit-agents with a server; see ../README.md for its input and output."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, io
from livekit.plugins.openai import realtime
from openai.types.realtime import AudioTranscription, RealtimeServerEvent
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad
from pydantic import TypeAdapter, ValidationError

Result = dict[str, Any]


def main() -> None:
    order = json.load(sys.stdin)
    result: Result = {
        "versions": {
            **{name: version(name) for name in ("livekit-agents", "livekit-plugins-openai")},
            "python": sys.version.split()[0],
        },
        "events": [],
        "errors": [],
        "unknown": [],
        "calls": [],
        "heard": "",
        "said": "",
        "audio_bytes": 0,
    }
    logging.getLogger().addHandler(Complaints(result))
    asyncio.run(talk(order, result))
    print(json.dumps(result))


class Complaints(logging.Handler):
    """Notes the warnings and errors that the packages log."""

    def __init__(self, result: Result) -> None:
        super().__init__(logging.WARNING)
        self._result = result

    def emit(self, record: logging.LogRecord) -> None:
        self._result["errors"].append(f"{record.name}: {record.getMessage()}")


class Speaker(io.AudioOutput):
    """Plays nothing and takes everything at once."""

    def __init__(self, result: Result) -> None:
        super().__init__(
            label="speaker",
            capabilities=io.AudioOutputCapabilities(pause=True),
            sample_rate=24_000,
        )
        self._result = result
        self._played_s = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._result["audio_bytes"] += len(frame.data.tobytes())
        self._played_s += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        if self._played_s:
            played_s, self._played_s = self._played_s, 0.0
            self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


class Microphone(io.AudioInput):
    """Speaks the file as fast as it is read, then keeps silent."""

    def __init__(self, file: str) -> None:
        super().__init__(label="microphone")
        pcm = Path(file).read_bytes()
        self._chunks = [pcm[start : start + 4_800] for start in range(0, len(pcm), 4_800)]

    async def __anext__(self) -> rtc.AudioFrame:
        if not self._chunks:
            await asyncio.Event().wait()
        data = self._chunks.pop(0)
        return rtc.AudioFrame(data, 24_000, 1, len(data) // 2)


def model_for(order: dict[str, Any], http: aiohttp.ClientSession) -> realtime.RealtimeModel:
    return realtime.RealtimeModel(
        model="gpt-realtime",
        api_key=order["key"],
        base_url=order["url"],
        modalities=[order["modality"]],
        input_audio_transcription=AudioTranscription(model="gpt-4o-mini-transcribe"),
        turn_detection=ServerVad(type="server_vad"),
        http_session=http,
    )


def agent_for(order: dict[str, Any], result: Result) -> Agent:
    tools = []
    if order.get("tool"):
        name, description = order["tool"]["name"], order["tool"]["description"]

        @function_tool(name=name, description=description)
        async def call(city: str) -> str:
            result["calls"].append({"name": name, "arguments": {"city": city}})
            output: str = order["tool_output"]
            return output

        tools.append(call)
    return Agent(instructions="You are a friend.", tools=tools)


async def talk(order: dict[str, Any], result: Result) -> None:
    answered = asyncio.Event()

    async with aiohttp.ClientSession() as http, model_for(order, http) as model:
        listen_to(model, result)
        session: AgentSession[None] = AgentSession(
            llm=model, vad=None, turn_handling={"turn_detection": "realtime_llm"}
        )

        @session.on("conversation_item_added")
        def on_item(event: Any) -> None:
            item = event.item
            if item.type == "message" and item.role == "user":
                result["heard"] = item.text_content
            elif item.type == "message":
                result["said"] = item.text_content
                answered.set()

        @session.on("error")
        def on_error(event: Any) -> None:
            result["errors"].append(str(event.error))

        if order["modality"] == "audio":
            session.output.audio = Speaker(result)
        if order.get("pcm"):
            session.input.audio = Microphone(order["pcm"])
        await session.start(agent_for(order, result), record=False)
        if order.get("text"):
            await session.run(user_input=order["text"])
        await answered.wait()
        await session.aclose()


def listen_to(model: realtime.RealtimeModel, result: Result) -> None:
    """Note each event that arrives, and those that openai's types, which it reads them by, lack."""
    begin = model.session
    known: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)

    def look(event: dict[str, Any]) -> None:
        result["events"].append(event["type"])
        try:
            known.validate_python(event)
        except ValidationError as error:
            result["unknown"].append(str(error))

    def session(**options: Any) -> Any:
        found = begin(**options)
        found.on("openai_server_event_received", look)
        return found

    model.session = session


main()
