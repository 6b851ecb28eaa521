"""A program on the type names of `openai.types.realtime`, after its import was changed."""

from __future__ import annotations

from typing_extensions import assert_type

from realtime_sync import RealtimeConnection
from realtime_sync.events import (
    AudioTranscriptionParam,
    CallAcceptParams,
    ClientSecretCreateParams,
    ConversationItem,
    ConversationItemCreateEvent,
    ConversationItemCreateEventParam,
    ConversationItemParam,
    InputAudioBufferAppendEventParam,
    InputAudioBufferSpeechStartedEvent,
    NoiseReductionType,
    RealtimeAudioFormatsParam,
    RealtimeAudioInputTurnDetection,
    RealtimeClientEvent,
    RealtimeClientEventParam,
    RealtimeConnectParams,
    RealtimeConversationItemFunctionCall,
    RealtimeConversationItemUserMessage,
    RealtimeErrorEvent,
    RealtimeMcphttpError,
    RealtimeMcpToolCall,
    RealtimeReasoningEffort,
    RealtimeResponse,
    RealtimeResponseCreateParams,
    RealtimeServerEvent,
    RealtimeSessionCreateRequest,
    RealtimeToolChoiceConfigParam,
    RealtimeToolsConfigParam,
    RealtimeTracingConfigParam,
    RealtimeTruncationParam,
    ResponseAudioDeltaEvent,
    ResponseCreateEvent,
    ResponseCreateEventParam,
    ResponseDone,
    ResponseDoneEvent,
    ResponseTextDeltaEvent,
    SessionUpdateEvent,
    SessionUpdateEventParam,
)

reduction: NoiseReductionType = "near_field"
effort: RealtimeReasoningEffort = "low"
pcm: RealtimeAudioFormatsParam = {"type": "audio/pcm", "rate": 24000}
choice: RealtimeToolChoiceConfigParam = {"type": "function", "name": "get_weather"}
tracing: RealtimeTracingConfigParam = "auto"
truncation: RealtimeTruncationParam = {"type": "retention_ratio", "retention_ratio": 0.8}
transcription: AudioTranscriptionParam = {"model": "whisper-1"}
tools: RealtimeToolsConfigParam = [{"type": "function", "name": "get_weather"}]
joined: RealtimeConnectParams = {"call_id": "rtc_1"}
accepted: CallAcceptParams = {"type": "realtime", "model": "gpt-realtime"}
secret: ClientSecretCreateParams = {"session": {"type": "realtime", "instructions": "Be brief."}}
item: ConversationItemParam = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello!"}],
}
created: ConversationItemCreateEventParam = {"type": "conversation.item.create", "item": item}
wrong: ResponseCreateEventParam = {"type": "response.creat"}  # type: ignore[typeddict-item]
lacking: InputAudioBufferAppendEventParam = {  # type: ignore[typeddict-item]
    "type": "input_audio_buffer.append"
}


def send(connection: RealtimeConnection, event: RealtimeClientEventParam) -> None:
    connection.send(event)


def send_all(connection: RealtimeConnection) -> None:
    update: SessionUpdateEventParam = {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "tools": tools,
            "tool_choice": choice,
            "tracing": tracing,
            "truncation": truncation,
            "reasoning": {"effort": effort},
            "audio": {
                "input": {
                    "format": pcm,
                    "noise_reduction": {"type": reduction},
                    "transcription": transcription,
                }
            },
        },
    }
    send(connection, update)
    send(connection, created)
    events: list[RealtimeClientEvent] = [
        SessionUpdateEvent(
            type="session.update",
            session=RealtimeSessionCreateRequest(type="realtime", instructions="Be brief."),
        ),
        ConversationItemCreateEvent(
            type="conversation.item.create",
            item=RealtimeConversationItemUserMessage(type="message", role="user", content=[]),
        ),
        ResponseCreateEvent(
            type="response.create",
            response=RealtimeResponseCreateParams(output_modalities=["text"]),
        ),
    ]
    for event in events:
        connection.send(event)


def handle(event: RealtimeServerEvent) -> str:
    if isinstance(event, ResponseTextDeltaEvent):
        return event.delta
    if isinstance(event, RealtimeErrorEvent):
        return event.error.message
    if event.type == "response.done":
        assert_type(event, ResponseDone)
        return on_done(event)
    return ""


def on_done(event: ResponseDoneEvent) -> str:
    response: RealtimeResponse = event.response
    return ", ".join(called(item) for item in response.output or [])


def called(item: ConversationItem) -> str:
    if isinstance(item, RealtimeMcpToolCall) and isinstance(item.error, RealtimeMcphttpError):
        return f"{item.error.code + 1}"
    return item.name if isinstance(item, RealtimeConversationItemFunctionCall) else item.type


def detection(of: RealtimeAudioInputTurnDetection) -> str:
    return "none" if of is None else of.type


def listen(connection: RealtimeConnection) -> None:
    for event in connection:
        handle(event)
        if isinstance(event, ResponseAudioDeltaEvent):
            assert_type(event.audio, bytes)
        elif isinstance(event, InputAudioBufferSpeechStartedEvent):
            print(event.audio_start_ms)
