"""The configuration of sessions and responses, as values.

`sessions` has the same shapes as typed dictionaries; every place that takes one takes the other.
"""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from attrs import frozen

from ._base import Model, listed, load, nested, nullable, one, tagged
from .items import ConversationItem, load_items

__all__ = [
    "AudioConfig",
    "AudioFormat",
    "AudioInput",
    "AudioOutput",
    "BetaSession",
    "FunctionTool",
    "McpTool",
    "McpToolApproval",
    "McpToolFilter",
    "NoiseReduction",
    "Prompt",
    "Reasoning",
    "ResponseCreateParams",
    "RetentionRatio",
    "SemanticVad",
    "ServerVad",
    "Session",
    "SessionConfig",
    "TokenLimits",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "Tracing",
    "Transcription",
    "TranscriptionSession",
    "TranslationAudio",
    "TranslationAudioOutput",
    "TranslationSession",
    "TranslationSessionUpdate",
    "Voice",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AudioFormat(Model):
    """The encoding of audio on the wire.

    Attributes:
        type: ``audio/pcm`` (int16 mono, little-endian), ``audio/pcmu`` (µ-law) or
            ``audio/pcma`` (A-law), both 8 kHz.
        rate: samples per second, for ``audio/pcm``: 24000.
    """

    type: str | None = None
    rate: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class NoiseReduction(Model):
    """The filter before turn detection and recognition."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Transcription(Model):
    """How the user's speech is written down.

    Attributes:
        language: one ISO-639-1 code; ``languages`` are several that may occur.
        delay: how long the transcriber may wait for certainty.
    """

    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ServerVad(Model):
    """Turn detection by silence.

    Example:
        >>> ServerVad(threshold=0.6, silence_duration_ms=400).to_dict()
        {'type': 'server_vad', 'threshold': 0.6, 'silence_duration_ms': 400}
    """

    type: Literal["server_vad"] = "server_vad"
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    idle_timeout_ms: int | None = nullable()
    create_response: bool | None = None
    interrupt_response: bool | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SemanticVad(Model):
    """Turn detection by what was said: has the speaker finished?"""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


TurnDetection = ServerVad | SemanticVad


def _load_turn_detection(value: Any) -> Any:
    # Transcription sessions may send their VAD without a type.
    if isinstance(value, Mapping) and value.get("type") is None:
        return load(ServerVad, value)
    return _turn_detection(value)


_turn_detection = tagged({"server_vad": ServerVad, "semantic_vad": SemanticVad})


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Voice(Model):
    """A custom voice by its identifier."""

    id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AudioInput(Model):
    """What happens to the user's audio; ``None`` turns a stage off."""

    format: AudioFormat | None = nested(one(AudioFormat))
    noise_reduction: NoiseReduction | None = nullable(one(NoiseReduction))
    transcription: Transcription | None = nullable(one(Transcription))
    turn_detection: TurnDetection | None = nullable(_load_turn_detection)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AudioOutput(Model):
    """How the model speaks.

    Attributes:
        speed: 0.25 to 1.5, 1.0 is the voice's own.
    """

    format: AudioFormat | None = nested(one(AudioFormat))
    speed: float | None = None
    voice: str | Voice | None = nested(one(Voice))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class AudioConfig(Model):
    """Both directions of a session's audio."""

    input: AudioInput | None = nested(one(AudioInput))
    output: AudioOutput | None = nested(one(AudioOutput))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class FunctionTool(Model):
    """A function of the client's that the model may call.

    Attributes:
        parameters: a JSON schema.
    """

    type: Literal["function"] = "function"
    name: str | None = None
    description: str | None = None
    parameters: Any | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpToolFilter(Model):
    """Selects tools of an MCP server."""

    read_only: bool | None = None
    tool_names: list[str] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpToolApproval(Model):
    """Which tools of an MCP server need the client's leave."""

    always: McpToolFilter | None = nested(one(McpToolFilter))
    never: McpToolFilter | None = nested(one(McpToolFilter))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpTool(Model):
    """An MCP server whose tools the realtime server calls itself."""

    type: Literal["mcp"] = "mcp"
    server_label: str
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = nullable()
    allowed_tools: list[str] | McpToolFilter | None = nullable(one(McpToolFilter))
    require_approval: McpToolApproval | Literal["always", "never"] | None = nullable(
        one(McpToolApproval)
    )
    allowed_callers: list[Literal["direct", "programmatic"]] | None = nullable()
    defer_loading: bool | None = None
    server_description: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ToolChoiceFunction(Model):
    """The model must call this function."""

    type: Literal["function"] = "function"
    name: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ToolChoiceMcp(Model):
    """The model must call this MCP server, or this tool of it."""

    type: Literal["mcp"] = "mcp"
    server_label: str
    name: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Prompt(Model):
    """A prompt template that is stored at the provider."""

    id: str
    version: str | None = None
    variables: dict[str, Any] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Reasoning(Model):
    """How much a reasoning model thinks before it speaks."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Tracing(Model):
    """Where the provider files the session's trace."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Any | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TokenLimits(Model):
    """How long the conversation after the instructions may get, in tokens."""

    post_instructions: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class RetentionRatio(Model):
    """Truncate the conversation to this fraction (0 to 1) when it grows too long."""

    type: Literal["retention_ratio"] = "retention_ratio"
    retention_ratio: float
    token_limits: TokenLimits | None = nested(one(TokenLimits))


Tool = FunctionTool | McpTool
ToolChoice = Literal["none", "auto", "required"] | ToolChoiceFunction | ToolChoiceMcp
_tools = listed(tagged({"function": FunctionTool, "mcp": McpTool}))
_tool_choice = tagged({"function": ToolChoiceFunction, "mcp": ToolChoiceMcp})


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
    tools: list[Tool] | None = nested(_tools)
    tool_choice: ToolChoice | None = nested(_tool_choice)
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
        type: ``"transcription"`` for a session of ``transcription_session.*`` events.
        turn_detection: None turns it off, as it does for the other stages.
    """

    type: str | None = None
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
    turn_detection: TurnDetection | None = nullable(_load_turn_detection)
    tools: list[Tool] | None = nested(_tools)
    tool_choice: str | None = None
    temperature: float | None = None
    max_response_output_tokens: int | Literal["inf"] | None = None
    tracing: Literal["auto"] | Tracing | None = nullable(one(Tracing))
    client_secret: dict[str, Any] | None = None
    include: list[str] | None = None


SessionConfig = (
    Session | TranscriptionSession | TranslationSession | TranslationSessionUpdate | BetaSession
)

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
    if not _FLAT.isdisjoint(value):
        return load(BetaSession, value)
    kind = value.get("type")
    cls = _SESSIONS.get(kind) if isinstance(kind, str) else None
    return load(cls or Session, value)


def as_session(value: SessionConfig | Mapping[str, Any]) -> SessionConfig:
    """Return the session for a wire form; a session passes through.

    Example:
        >>> as_session({"type": "transcription"})
        TranscriptionSession()
    """
    return cast("SessionConfig", load_session(value))


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
    tools: list[Tool] | None = nested(_tools)
    tool_choice: ToolChoice | None = nested(_tool_choice)
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
