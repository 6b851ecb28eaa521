"""What a responder is asked, and what it answers: items of a conversation, words, calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realtime_sync.local.engines import ResponderEvent, TextDelta, ToolCall


def user(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def call(arguments: str = '{"city": "London"}', call_id: str = "call_1") -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": "get_weather",
        "arguments": arguments,
    }


def output(text: str, call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def words(events: list[ResponderEvent]) -> str:
    assert all(isinstance(event, TextDelta) for event in events), events
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def only_call(events: list[ResponderEvent]) -> tuple[str, Any]:
    (event,) = events
    assert isinstance(event, ToolCall)
    return event.name, json.loads(event.arguments)


def script_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return f"scripted:{path}"
