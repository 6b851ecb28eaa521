"""Which setting counts, what is sent of it, and what can't be meant."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.model import DEFAULT_MODEL, DEFAULT_MODEL_SETTINGS
from realtime_sync.agents.session_settings import (
    SessionSettings,
    changed_fields,
    is_reported,
    merged_fields,
    resolve_settings,
    session_payload,
)
from realtime_sync.errors import ConfigError, UserError
from realtime_sync.events import AudioFormat, FunctionTool, ServerVad, Voice

PCM = {"type": "audio/pcm", "rate": 24000}
ULAW = {"type": "audio/pcmu"}


def resolved(run: Any = None, initial: Any = None, **options: Any) -> SessionSettings:
    """Without defaults, which are tested by themselves."""
    options = {"defaults": {}, **options}
    return resolve_settings(
        {"model_settings": run or {}}, {"initial_model_settings": initial or {}}, **options
    )


# -- rank ------------------------------------------------------------------------------------------


def test_without_settings_the_defaults_are_asked_for() -> None:
    settings = resolve_settings()
    assert settings.model == DEFAULT_MODEL
    assert settings.session == {
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": PCM,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": PCM, "voice": "ash"},
        },
    }
    assert settings.prompt is None
    assert settings.starting == {}


def test_the_defaults_are_not_changed_by_a_session() -> None:
    before = repr(DEFAULT_MODEL_SETTINGS)
    resolve_settings({"model_settings": {"turn_detection": None, "voice": "marin"}})
    assert repr(DEFAULT_MODEL_SETTINGS) == before


def test_each_source_counts_more_than_the_one_before_key_by_key() -> None:
    settings = resolve_settings(
        {"model_settings": {"voice": "marin", "speed": 1.2}},
        {"initial_model_settings": {"voice": "cedar"}},
    )
    assert settings.session["audio"]["output"] == {"format": PCM, "voice": "cedar", "speed": 1.2}


def test_a_flat_name_of_higher_rank_beats_a_nested_one_of_lower_rank() -> None:
    settings = resolved({"audio": {"output": {"voice": "marin"}}}, {"voice": "cedar"})
    assert settings.session == {"audio": {"output": {"voice": "cedar"}}}


def test_within_one_dictionary_the_nested_name_counts() -> None:
    settings = resolved(
        {
            "voice": "marin",
            "turn_detection": {"type": "server_vad"},
            "audio": {"output": {"voice": "cedar"}, "input": {"turn_detection": None}},
        }
    )
    sound = settings.session["audio"]
    assert sound == {"input": {"turn_detection": None}, "output": {"voice": "cedar"}}


@pytest.mark.parametrize("name", ["format", "voice", "speed"])
def test_none_says_nothing_where_it_is_no_value(name: str) -> None:
    flat = {"format": "output_audio_format", "voice": "voice", "speed": "speed"}[name]
    value: Any = {"format": ULAW, "voice": "marin", "speed": 1.5}[name]
    settings = resolved({flat: value, "audio": {"output": {name: None}}}, {flat: None})
    assert settings.session == {"audio": {"output": {name: value}}}


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ("turn_detection", "turn_detection"),
        ("input_audio_transcription", "transcription"),
        ("input_audio_noise_reduction", "noise_reduction"),
    ],
)
def test_none_turns_a_stage_off(flat: str, nested: str) -> None:
    by_flat = resolved({flat: {"type": "x"}}, {flat: None})
    by_nested = resolved({flat: {"type": "x"}}, {"audio": {"input": {nested: None}}})
    assert by_flat == by_nested
    assert by_flat.session == {"audio": {"input": {nested: None}}}


def test_audio_may_be_none_in_whole_or_in_half() -> None:
    assert resolved({"audio": None}).session == {}
    assert resolved({"audio": {"input": None, "output": {"speed": 1}}}).session == {
        "audio": {"output": {"speed": 1}}
    }


def test_modalities_have_two_names() -> None:
    assert resolved({"modalities": ["text"]}).session == {"output_modalities": ["text"]}
    both = {"modalities": ["audio"], "output_modalities": ["text"]}
    assert resolved(both).session == {"output_modalities": ["text"]}
    ranked = resolved({"output_modalities": ["text"]}, {"modalities": ["text", "audio"]})
    assert ranked.session == {"output_modalities": ["audio"]}


# -- what agents bring -----------------------------------------------------------------------------


def test_what_the_model_config_brings_holds_for_the_first_agent() -> None:
    tool = object()
    prompt = {"id": "pmpt_1", "version": None}
    settings = resolved(
        {"instructions": "run", "tools": [1], "handoffs": [2]},
        {"instructions": "first", "tools": [tool], "prompt": prompt},
    )
    assert settings.starting == {
        "instructions": "first",
        "tools": [tool],
        "prompt": {"id": "pmpt_1"},
    }
    assert settings.prompt == {"id": "pmpt_1"}
    assert settings.session == {}
    assert resolved(None, {"model_name": "gpt-realtime"}).starting == {}


def test_a_prompt_of_the_run_is_for_agents_without_one() -> None:
    settings = resolved({"prompt": {"id": "pmpt_1"}})
    assert settings.starting == {}
    assert session_payload(settings, instructions=None)["prompt"] == {"id": "pmpt_1"}
    own = session_payload(settings, instructions=None, prompt={"id": "pmpt_2"})
    assert own["prompt"] == {"id": "pmpt_2"}


# -- a call, and tracing ---------------------------------------------------------------------------


def test_a_call_has_its_model_and_its_formats() -> None:
    settings = resolve_settings(None, {"call_id": "call_1"})
    assert settings.model is None
    assert settings.session["audio"]["output"] == {"voice": "ash"}
    assert "format" not in settings.session["audio"]["input"]


def test_a_format_that_is_asked_for_is_sent_to_a_call_as_well() -> None:
    settings = resolve_settings(
        {"model_settings": {"input_audio_format": "g711_ulaw"}}, {"call_id": "call_1"}
    )
    assert settings.session["audio"]["input"]["format"] == ULAW


def test_a_call_and_a_model_are_one_too_many() -> None:
    with pytest.raises(UserError, match="call_id and model_name were both given"):
        resolve_settings({"model_settings": {"model_name": "gpt-realtime"}}, {"call_id": "call_1"})


def test_tracing_is_sent_only_if_it_is_asked_for() -> None:
    assert "tracing" not in resolve_settings().session
    for value in ("auto", None, {"workflow_name": "desk"}):
        assert resolved({"tracing": value}).session == {"tracing": value}
    off = resolve_settings({"model_settings": {"tracing": "auto"}, "tracing_disabled": True})
    assert "tracing" not in off.session
    on = resolve_settings({"model_settings": {"tracing": "auto"}, "tracing_disabled": False})
    assert on.session["tracing"] == "auto"


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("pcm16", PCM),
        ("audio/pcm", PCM),
        ({"type": "audio/pcm"}, PCM),
        ({"type": "audio/pcm", "rate": 16000}, {"type": "audio/pcm", "rate": 16000}),
        (AudioFormat(type="audio/pcmu"), ULAW),
        ("g711_ulaw", ULAW),
        ("pcmu", ULAW),
        ("g711_alaw", {"type": "audio/pcma"}),
    ],
)
def test_a_format_has_several_names(given: Any, sent: Any) -> None:
    settings = resolved({"input_audio_format": given, "audio": {"output": {"format": given}}})
    assert settings.session == {"audio": {"input": {"format": sent}, "output": {"format": sent}}}


def test_keys_of_a_detector_may_be_in_camel_case() -> None:
    given = {
        "type": "server_vad",
        "createResponse": True,
        "interruptResponse": False,
        "prefixPaddingMs": 200,
        "silenceDurationMs": 400,
        "silence_duration_ms": 500,
        "idleTimeoutMs": None,
        "modelVersion": "v2",
        "own_key": 1,
    }
    assert resolved({"turn_detection": given}).session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": False,
        "prefix_padding_ms": 200,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "model_version": "v2",
        "own_key": 1,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"threshold": 0},
        {"threshold": 1.0},
        {"prefix_padding_ms": 0, "silence_duration_ms": 0, "idle_timeout_ms": 0},
        {"eagerness": "auto"},
        {"eagerness": "low"},
        {"eagerness": "medium"},
        {"eagerness": "high"},
        {},
    ],
)
def test_a_detector_is_sent_as_it_is_up_to_the_bounds(given: Any) -> None:
    assert resolved({"turn_detection": given}).session["audio"]["input"]["turn_detection"] == given


def test_a_key_of_a_detector_that_is_given_both_ways_counts_as_the_server_writes_it() -> None:
    for order in (1, -1):
        both = [("silence_duration_ms", 500), ("silenceDurationMs", 400)][::order]
        session = resolved({"turn_detection": dict(both)}).session
        assert session["audio"]["input"]["turn_detection"] == {"silence_duration_ms": 500}


def test_a_detector_may_be_a_model() -> None:
    settings = resolved({"turn_detection": ServerVad(threshold=0.5)})
    detector = {"type": "server_vad", "threshold": 0.5}
    assert settings.session == {"audio": {"input": {"turn_detection": detector}}}


def test_a_tool_may_be_chosen_by_its_name() -> None:
    assert resolved({"tool_choice": "required"}).session == {"tool_choice": "required"}
    chosen = {"type": "function", "name": "weather"}
    assert resolved({"tool_choice": "weather"}).session == {"tool_choice": chosen}
    assert resolved({"tool_choice": chosen}).session == {"tool_choice": chosen}


def test_what_else_is_sent_as_it_is() -> None:
    given: dict[str, Any] = {
        "max_output_tokens": "inf",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
    }
    assert resolved(given).session == given
    assert resolved({"max_output_tokens": 1}).session == {"max_output_tokens": 1}
    assert resolved({"speed": 0.25}).session == {"audio": {"output": {"speed": 0.25}}}
    assert resolved({"voice": {"id": "v"}}).session == {"audio": {"output": {"voice": {"id": "v"}}}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"voise": "ash"}, "model_settings: 'voise' is unknown; there are model_name, "),
        ({"audio": {"in": {}}}, "model_settings: audio: 'in' is unknown; there are input, output"),
        ({"audio": {"output": {"pitch": 1}}}, "audio.output: 'pitch' is unknown"),
        ({"audio": {"input": []}}, r"audio.input must be a dictionary, got \[\]"),
        ({"audio": "x"}, "audio must be a dictionary, got 'x'"),
        ({"input_audio_format": "mp3"}, "audio.input.format='mp3' must be 'pcm16', "),
        ({"input_audio_format": {"type": "audio/pcm", "rate": 0}}, "audio.input.format="),
        ({"input_audio_format": 5}, "audio.input.format=5 must be"),
        ({"speed": 0.2}, "audio.output.speed=0.2 must be a number from 0.25 to 1.5"),
        ({"speed": 1.51}, "audio.output.speed=1.51 must be"),
        ({"speed": True}, "audio.output.speed=True must be"),
        ({"voice": ""}, "audio.output.voice='' must be a name, or"),
        ({"voice": {"name": "x"}}, "audio.output.voice="),
        ({"turn_detection": "server_vad"}, "turn_detection='server_vad' must be a dictionary"),
        ({"turn_detection": {"threshold": 1.1}}, "has threshold=1.1, which must be a number from"),
        ({"turn_detection": {"createResponse": 1}}, "has create_response=1, which must be True"),
        ({"turn_detection": {"silence_duration_ms": -1}}, "silence_duration_ms=-1, which must be"),
        ({"turn_detection": {"threshold": -0.1}}, "has threshold=-0.1, which must be a number"),
        ({"turn_detection": {"threshold": "x"}}, "has threshold='x', which must be a number"),
        ({"turn_detection": {"prefix_padding_ms": True}}, "prefix_padding_ms=True, which must be"),
        ({"turn_detection": {"idle_timeout_ms": 0.5}}, "idle_timeout_ms=0.5, which must be"),
        ({"turn_detection": {"type": 5}}, "has type=5, which must be a text"),
        ({"turn_detection": {"eagerness": "very"}}, "eagerness='very', which must be 'auto'"),
        ({"input_audio_transcription": "whisper-1"}, "audio.input.transcription='whisper-1'"),
        ({"modalities": []}, r"modalities=\[\] must be"),
        ({"modalities": "audio"}, "modalities='audio' must be"),
        ({"output_modalities": ["smell"]}, "output_modalities="),
        ({"max_output_tokens": 0}, "max_output_tokens=0 must be a whole number of at least 1"),
        ({"max_output_tokens": True}, "max_output_tokens=True must be"),
        ({"tool_choice": 5}, "tool_choice=5 must be"),
        ({"tool_choice": ""}, "tool_choice='' must be"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls='no' must be True or False"),
        ({"reasoning": "low"}, "reasoning='low' must be a dictionary"),
        ({"tracing": "on"}, "tracing='on' must be 'auto'"),
        ({"model_name": ""}, "model_name='' must be the name of a model"),
        ({"instructions": 5}, "instructions=5 must be a text"),
        ({"prompt": "pmpt_1"}, "prompt='pmpt_1' needs an 'id'"),
        ({"prompt": {"id": 7}}, "prompt={'id': 7} needs an 'id'"),
        ({"tools": "x"}, "tools='x' must be a list"),
    ],
)
def test_what_can_not_be_meant_is_an_error_that_names_it(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        resolved(given)
    assert isinstance(caught.value, ConfigError)
    with pytest.raises(UserError, match=r"^initial_model_settings"):
        resolved(None, given)


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (
            [{"hold_bak": "all"}],
            "the run config: 'hold_bak' is unknown; there are model_settings, ",
        ),
        ([None, {"api-key": "x"}], "the model config: 'api-key' is unknown; there are api_key, "),
        (["x"], "the run config must be a dictionary, got 'x'"),
        ([{"guardrails_settings": {"debounce": 1}}], "guardrails_settings: 'debounce' is unknown"),
        ([{"tool_execution": {"pre": True}}], "tool_execution: 'pre' is unknown; there are pre_"),
    ],
)
def test_a_config_has_known_keys_only(configs: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolve_settings(*configs)


def test_settings_must_be_a_dictionary() -> None:
    with pytest.raises(UserError, match=r"^model_settings must be a dictionary, got 'x'"):
        resolved("x")


# -- what is sent ----------------------------------------------------------------------------------


def test_the_payload_is_the_whole_session_of_an_agent() -> None:
    tool = {"type": "function", "name": "weather", "parameters": {}}
    settings = resolved({"speed": 1.5, "voice": "ash", "tool_choice": "auto"})
    payload = session_payload(settings, instructions="Be brief.", tools=[tool], voice="marin")
    assert payload == {
        "type": "realtime",
        "instructions": "Be brief.",
        "tools": [tool],
        "tool_choice": "auto",
        "audio": {"output": {"speed": 1.5, "voice": "marin"}},
    }
    assert settings.session["audio"]["output"]["voice"] == "ash"


def test_an_agent_may_bring_models() -> None:
    tool, voice = FunctionTool(name="weather"), Voice(id="voice_1")
    payload = session_payload(resolved(), instructions=None, tools=[tool], voice=voice)
    assert payload["tools"] == [{"type": "function", "name": "weather"}]
    assert payload["audio"]["output"]["voice"] == {"id": "voice_1"}


def test_an_agent_without_instructions_has_none_of_another() -> None:
    assert session_payload(resolved(), instructions=None) == {
        "type": "realtime",
        "instructions": "",
        "tools": [],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": {"version": "1"}}, "the agent: prompt="),
        ({"voice": 5}, "the agent: voice=5 must be a name"),
    ],
)
def test_what_an_agent_can_not_mean(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        session_payload(resolved(), instructions=None, **options)


# -- what has changed ------------------------------------------------------------------------------


def payload(**options: Any) -> dict[str, Any]:
    return session_payload(resolve_settings(), **{"instructions": "a", **options})


def test_nothing_is_sent_where_nothing_has_changed() -> None:
    assert changed_fields(payload(), payload()) == {}


def test_only_what_has_changed_is_sent() -> None:
    tool = {"type": "function", "name": "x"}
    after = payload(instructions="b", tools=[tool], voice="marin")
    assert changed_fields(payload(), after) == {
        "type": "realtime",
        "instructions": "b",
        "tools": [tool],
        "audio": {"output": {"voice": "marin"}},
    }


def test_what_was_not_said_and_is_none_now_is_a_change() -> None:
    after = session_payload(resolved({"turn_detection": None}), instructions="a")
    before = session_payload(resolved(), instructions="a")
    audio = {"input": {"turn_detection": None}}
    assert changed_fields(before, after) == {"type": "realtime", "audio": audio}


def test_changes_count_more_than_what_was_before() -> None:
    before = session_payload(resolved({"voice": "ash", "speed": 1.5}), instructions="a")
    changes = resolved({"voice": "marin"}).session
    assert merged_fields(before, changes) == {
        "type": "realtime",
        "instructions": "a",
        "tools": [],
        "audio": {"output": {"voice": "marin", "speed": 1.5}},
    }


def test_none_is_a_change() -> None:
    after = session_payload(
        resolve_settings({"model_settings": {"turn_detection": None}}), instructions="a"
    )
    audio = {"input": {"turn_detection": None}}
    assert changed_fields(payload(), after) == {"type": "realtime", "audio": audio}


def test_a_detector_is_sent_as_a_whole() -> None:
    detector = {"type": "semantic_vad", "interrupt_response": False}
    after = session_payload(
        resolve_settings({"model_settings": {"turn_detection": detector}}), instructions="a"
    )
    audio = {"input": {"turn_detection": detector}}
    assert changed_fields(payload(), after) == {"type": "realtime", "audio": audio}


def test_a_prompt_is_taken_away_and_nothing_else_is() -> None:
    with_prompt = payload(prompt={"id": "pmpt_1"})
    assert changed_fields(with_prompt, payload()) == {"type": "realtime", "prompt": None}
    assert changed_fields(payload(), with_prompt) == {
        "type": "realtime",
        "prompt": {"id": "pmpt_1"},
    }
    assert changed_fields(payload(), session_payload(resolved(), instructions="a")) == {}


@pytest.mark.parametrize(
    ("update", "reported", "is_so"),
    [
        ({}, {}, True),
        ({"instructions": "a"}, {"instructions": "a", "voice": "b"}, True),
        ({"instructions": "a"}, {"instructions": "b"}, False),
        ({"tools": []}, {"instructions": "b"}, True),
        ({"tools": [{"name": "a"}]}, {"tools": [{"name": "a", "strict": None}]}, True),
        ({"tools": [{"name": "a"}]}, {"tools": [{"name": "b"}]}, False),
        ({"tools": [{"name": "a"}]}, {"tools": "a"}, False),
        ({"tools": [{"name": "a"}]}, {"tools": 7}, False),
        ({"tools": [{"server_label": "a"}]}, {"tools": [{"server_label": "a"}]}, True),
        ({"tools": [{"server_label": "a"}]}, {"tools": [{"server_label": "b"}]}, False),
    ],
)
def test_what_a_server_reports_of_an_agent(
    update: dict[str, Any], reported: dict[str, Any], is_so: bool
) -> None:
    assert is_reported(update, reported) is is_so
