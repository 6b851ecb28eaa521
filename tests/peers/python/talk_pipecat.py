"""One conversation of pipecat with a server; see ../README.md for its input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

Result = dict[str, Any]


def main() -> None:
    order = json.load(sys.stdin)
    result: Result = {
        "versions": {"pipecat-ai": version("pipecat-ai"), "python": sys.version.split()[0]},
        "events": [],
        "errors": [],
        "unknown": [],
        "calls": [],
        "heard": "",
        "said": "",
        "audio_bytes": 0,
    }
    logger.remove()
    logger.add(
        lambda message: result["errors"].append(message), level="WARNING", format="{message}"
    )
    listen_to_parser(result)
    asyncio.run(talk(order, result))
    print(json.dumps(result))


def listen_to_parser(result: Result) -> None:
    """Note each event as the package's own parser takes it; it ignores types that it lacks."""
    parse = events.parse_server_event

    def noted(text: str) -> Any:
        kind = json.loads(text)["type"]
        result["events"].append(kind)
        try:
            event = parse(text)
        except Exception as error:
            result["errors"].append(str(error))
            raise
        if event is None:
            result["unknown"].append(kind)
        elif kind == "error":
            result["errors"].append(text)
        return event

    events.parse_server_event = noted


class Audience(FrameProcessor):
    """Sums up what the service says, up to the end of an answer in words."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.answered = asyncio.Event()
        self._result = result

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            self._result["said"] += frame.text
        elif isinstance(frame, TTSAudioRawFrame):
            self._result["audio_bytes"] += len(frame.audio)
        elif isinstance(frame, LLMFullResponseEndFrame) and self._result["said"]:
            self.answered.set()
        await self.push_frame(frame, direction)


class Ear(FrameProcessor):
    """Notes what the service says the user said."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.transcribed = asyncio.Event()
        self._result = result

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self._result["heard"] = frame.text
            self.transcribed.set()
        await self.push_frame(frame, direction)


def service_for(order: dict[str, Any]) -> OpenAIRealtimeLLMService:
    properties = events.SessionProperties(
        output_modalities=[order["modality"]],
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                transcription=events.InputAudioTranscription(model="gpt-4o-mini-transcribe"),
                turn_detection=events.TurnDetection(type="server_vad"),
            )
        ),
    )
    return OpenAIRealtimeLLMService(
        api_key=order["key"],
        base_url=order["url"].replace("http", "ws", 1) + "/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="gpt-realtime-2.1", session_properties=properties
        ),
    )


def context_for(order: dict[str, Any]) -> LLMContext:
    messages = [{"role": "user", "content": order["text"]}] if order.get("text") else []
    tool = order.get("tool")
    if not tool:
        return LLMContext(messages)
    parameters = tool["parameters"]
    schema = FunctionSchema(
        name=tool["name"],
        description=tool["description"],
        properties=parameters["properties"],
        required=parameters["required"],
    )
    return LLMContext(messages, tools=ToolsSchema(standard_tools=[schema]))


async def talk(order: dict[str, Any], result: Result) -> None:
    service = service_for(order)

    async def call(params: Any) -> None:
        result["calls"].append({"name": params.function_name, "arguments": dict(params.arguments)})
        await params.result_callback(json.loads(order["tool_output"]))

    if order.get("tool"):
        service.register_function(order["tool"]["name"], call)
    aggregators = LLMContextAggregatorPair(context_for(order))
    audience, ear = Audience(result), Ear(result)
    worker = PipelineWorker(
        Pipeline([aggregators.user(), ear, service, audience, aggregators.assistant()]),
        idle_timeout_secs=None,
    )

    @worker.event_handler("on_pipeline_error")
    async def on_error(worker: PipelineWorker, frame: ErrorFrame) -> None:
        result["errors"].append(frame.error)

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await worker.queue_frame(LLMRunFrame())
    await audience.answered.wait()
    if order.get("pcm"):
        # The first answer was the assistant's greeting: a pipeline begins with one.
        result.update(said="", audio_bytes=0)
        audience.answered.clear()
        pcm = Path(order["pcm"]).read_bytes()
        for start in range(0, len(pcm), 4_800):
            chunk = pcm[start : start + 4_800]
            frame = InputAudioRawFrame(audio=chunk, sample_rate=24_000, num_channels=1)
            await worker.queue_frame(frame)
        await ear.transcribed.wait()
        await audience.answered.wait()
    await worker.stop_when_done()
    await running


main()
