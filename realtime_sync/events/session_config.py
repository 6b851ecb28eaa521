"""The configuration of sessions and of single responses, as values.

`sessions` has the same shapes as typed dictionaries; every place that takes one takes the other.
"""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from attrs import frozen

from .base import Model, load, nested, nullable, one
from .config import (
    AudioConfig,
    AudioInput,
    NoiseReduction,
    Prompt,
    Reasoning,
    RetentionRatio,
    Tool,
    ToolChoice,
    Tracing,
    Transcription,
    TurnDetection,
    load_tool_choice,
    load_tools,
    load_turn_detection,
)
from .items import ConversationItem, load_items

__all__ = [
    "BetaSession",
    "ResponseCreateParams",
    "Session",
    "SessionConfig",
    "TranscriptionSession",
    "TranslationAudio",
    "TranslationAudioOutput",
    "TranslationSession",
    "TranslationSessionUpdate",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Session(Model):
    """A spoken or written conversation with a model.

    Example:
        >>> session = Session(instructions="be brief", output_modalities=["text"])
        >>> session.to_dict()
        {'type': 'realtime', 'output_modalities': ['text'], 'instructions': 'be brief'}

    Attributes:
        id: given by the server, as are ``object`` and ``expires_at`` (seconds since 1970).
        max_output_tokens: 1 to 4096, or ``"inf"``.
    """

    type: Literal["realtime"] = "realtime"
    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    model: str | None = None
    output_modalities: list[Literal["text", "audio"]] | None = None
    instructions: str | None = None
    audio: AudioConfig | None = nested(one(AudioConfig))
    tools: list[Tool] | None = nested(load_tools)
    tool_choice: ToolChoice | None = nested(load_tool_choice)
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    reasoning: Reasoning | None = nested(one(Reasoning))
    prompt: Prompt | None = nullable(one(Prompt))
    tracing: Literal["auto"] | Tracing | None = nullable(one(Tracing))
    truncation: Literal["auto", "disabled"] | RetentionRatio | None = nested(one(RetentionRatio))
    include: list[str] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionSession(Model):
    """A session that writes down what is said, and does not answer."""

    type: Literal["transcription"] = "transcription"
    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    audio: AudioConfig | None = nested(one(AudioConfig))
    include: list[str] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranslationAudioOutput(Model):
    """The language that a translation session speaks."""

    language: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranslationAudio(Model):
    """Both directions of a translation session's audio."""

    input: AudioInput | None = nested(one(AudioInput))
    output: TranslationAudioOutput | None = nested(one(TranslationAudioOutput))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranslationSession(Model):
    """A session that speaks the user's words in another language."""

    type: Literal["translation"] = "translation"
    id: str | None = None
    expires_at: int | None = None
    model: str | None = None
    audio: TranslationAudio | None = nested(one(TranslationAudio))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranslationSessionUpdate(Model):
    """What can be changed in a translation session; its wire form has no type.

    Example:
        >>> TranslationSessionUpdate(audio={"output": {"language": "fr"}}).to_dict()
        {'audio': {'output': {'language': 'fr'}}}
    """

    audio: TranslationAudio | None = nested(one(TranslationAudio))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class BetaSession(Model):
    """The flat session of the beta protocol, which other providers still speak.

    Attributes:
        type: ``"transcription"`` for a session of ``transcription_session.*`` events, else None.
        turn_detection: None turns it off, as it does for the other stages.
    """

    type: Literal["transcription"] | None = None
    id: str | None = None
    model: str | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    instructions: str | None = None
    voice: str | None = None
    speed: float | None = None
    input_audio_format: str | None = None
    output_audio_format: str | None = None
    input_audio_noise_reduction: NoiseReduction | None = nullable(one(NoiseReduction))
    input_audio_transcription: Transcription | None = nullable(one(Transcription))
    turn_detection: TurnDetection | None = nullable(load_turn_detection)
    tools: list[Tool] | None = nested(load_tools)
    tool_choice: str | None = None
    temperature: float | None = None
    max_response_output_tokens: int | Literal["inf"] | None = None
    tracing: Literal["auto"] | Tracing | None = nullable(one(Tracing))
    client_secret: dict[str, Any] | None = None
    include: list[str] | None = None


# A session's configuration: of a conversation, a transcription, a translation, or the beta's.
SessionConfig = Session | TranscriptionSession | TranslationSession | BetaSession

_SESSIONS: dict[Any, type[Model]] = {
    "realtime": Session,
    "transcription": TranscriptionSession,
    "translation": TranslationSession,
}
# Top-level fields that only the beta's flat sessions have.
_FLAT = frozenset(
    {
        "input_audio_format",
        "input_audio_noise_reduction",
        "input_audio_transcription",
        "max_response_output_tokens",
        "modalities",
        "output_audio_format",
        "temperature",
        "turn_detection",
        "voice",
    }
)


def load_session(value: Any) -> Any:
    """Return the session for a wire form: by its type, else by its shape."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type")
    if kind in (None, "transcription") and not _FLAT.isdisjoint(value):
        return load(BetaSession, value)
    cls = _SESSIONS.get(kind) if isinstance(kind, str) else None
    return load(cls or Session, value)


def as_session(value: SessionConfig | Mapping[str, Any]) -> SessionConfig:
    """Return the session for a wire form; a session passes through.

    Example:
        >>> as_session({"type": "transcription"})
        TranscriptionSession()
    """
    return cast("SessionConfig", load_session(value))


def as_session_update(
    value: SessionConfig | TranslationSessionUpdate | Mapping[str, Any],
) -> SessionConfig | TranslationSessionUpdate:
    """Return the session for a wire form; values pass through."""
    return cast("SessionConfig | TranslationSessionUpdate", load_session(value))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseCreateParams(Model):
    """What ``response.create`` may ask for, overriding the session for one response.

    Example:
        >>> ResponseCreateParams(conversation="none", metadata={"topic": "intent"}).to_dict()
        {'conversation': 'none', 'metadata': {'topic': 'intent'}}

    Attributes:
        conversation: ``"none"`` keeps the response out of the conversation.
        input: the items to answer instead of the conversation; `ItemReference` is allowed.
    """

    conversation: str | None = None
    input: list[ConversationItem] | None = nested(load_items)
    instructions: str | None = None
    output_modalities: list[Literal["text", "audio"]] | None = None
    audio: AudioConfig | None = nested(one(AudioConfig))
    tools: list[Tool] | None = nested(load_tools)
    tool_choice: ToolChoice | None = nested(load_tool_choice)
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    reasoning: Reasoning | None = nested(one(Reasoning))
    prompt: Prompt | None = nullable(one(Prompt))
    metadata: dict[str, str] | None = nullable()


_params = one(ResponseCreateParams)


def as_response_params(
    value: ResponseCreateParams | Mapping[str, Any] | None,
) -> ResponseCreateParams | None:
    """Return the parameters for a wire form; parameters and None pass through."""
    return cast("ResponseCreateParams | None", _params(value))
