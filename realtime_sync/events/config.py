"""The parts that the configuration of sessions and responses is made of, as values.

`sessions` has the same shapes as typed dictionaries; every place that takes one takes the other.
"""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from .base import Model, listed, load, nested, nullable, one, tagged

__all__ = [
    "AudioConfig",
    "AudioFormat",
    "AudioInput",
    "AudioOutput",
    "FunctionTool",
    "McpTool",
    "McpToolApproval",
    "McpToolFilter",
    "NoiseReduction",
    "Prompt",
    "Reasoning",
    "RetentionRatio",
    "SemanticVad",
    "ServerVad",
    "TokenLimits",
    "Tool",
    "ToolChoice",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
    "Tracing",
    "Transcription",
    "TurnDetection",
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


# How the server finds the turns of the user.
TurnDetection = ServerVad | SemanticVad


def load_turn_detection(value: Any) -> Any:
    """Return the detector for a wire form; unknown types and other values pass through."""
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
    turn_detection: TurnDetection | None = nullable(load_turn_detection)


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


# A tool of a session: a function of the program's, or an MCP server.
Tool = FunctionTool | McpTool
# Which tool the model is to call.
ToolChoice = Literal["none", "auto", "required"] | ToolChoiceFunction | ToolChoiceMcp
load_tools = listed(tagged({"function": FunctionTool, "mcp": McpTool}))
load_tool_choice = tagged({"function": ToolChoiceFunction, "mcp": ToolChoiceMcp})
