"""The events that the load server sends: what a realtime API sends, with made-up content."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, NamedTuple

__all__ = [
    "AUDIO_MS",
    "MIXES",
    "Due",
    "audio_delta",
    "call",
    "conversation",
    "small_delta",
    "turn",
]

IDS = {"event_id": "event_" + "a" * 21, "response_id": "resp_" + "b" * 21}
ITEM = {**IDS, "item_id": "item_" + "c" * 21, "output_index": 0}
PART = {**ITEM, "content_index": 0}

# The answer's audio, in milliseconds per delta: it begins with small pieces, so that the first is
# heard soon, and goes on with quarters of a second. Six seconds in all.
AUDIO_MS = (50, 50, 100, 100, 150, 200, 200, 150, *[250] * 20)
_BYTES_PER_MS = 48
_PCM: dict[str, Any] = {"type": "audio/pcm", "rate": 24000}
# The answer of a call: five seconds of µ-law, which come a quarter faster than they are heard.
TELEPHONE: dict[str, Any] = {"type": "audio/pcmu"}
_CALL_DELTAS, _CALL_DELTA_MS, _CALL_EVERY_S = 25, 200, 0.15
CALL_AUDIO_MS = _CALL_DELTAS * _CALL_DELTA_MS
_ANSWER = (
    "The opening hours are eight to six on weekdays, and on Saturday from nine until one; on"
    " Sundays and public holidays the desk is closed. Shall I book a place for you, then?"
)
_WORDS = _ANSWER.split(" ")


def text_of(name: str, fields: dict[str, Any]) -> str:
    """Return a server event as it is on the wire."""
    return json.dumps({"type": name, **fields}, separators=(",", ":"))


def audio_delta(size: int) -> str:
    """Return an audio delta with ``size`` characters of base64."""
    pcm = random.Random(size).randbytes(size * 3 // 4)
    return text_of("response.output_audio.delta", {**PART, "delta": base64.b64encode(pcm).decode()})


def small_delta(words: str = " and then we") -> str:
    """Return a transcript delta, some 230 bytes."""
    return text_of("response.output_audio_transcript.delta", {**PART, "delta": words})


def _session(sound: dict[str, Any]) -> dict[str, Any]:
    """Return a session as it is reported: long instructions and eight tools."""
    place = {"type": "string", "description": "The branch, as it stands in the list of places."}
    day = {"type": "string", "format": "date", "description": "The day, in ISO 8601."}
    parameters = {
        "type": "object",
        "properties": {"place": place, "day": day, "people": {"type": "integer"}},
        "required": ["place", "day"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "description": "Look up what is free.", "parameters": parameters}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_" + "d" * 21,
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": "You are the friendly voice of a library's front desk. " * 24,
        "tools": [{**tool, "name": f"look_up_{i}"} for i in range(8 if sound is _PCM else 0)],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "audio": {
            "input": {
                "format": sound,
                "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": None},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {
                "format": sound,
                "voice": "marin",
                "speed": 1.0,
            },
        },
        "include": None,
        "expires_at": 4102444800,
    }


def session_event(name: str = "session.updated", *, sound: dict[str, Any] = _PCM) -> str:
    """Return a ``session.created`` or ``session.updated`` of some 5 kB."""
    return text_of(name, {"event_id": IDS["event_id"], "session": _session(sound)})


def _message(status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": ITEM["item_id"],
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _response(status: str, output: list[dict[str, Any]], *, done: bool) -> dict[str, Any]:
    details = {"text_tokens": 320, "audio_tokens": 94, "image_tokens": 0, "cached_tokens": 256}
    cached = {"text_tokens": 192, "audio_tokens": 64, "image_tokens": 0}
    usage = {
        "total_tokens": 591,
        "input_tokens": 414,
        "output_tokens": 177,
        "input_token_details": {**details, "cached_tokens_details": cached},
        "output_token_details": {"text_tokens": 48, "audio_tokens": 129},
    }
    sound = {"format": _PCM, "voice": "marin"}
    return {
        "object": "realtime.response",
        "id": IDS["response_id"],
        "status": status,
        "status_details": None,
        "output": output,
        "conversation_id": "conv_" + "e" * 21,
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": sound},
        "usage": usage if done else None,
        "metadata": None,
    }


def response_done() -> str:
    """Return a ``response.done`` with a message and two function calls, some 3 kB."""
    part = {"type": "output_audio", "transcript": " ".join(_WORDS) * 4}
    arguments = json.dumps({"place": "Main Street", "day": "2026-03-14", "people": 4})
    call = {
        "id": "item_" + "f" * 21,
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_" + "g" * 16,
        "name": "look_up_3",
        "arguments": arguments,
    }
    response = _response("completed", [_message("completed", [part]), call, call], done=True)
    return text_of("response.done", {"event_id": IDS["event_id"], "response": response})


def _listening() -> list[str]:
    """Return what comes while the user speaks and is transcribed."""
    event_id = {"event_id": IDS["event_id"]}
    user_id = {"item_id": "item_" + "u" * 21}
    said = "When are you open at the weekend, please?"
    spoken = {"type": "input_audio", "transcript": None}
    item = {
        "id": user_id["item_id"],
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [spoken],
    }
    before = {"previous_item_id": "item_" + "p" * 21}
    item_event = {**event_id, **before, "item": item}
    usage = {"type": "tokens", "total_tokens": 31, "input_tokens": 22, "output_tokens": 9}
    transcription = "conversation.item.input_audio_transcription"
    where = {**event_id, **user_id, "content_index": 0}
    buffer = "input_audio_buffer"
    return [
        text_of(f"{buffer}.speech_started", {**event_id, "audio_start_ms": 1184, **user_id}),
        text_of(f"{buffer}.speech_stopped", {**event_id, "audio_end_ms": 2976, **user_id}),
        text_of(f"{buffer}.committed", {**event_id, **before, **user_id}),
        text_of("conversation.item.added", item_event),
        text_of("conversation.item.done", item_event),
        *[text_of(f"{transcription}.delta", {**where, "delta": w}) for w in said.split()],
        text_of(f"{transcription}.completed", {**where, "transcript": said, "usage": usage}),
    ]


def _beginning() -> list[str]:
    empty = _message("in_progress", [])
    added = {"event_id": IDS["event_id"], "previous_item_id": "item_" + "u" * 21, "item": empty}
    response = _response("in_progress", [], done=False)
    return [
        text_of("response.created", {"event_id": IDS["event_id"], "response": response}),
        text_of("response.output_item.added", {**IDS, "output_index": 0, "item": empty}),
        text_of("conversation.item.added", added),
        text_of(
            "response.content_part.added", {**PART, "part": {"type": "audio", "transcript": ""}}
        ),
    ]


def _speaking() -> list[str]:
    """Return the answer's deltas: its words among its audio."""
    audio = [audio_delta(ms * _BYTES_PER_MS * 4 // 3) for ms in AUDIO_MS]
    words = [small_delta(" " + word) for word in _WORDS]
    mixed = []
    for i in range(max(len(audio), len(words))):
        mixed += words[i : i + 1] + audio[i : i + 1]
    return mixed


def _end() -> list[str]:
    transcript = " ".join(_WORDS)
    message = _message("completed", [{"type": "output_audio", "transcript": transcript}])
    done = {"event_id": IDS["event_id"], "previous_item_id": "item_" + "u" * 21, "item": message}
    part = {"type": "audio", "transcript": transcript}
    limits = [{"name": "tokens", "limit": 40000, "remaining": 38621, "reset_seconds": 2.07}]
    return [
        text_of("response.output_audio.done", PART),
        text_of("response.output_audio_transcript.done", {**PART, "transcript": transcript}),
        text_of("response.content_part.done", {**PART, "part": part}),
        text_of("response.output_item.done", {**IDS, "output_index": 0, "item": message}),
        text_of("conversation.item.done", done),
        text_of(
            "response.done",
            {
                "event_id": IDS["event_id"],
                "response": _response("completed", [message], done=True),
            },
        ),
        text_of("rate_limits.updated", {"event_id": IDS["event_id"], "rate_limits": limits}),
    ]


def turn() -> list[str]:
    """Return one spoken turn: a question, and six seconds of answer."""
    return [*_listening(), *_beginning(), *_speaking(), *_end()]


# Each is sent over and over.
MIXES = {
    "deltas": [small_delta()],
    "turn": turn(),
    "audio": [audio_delta(32_000)],
    "large": [session_event(), response_done()],
}


class Due(NamedTuple):
    """When an event of a turn is sent, in seconds from the turn's beginning."""

    at: float
    text: str


TURN_S = 8.0


def conversation() -> list[Due]:
    """Return one turn at its real pace: two seconds of listening, six of answer.

    The answer's deltas come as fast as they are heard, in pairs of a word and its audio.
    """
    listening, beginning, speaking, end = _listening(), _beginning(), _speaking(), _end()
    due = [Due(0.2, listening[0]), *[Due(1.7, text) for text in listening[1:5]]]
    due += [Due(1.75 + 0.02 * i, text) for i, text in enumerate(listening[5:])]
    due += [Due(2.0, text) for text in beginning]
    pairs = (len(speaking) + 1) // 2
    due += [Due(2.1 + 5.5 * (i // 2) / pairs, text) for i, text in enumerate(speaking)]
    due += [Due(7.7, text) for text in end]
    return sorted(due, key=lambda entry: entry.at)


def call() -> list[Due]:
    """Return one turn of a telephone call: two seconds of listening, and an answer in µ-law."""
    spoken = [due for due in conversation() if '"type":"response.output_audio.' not in due.text]
    delta = audio_delta(_CALL_DELTA_MS * 8 * 4 // 3)
    # Three at first, so that it is never the provider whom the caller waits for.
    spoken += [Due(2.1 + _CALL_EVERY_S * max(0, i - 2), delta) for i in range(_CALL_DELTAS)]
    done = text_of("response.output_audio.done", PART)
    spoken.append(Due(7.65, done))
    return sorted(spoken, key=lambda entry: entry.at)
