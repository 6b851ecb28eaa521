"""The configuration of sessions and responses as typed dictionaries, under the peers' names.

They are plain dictionaries at run time: what they hold goes to the server as it is. `config` has
the same shapes as values; every place that takes one takes the other.

Example:
    >>> session: RealtimeSessionCreateRequestParam = {
    ...     "type": "realtime",
    ...     "output_modalities": ["audio"],
    ...     "audio": {
    ...         "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 400}},
    ...         "output": {"voice": "marin"},
    ...     },
    ... }
    >>> from realtime_sync.events import SessionUpdate
    >>> SessionUpdate(session=session).session.audio.output.voice
    'marin'
"""

from __future__ import annotations

from typing import Literal

from .._typing import Required, TypedDict
from ._item_params import (
    AssistantContentParam,
    ConversationItemParam,
    McpApprovalRequestParam,
    McpApprovalResponseParam,
    McpCallParam,
    McpErrorParam,
    McpListedToolParam,
    McpListToolsParam,
    RealtimeConversationItemAssistantMessageParam,
    RealtimeConversationItemFunctionCallOutputParam,
    RealtimeConversationItemFunctionCallParam,
    RealtimeConversationItemSystemMessageParam,
    RealtimeConversationItemUserMessageParam,
    RealtimeMcphttpErrorParam,
    RealtimeMcpProtocolErrorParam,
    RealtimeMcpToolExecutionErrorParam,
    ResponseItemReferenceParam,
    SystemContentParam,
    UserContentParam,
)
from ._tool_params import (
    McpToolApprovalParam,
    McpToolFilterParam,
    McpToolParam,
    PromptCacheBreakpointParam,
    PromptVariableParam,
    RealtimeFunctionToolParam,
    RealtimeReasoningParam,
    RealtimeTruncationRetentionRatioParam,
    ResponseInputFileParam,
    ResponseInputImageParam,
    ResponseInputTextParam,
    ResponsePromptParam,
    TokenLimitsParam,
    ToolChoiceFunctionParam,
    ToolChoiceMcpParam,
    TracingConfigurationParam,
)
from .config import NoiseReductionType

__all__ = [
    "AssistantContentParam",
    "AudioFormatParam",
    "AudioTranscriptionParam",
    "ConversationItemParam",
    "McpApprovalRequestParam",
    "McpApprovalResponseParam",
    "McpCallParam",
    "McpErrorParam",
    "McpListToolsParam",
    "McpListedToolParam",
    "McpToolApprovalParam",
    "McpToolFilterParam",
    "McpToolParam",
    "NoiseReductionParam",
    "PromptCacheBreakpointParam",
    "PromptVariableParam",
    "RealtimeAudioConfigInputParam",
    "RealtimeAudioConfigOutputParam",
    "RealtimeAudioConfigParam",
    "RealtimeConversationItemAssistantMessageParam",
    "RealtimeConversationItemFunctionCallOutputParam",
    "RealtimeConversationItemFunctionCallParam",
    "RealtimeConversationItemSystemMessageParam",
    "RealtimeConversationItemUserMessageParam",
    "RealtimeFunctionToolParam",
    "RealtimeMcpProtocolErrorParam",
    "RealtimeMcpToolExecutionErrorParam",
    "RealtimeMcphttpErrorParam",
    "RealtimeReasoningParam",
    "RealtimeResponseCreateAudioOutputParam",
    "RealtimeResponseCreateParamsParam",
    "RealtimeSessionCreateRequestParam",
    "RealtimeTranscriptionSessionAudioParam",
    "RealtimeTranscriptionSessionCreateRequestParam",
    "RealtimeTranslationSessionCreateRequestParam",
    "RealtimeTranslationSessionUpdateRequestParam",
    "RealtimeTruncationRetentionRatioParam",
    "ResponseAudioOutputParam",
    "ResponseCreateParams",
    "ResponseInputFileParam",
    "ResponseInputImageParam",
    "ResponseInputTextParam",
    "ResponseItemReferenceParam",
    "ResponsePromptParam",
    "SemanticVadParam",
    "ServerVadParam",
    "SessionParam",
    "SystemContentParam",
    "TokenLimitsParam",
    "ToolChoiceFunctionParam",
    "ToolChoiceMcpParam",
    "TracingConfigurationParam",
    "TranslationAudioInputParam",
    "TranslationAudioOutputParam",
    "TranslationAudioParam",
    "TranslationTranscriptionParam",
    "UserContentParam",
    "VoiceParam",
]

# -- audio ---------------------------------------------------------------------------------------


class AudioFormatParam(TypedDict, total=False):
    """``audio/pcm`` (with ``rate`` 24000), ``audio/pcmu`` or ``audio/pcma``."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Literal[24000]


class NoiseReductionParam(TypedDict, total=False):
    """The filter before turn detection and recognition."""

    type: NoiseReductionType
    strength: float


class AudioTranscriptionParam(TypedDict, total=False):
    """How the user's speech is written down."""

    model: str
    language: str
    languages: list[str]
    prompt: str
    keywords: list[str]
    delay: Literal["minimal", "low", "medium", "high", "xhigh"]


class ServerVadParam(TypedDict, total=False):
    """Turn detection by silence."""

    type: Required[Literal["server_vad"]]
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    idle_timeout_ms: int | None
    create_response: bool
    interrupt_response: bool


class SemanticVadParam(TypedDict, total=False):
    """Turn detection by what was said."""

    type: Required[Literal["semantic_vad"]]
    eagerness: Literal["low", "medium", "high", "auto"]
    create_response: bool
    interrupt_response: bool


class VoiceParam(TypedDict, total=False):
    """A custom voice by its identifier."""

    id: Required[str]


class RealtimeAudioConfigInputParam(TypedDict, total=False):
    """What happens to the user's audio; None turns a stage off."""

    format: AudioFormatParam
    noise_reduction: NoiseReductionParam | None
    transcription: AudioTranscriptionParam | None
    turn_detection: ServerVadParam | SemanticVadParam | None


class RealtimeAudioConfigOutputParam(TypedDict, total=False):
    """How the model speaks; ``speed`` is 0.25 to 1.5."""

    format: AudioFormatParam
    speed: float
    voice: str | VoiceParam


class RealtimeAudioConfigParam(TypedDict, total=False):
    """Both directions of a session's audio."""

    input: RealtimeAudioConfigInputParam
    output: RealtimeAudioConfigOutputParam


# -- sessions ------------------------------------------------------------------------------------


class RealtimeSessionCreateRequestParam(TypedDict, total=False):
    """A spoken or written conversation with a model."""

    type: Required[Literal["realtime"]]
    audio: RealtimeAudioConfigParam
    include: list[Literal["item.input_audio_transcription.logprobs"]]
    instructions: str
    max_output_tokens: int | Literal["inf"]
    model: str
    output_modalities: list[Literal["text", "audio"]]
    parallel_tool_calls: bool
    prompt: ResponsePromptParam | None
    reasoning: RealtimeReasoningParam
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceFunctionParam | ToolChoiceMcpParam
    tools: list[RealtimeFunctionToolParam | McpToolParam]
    tracing: Literal["auto"] | TracingConfigurationParam | None
    truncation: Literal["auto", "disabled"] | RealtimeTruncationRetentionRatioParam


class RealtimeTranscriptionSessionAudioParam(TypedDict, total=False):
    """The audio of a session that only listens."""

    input: RealtimeAudioConfigInputParam


class RealtimeTranscriptionSessionCreateRequestParam(TypedDict, total=False):
    """A session that writes down what is said, and does not answer."""

    type: Required[Literal["transcription"]]
    audio: RealtimeTranscriptionSessionAudioParam
    include: list[Literal["item.input_audio_transcription.logprobs"]]


class TranslationTranscriptionParam(TypedDict, total=False):
    """The transcriber of a translation session."""

    model: Required[str]


class TranslationAudioInputParam(TypedDict, total=False):
    """What happens to the audio that is translated; None turns a stage off."""

    noise_reduction: NoiseReductionParam | None
    transcription: TranslationTranscriptionParam | None


class TranslationAudioOutputParam(TypedDict, total=False):
    """The language that a translation session speaks."""

    language: str


class TranslationAudioParam(TypedDict, total=False):
    """Both directions of a translation session's audio."""

    input: TranslationAudioInputParam
    output: TranslationAudioOutputParam


class RealtimeTranslationSessionCreateRequestParam(TypedDict, total=False):
    """A session that speaks the user's words in another language."""

    model: Required[str]
    audio: TranslationAudioParam


class RealtimeTranslationSessionUpdateRequestParam(TypedDict, total=False):
    """What can be changed in a translation session."""

    audio: TranslationAudioParam


# -- responses -----------------------------------------------------------------------------------


class ResponseAudioOutputParam(TypedDict, total=False):
    """The audio format and voice of one response."""

    format: AudioFormatParam
    voice: str | VoiceParam


class RealtimeResponseCreateAudioOutputParam(TypedDict, total=False):
    """The audio configuration of one response."""

    output: ResponseAudioOutputParam


class RealtimeResponseCreateParamsParam(TypedDict, total=False):
    """What ``response.create`` may ask for, overriding the session for one response."""

    audio: RealtimeResponseCreateAudioOutputParam
    conversation: str
    input: list[ConversationItemParam]
    instructions: str
    max_output_tokens: int | Literal["inf"]
    metadata: dict[str, str] | None
    output_modalities: list[Literal["text", "audio"]]
    parallel_tool_calls: bool
    prompt: ResponsePromptParam | None
    reasoning: RealtimeReasoningParam
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceFunctionParam | ToolChoiceMcpParam
    tools: list[RealtimeFunctionToolParam | McpToolParam]


# What `session.update` and `response.create` take as dictionaries.
SessionParam = (
    RealtimeSessionCreateRequestParam
    | RealtimeTranscriptionSessionCreateRequestParam
    | RealtimeTranslationSessionUpdateRequestParam
)
ResponseCreateParams = RealtimeResponseCreateParamsParam
