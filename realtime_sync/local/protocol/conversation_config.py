"""The session's configuration: defaults, what a ``session.update`` may hold, and how it merges.

Only fields that are present change. ``null`` turns off what can be off (turn detection,
transcription, noise reduction, tracing, the prompt) and restores any other field's default.
``noise_reduction``, ``reasoning``, ``tracing``, ``truncation`` and ``prompt`` are accepted and
shown, but change nothing: this server has no use for them.
"""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..._types import JsonDict
from .validation import Strict, check, not_among, refuse, wrong_type
from .wire import fault

__all__ = [
    "AudioOutputFields",
    "CommonFields",
    "NoiseReductionFields",
    "default_session",
    "merge_session",
    "start_session",
]

# Those of the provider. Any other is a custom one, by its id, which the synthesizer gets to see.
_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo"),
    *("sage", "shimmer", "verse", "marin", "cedar"),
)


def _max_output_tokens(value: Any) -> Any:
    if value is None or value == "inf":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096:
        raise refuse("expected an integer from 1 to 4096 or 'inf'")
    return value


def _voice(value: Any) -> Any:
    if isinstance(value, str) and value not in _VOICES:
        raise not_among(_VOICES)
    custom = value.get("id") if isinstance(value, dict) and set(value) == {"id"} else None
    if not (value is None or isinstance(value, str)) and not (
        isinstance(custom, str) and 1 <= len(custom) <= 128
    ):
        raise refuse("expected the name of a voice or {'id': '...'}")
    return value


def _modalities(value: list[str] | None) -> list[str] | None:
    if value is not None and len(value) != 1:
        raise refuse("expected ['text'] or ['audio']")
    return value


def _tool_choice(value: Any) -> Any:
    if value is None or value in ("none", "auto", "required"):
        return value
    if isinstance(value, dict) and value.get("type") == "function" and value.get("name"):
        return value
    raise refuse("expected 'none', 'auto', 'required' or {'type': 'function', 'name': '...'}")


def _function_only(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "mcp":
        raise refuse("this server has no mcp tools; expected a tool of type 'function'")
    return value


class _Pcm(Strict):
    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class _Pcmu(Strict):
    type: Literal["audio/pcmu"]


class _Pcma(Strict):
    type: Literal["audio/pcma"]


_Format = Annotated[_Pcm | _Pcmu | _Pcma, Field(discriminator="type")]


class NoiseReductionFields(Strict):
    """How the microphone's sound is to be cleaned."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = Field(default=None, ge=0)


class _Transcription(Strict):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class _ServerVad(Strict):
    type: Literal["server_vad"]
    threshold: float | None = Field(default=None, ge=0, le=1)
    prefix_padding_ms: int | None = Field(default=None, ge=0, le=5_000)
    silence_duration_ms: int | None = Field(default=None, ge=0, le=60_000)
    idle_timeout_ms: int | None = Field(default=None, ge=1_000, le=600_000)
    create_response: bool | None = None
    interrupt_response: bool | None = None


class _SemanticVad(Strict):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


_TurnDetection = Annotated[_ServerVad | _SemanticVad, Field(discriminator="type")]


class _AudioInput(Strict):
    format: _Format | None = None
    noise_reduction: NoiseReductionFields | None = None
    transcription: _Transcription | None = None
    turn_detection: _TurnDetection | None = None


class AudioOutputFields(Strict):
    """The sound of an answer, for a session or for one response."""

    format: _Format | None = None
    voice: Annotated[Any, AfterValidator(_voice)] = None


class _SessionAudioOutput(AudioOutputFields):
    speed: float | None = Field(default=None, ge=0.25, le=1.5)


class _SessionAudio(Strict):
    input: _AudioInput | None = None
    output: _SessionAudioOutput | None = None


class _FunctionTool(Strict):
    type: Literal["function"]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


_Tool = Annotated[_FunctionTool, BeforeValidator(_function_only)]


class _Prompt(Strict):
    id: str
    version: str | None = None
    variables: dict[str, Any] | None = None


class _Reasoning(Strict):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class CommonFields(Strict):
    """What a session and a single response have in common."""

    instructions: str | None = None
    max_output_tokens: Annotated[Any, AfterValidator(_max_output_tokens)] = None
    output_modalities: Annotated[
        list[Literal["text", "audio"]] | None, AfterValidator(_modalities)
    ] = None
    parallel_tool_calls: bool | None = None
    prompt: _Prompt | None = None
    reasoning: _Reasoning | None = None
    tool_choice: Annotated[Any, AfterValidator(_tool_choice)] = None
    tools: Annotated[list[_Tool] | None, Field(max_length=1_000)] = None  # each costs some 20 µs


class _Realtime(CommonFields):
    type: Literal["realtime"]
    model: str | None = None
    audio: _SessionAudio | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    # Both are for the provider's own services; any value it would take is taken here.
    tracing: Literal["auto"] | dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | dict[str, Any] | None = None


class _TranscriptionAudio(Strict):
    input: _AudioInput | None = None


class _TranscriptionSession(Strict):
    type: Literal["transcription"]
    audio: _TranscriptionAudio | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None


_PCM = {"type": "audio/pcm", "rate": 24000}
_TURN_DETECTION: dict[str, JsonDict] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}
_OFF_BY_NULL = {
    "audio.input.turn_detection",
    "audio.input.transcription",
    "audio.input.noise_reduction",
    "tracing",
    "prompt",
    "include",
}
_MERGED = {
    "audio",
    "audio.input",
    "audio.output",
    "audio.input.transcription",
    "audio.input.noise_reduction",
}


def default_session(type: str, *, model: str | None = None) -> JsonDict:
    """Return the configuration that a new session of ``type`` starts with."""
    hearing = {
        "format": dict(_PCM),
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(_TURN_DETECTION["server_vad"]),
    }
    if type == "transcription":
        hearing["transcription"] = {"model": "gpt-4o-transcribe"}
        return {"type": type, "audio": {"input": hearing}, "include": None}
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": hearing,
            "output": {"format": dict(_PCM), "voice": "alloy", "speed": 1.0},
        },
    }


def start_session(given: Any, *, default_model: str | None) -> JsonDict:
    """Return the configuration of a session that is described before it is opened.

    Args:
        given: as for ``session.update``, unchecked.
        default_model: where it names none.

    Raises:
        ServerError: it breaks a rule.
    """
    transcribing = isinstance(given, dict) and given.get("type") == "transcription"
    named = given.get("model") if isinstance(given, dict) else None
    base = default_session(
        "transcription" if transcribing else "realtime",
        model=default_model if named is None else named,
    )
    return merge_session(base, given, spoken=False)


def merge_session(current: JsonDict, update: Any, *, spoken: bool) -> JsonDict:
    """Return the configuration after a ``session.update``.

    Args:
        current: the effective configuration; it is not changed.
        update: the ``session`` of the client's event, unchecked.
        spoken: whether the session has produced audio, after which the voice is fixed.

    Raises:
        ServerError: the update breaks a rule; nothing changes then.
    """
    if not isinstance(update, dict):
        raise wrong_type("session", "an object", update)
    transcribing = update.get("type") == "transcription"
    patch = check(_TranscriptionSession if transcribing else _Realtime, update, "session")
    wanted: str = patch["type"]
    model_name = patch.get("model")
    if model_name is not None and model_name != current.get("model", model_name):
        raise fault(
            f"The model of a session cannot be changed: it is '{current['model']}', "
            f"and the update asks for '{model_name}'. Open another session instead.",
            code="cannot_update_model",
            param="session.model",
        )
    base = current
    if wanted != current["type"]:
        base = default_session(wanted, model=current.get("model"))
        base["audio"]["input"] = current["audio"]["input"]
    defaults = default_session(wanted, model=base.get("model"))
    merged = _merge(base, patch, defaults, "")
    if spoken and _voice_of(merged) != _voice_of(current):
        raise fault(
            "Cannot update a conversation's voice if assistant audio is present.",
            code="cannot_update_voice",
            param="session.audio.output.voice",
        )
    return merged


def _merge(current: JsonDict, patch: JsonDict, defaults: JsonDict, path: str) -> JsonDict:
    """Return ``current`` with ``patch``; what neither changes are the same objects as before."""
    current = dict(current)
    for key, value in patch.items():
        here = f"{path}.{key}" if path else key
        default = defaults.get(key)
        if value is None:
            current[key] = None if here in _OFF_BY_NULL else copy.deepcopy(default)
            if current[key] is None and key not in defaults:
                del current[key]
        elif here == "audio.input.turn_detection":
            current[key] = _merge_turn_detection(current[key], value)
        elif here in _MERGED:
            inner = default if isinstance(default, dict) else {}
            current[key] = _merge(current.get(key) or {}, value, inner, here)
        else:
            current[key] = value
    return current


def _merge_turn_detection(current: JsonDict | None, patch: JsonDict) -> JsonDict:
    """Keep what is set while the type stays, start from the defaults when it changes."""
    defaults = _TURN_DETECTION[patch["type"]]
    same = current is not None and current["type"] == patch["type"]
    merged = dict(current) if same and current is not None else dict(defaults)
    for key, value in patch.items():
        merged[key] = defaults[key] if value is None else value
    return merged


def _voice_of(session: JsonDict) -> Any:
    return session["audio"].get("output", {}).get("voice")
