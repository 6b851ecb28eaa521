from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.errors import ServerError
from realtime_sync.local.protocol.conversation_config import default_session, merge_session

Json = dict[str, Any]


def merged(current: Json | None = None, *, spoken: bool = False, **update: Any) -> Json:
    base = current or default_session("realtime", model="gpt-realtime")
    return merge_session(base, {"type": "realtime", **update}, spoken=spoken)


def breach(update: Any, *, spoken: bool = False) -> ServerError:
    current = default_session("realtime", model="gpt-realtime")
    before = repr(current)
    with pytest.raises(ServerError) as caught:
        merge_session(current, update, spoken=spoken)
    assert repr(current) == before, "a refused update changes nothing"
    assert caught.value.type == "invalid_request_error"
    return caught.value


def hearing(**update: Any) -> Json:
    return {"type": "realtime", "audio": {"input": update}}


def test_only_present_fields_change() -> None:
    session = merged(instructions="Be kind.", audio={"output": {"speed": 1.2}})
    expected = default_session("realtime", model="gpt-realtime")
    expected["instructions"] = "Be kind."
    expected["audio"]["output"]["speed"] = 1.2
    assert session == expected
    again = merged(session, tools=[{"type": "function", "name": "f"}])
    assert again["instructions"] == "Be kind."
    assert merged(again, instructions="", tools=[])["tools"] == []


def test_null_turns_off_or_restores_the_default() -> None:
    session = merged(
        max_output_tokens=7,
        reasoning={"effort": "low"},
        audio={"input": {"turn_detection": None, "transcription": {"model": "m"}}},
    )
    assert session["audio"]["input"]["turn_detection"] is None
    back = merged(
        session,
        max_output_tokens=None,
        reasoning=None,
        audio={"input": {"transcription": None, "format": None}},
    )
    assert back["max_output_tokens"] == "inf"
    assert "reasoning" not in back
    assert back["audio"]["input"]["transcription"] is None
    assert back["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert back["audio"]["input"]["turn_detection"] is None, "absent fields stay"


def test_turn_detection_keeps_its_values_while_the_type_stays() -> None:
    def detection(current: Json | None, **fields: Any) -> Json:
        return merged(current, audio={"input": {"turn_detection": fields}})

    first = detection(None, type="server_vad", threshold=0.7)
    second = detection(first, type="server_vad", silence_duration_ms=200, threshold=None)
    assert second["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    third = detection(second, type="semantic_vad", eagerness="high")
    assert third["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("update", "code", "param", "words"),
    [
        ("text", "invalid_type", "session", "expected an object, but got a string"),
        ({}, "missing_required_parameter", "session.type", "session.type"),
        ({"type": "live"}, "invalid_value", "session.type", "'live'"),
        ({"type": "realtime", "modalities": []}, "unknown_parameter", "session.modalities", ""),
        (
            hearing(turn_detection={"type": "server_vad", "threshold": 1.5}),
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
            "<= 1.0, but got 1.5",
        ),
        (
            hearing(turn_detection={"type": "server_vad", "silence_duration_ms": -1}),
            "integer_below_min_value",
            "session.audio.input.turn_detection.silence_duration_ms",
            ">= 0, but got -1",
        ),
        (
            hearing(turn_detection={"type": "server_vad", "threshold": "high"}),
            "invalid_type",
            "session.audio.input.turn_detection.threshold",
            "expected a number, but got a string",
        ),
        (
            hearing(turn_detection={"type": "clap"}),
            "invalid_value",
            "session.audio.input.turn_detection.type",
            "'server_vad', 'semantic_vad'",
        ),
        (
            hearing(turn_detection={}),
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
            "",
        ),
        (
            hearing(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
            "",
        ),
        (
            hearing(format={"type": "audio/pcm", "rate": 16000}),
            "invalid_value",
            "session.audio.input.format.rate",
            "24000",
        ),
        (
            {"type": "realtime", "output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
            "['text'] or ['audio']",
        ),
        (
            {"type": "realtime", "max_output_tokens": 5000},
            "invalid_value",
            "session.max_output_tokens",
            "from 1 to 4096 or 'inf', but got 5000",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "no spaces"}]},
            "invalid_value",
            "session.tools[0].name",
            "'no spaces'",
        ),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]},
            "invalid_value",
            "session.tools[0]",
            "no mcp tools",
        ),
        (
            {"type": "realtime", "tool_choice": {"type": "function", "name": ["f"]}},
            "invalid_value",
            "session.tool_choice",
            "'required'",
        ),
        (
            {"type": "realtime", "tool_choice": "sometimes"},
            "invalid_value",
            "session.tool_choice",
            "'required'",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": 7}}},
            "invalid_value",
            "session.audio.output.voice",
            "but got 7",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "onyx"}}},
            "invalid_value",
            "session.audio.output.voice",
            "'onyx'. Supported values are: 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'sh",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": {"id": ""}}}},
            "invalid_value",
            "session.audio.output.voice",
            "expected the name of a voice or {'id': '...'}",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": True}}},
            "invalid_type",
            "session.audio.output.speed",
            "got a boolean",
        ),
        (
            {"type": "realtime", "model": "gpt-other"},
            "cannot_update_model",
            "session.model",
            "'gpt-realtime'",
        ),
    ],
)
def test_breaches_name_the_field_the_value_and_the_rule(
    update: Any, code: str, param: str, words: str
) -> None:
    error = breach(update)
    assert (error.code, error.param) == (code, param)
    assert words in error.message
    assert param in error.message or code == "cannot_update_model"


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    update = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    error = breach(update, spoken=True)
    assert (error.code, error.param) == ("cannot_update_voice", "session.audio.output.voice")
    assert merged(audio={"output": {"voice": {"id": "voice_1"}}})["audio"]["output"]["voice"] == {
        "id": "voice_1"
    }
    same = merged(spoken=True, model="gpt-realtime", audio={"output": {"voice": "alloy"}})
    assert same == default_session("realtime", model="gpt-realtime")


def test_a_realtime_session_becomes_a_transcription_session() -> None:
    current = merged(audio={"input": {"turn_detection": None}})
    update = {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": "whisper-1", "language": "en"}}},
    }
    session = merge_session(current, update, spoken=False)
    assert session == {
        "type": "transcription",
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "turn_detection": None,
                "transcription": {"model": "whisper-1", "language": "en"},
            }
        },
    }
    with pytest.raises(ServerError, match=r"session\.instructions"):
        merge_session(session, {"type": "transcription", "instructions": "x"}, spoken=False)
