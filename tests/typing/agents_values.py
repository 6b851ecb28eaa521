"""An agent's program as its authors write it: events, items, settings. Only checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from typing_extensions import assert_never, assert_type

from realtime_sync.agents import (
    AssistantAudio,
    AssistantText,
    RealtimeAgent,
    RealtimeClientMessage,
    RealtimeItem,
    RealtimeModelAudioEvent,
    RealtimeModelConfig,
    RealtimeModelEvent,
    RealtimeModelFurtherEvent,
    RealtimeModelListener,
    RealtimeModelReconnectedEvent,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendRawMessage,
    RealtimeModelUsageEvent,
    RealtimePlaybackTracker,
    RealtimeRunConfig,
    RealtimeSessionEvent,
    RealtimeSessionModelSettings,
    RealtimeUserInputMessage,
    Usage,
    UserMessageItem,
)
from realtime_sync.voice import IdleRule, Interruptions


def show(event: RealtimeSessionEvent) -> str:
    """``event.type`` narrows, and nothing is left."""
    if event.type == "agent_start" or event.type == "agent_end":
        return event.agent.name
    if event.type == "handoff":
        return f"{event.from_agent.name} -> {event.to_agent.name}"
    if event.type == "tool_start":
        return event.arguments
    if event.type == "tool_end":
        return str(event.output)
    if event.type == "tool_approval_required":
        return event.call_id
    if event.type == "audio":
        assert_type(event.audio, RealtimeModelAudioEvent)
        return f"{len(event.audio.data)} bytes of {event.item_id}"
    if event.type == "audio_end" or event.type == "audio_interrupted":
        return f"{event.item_id} {event.content_index}"
    if event.type == "history_updated":
        return "\n".join(map(words_of, event.history))
    if event.type == "history_added":
        return words_of(event.item)
    if event.type == "guardrail_tripped":
        return f"{event.kind}: {event.message}"
    if event.type == "raw_model_event":
        return follow(event.data)
    if event.type == "error":
        return str(event.error)
    if event.type == "input_audio_timeout_triggered":
        return str(event.info.context.usage.total_tokens)
    assert_never(event)


def words_of(item: RealtimeItem) -> str:
    if item.type == "function_call":
        return f"{item.name}({item.arguments}) = {item.output}"
    if item.role == "assistant":
        return " ".join(
            part.transcript or "" if part.type == "audio" else part.text or ""
            for part in item.content
        )
    changed = item.model_copy(update={"previous_item_id": None})
    dump: dict[str, Any] = changed.model_dump(exclude_none=True)
    return changed.model_dump_json() + str(dump)


def follow(data: RealtimeModelEvent | RealtimeModelFurtherEvent) -> str:
    if isinstance(data, RealtimeModelUsageEvent):
        details = data.input_tokens_details
        return str(asdict(details) if details else data.usage.cost({"input_text": 4.0}))
    if isinstance(data, RealtimeModelReconnectedEvent):
        return ", ".join(data.lost_items)
    if data.type == "input_audio_transcription_delta":
        return data.delta
    return data.type


class Log(RealtimeModelListener):
    def on_event(self, event: RealtimeModelEvent | RealtimeModelFurtherEvent) -> None:
        print(event.type)


def play(tracker: RealtimePlaybackTracker, part: tuple[str, int], pcm: bytes) -> int:
    tracker.on_play_bytes(part[0], part[1], pcm)
    state = tracker.get_state()
    assert_type(state["elapsed_ms"], float | None)
    return tracker.played_ms(part)


settings: RealtimeSessionModelSettings = {
    "model_name": "gpt-realtime-2.1",
    "voice": "marin",
    "modalities": ["audio"],
    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe", "language": "de"},
    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
    "audio": {
        "input": {"format": "pcm16", "noise_reduction": None, "turn_detection": None},
        "output": {"format": {"type": "audio/pcmu"}, "speed": 1.2, "voice": {"id": "voice_1"}},
    },
    "tool_choice": {"type": "function", "name": "weather"},
    "reasoning": {"effort": "low"},
    "tracing": "auto",
    "prompt": {"id": "pmpt_1"},
    "max_output_tokens": "inf",
}
config: RealtimeRunConfig = {
    "model_settings": settings,
    "guardrails_settings": {"debounce_text_length": 50},
    "tool_execution": {"pre_approval_tool_input_guardrails": True},
    "async_tool_calls": False,
    "interruptions": Interruptions(resume=True),
    "idle": IdleRule(after_s=15),
    "hold_back": "answer",
    "filler": "Say that you look it up.",
    "filler_after_ms": 700,
    "prices": {"input_audio": 32.0, "output_audio": 64},
}
model_config: RealtimeModelConfig = {
    "api_key": lambda: "key",
    "initial_model_settings": settings,
    "playback_tracker": RealtimePlaybackTracker(),
}
message: RealtimeUserInputMessage = {
    "type": "message",
    "role": "user",
    "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
    ],
}
clear: RealtimeClientMessage = {"type": "input_audio_buffer.clear"}
sent: list[RealtimeModelSendEvent] = [
    RealtimeModelSendRawMessage(message=clear),
    RealtimeModelSendAudio(audio=b"\0\0", commit=True),
]
agent: RealtimeAgent[dict[str, str]] = RealtimeAgent(name="Desk", instructions="Be brief.")


def total(usages: Iterable[Usage]) -> Usage:
    in_all = Usage()
    for usage in usages:
        in_all.add(usage)
    return in_all


def answer_of(data: dict[str, object]) -> list[AssistantText | AssistantAudio]:
    item = UserMessageItem.model_validate(data)
    assert_type(item, UserMessageItem)
    return [AssistantText(text=part.type) for part in item.content]


def wrong() -> None:
    """Mistakes that a type checker finds."""
    bad: RealtimeRunConfig = {"hold_back": "all"}  # type: ignore[typeddict-item]
    worse: RealtimeSessionModelSettings = {"voise": "ash"}  # type: ignore[typeddict-unknown-key]
    print(bad, worse, RealtimeModelSendAudio(audio="x"))  # type: ignore[arg-type]
