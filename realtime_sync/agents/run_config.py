"""The settings of sessions and runs, and what users send, as typed dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from .._typing import Required, TypedDict
from ..events import ResponsePromptParam
from ..voice import IdleRule, Interruptions
from .agent import RealtimeAgent
from .function_tools import Tool, ToolErrorFormatterArgs
from .guardrails import InputGuardrail, OutputGuardrail
from .handoffs import Handoff
from .hooks import RealtimeRunHooks

__all__ = [
    "RealtimeAudioConfig",
    "RealtimeAudioFormat",
    "RealtimeAudioInputConfig",
    "RealtimeAudioOutputConfig",
    "RealtimeClientMessage",
    "RealtimeCustomVoice",
    "RealtimeGuardrailsSettings",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeModelName",
    "RealtimeModelTracingConfig",
    "RealtimeReasoningConfig",
    "RealtimeReasoningEffort",
    "RealtimeRunConfig",
    "RealtimeSessionModelSettings",
    "RealtimeToolExecutionConfig",
    "RealtimeTurnDetectionConfig",
    "RealtimeUserInput",
    "RealtimeUserInputImage",
    "RealtimeUserInputMessage",
    "RealtimeUserInputText",
    "RealtimeVoice",
]

# Names that an editor offers; any other is fine as well.
RealtimeModelName = (
    Literal[
        "gpt-realtime",
        "gpt-realtime-1.5",
        "gpt-realtime-2",
        "gpt-realtime-2.1",
        "gpt-realtime-2.1-mini",
        "gpt-realtime-mini",
    ]
    | str
)
# A format of sound, by its short name or as the protocol has it.
RealtimeAudioFormat = Literal["pcm16", "g711_ulaw", "g711_alaw"] | str | Mapping[str, Any]
# How much a model thinks before it answers.
RealtimeReasoningEffort = Literal["minimal", "low", "medium", "high", "xhigh"] | str


class RealtimeCustomVoice(TypedDict):
    """A voice of one's own, by its identifier."""

    id: str


# A voice, by its name, or one of your own by its id.
RealtimeVoice = str | RealtimeCustomVoice | Mapping[str, Any]


# -- the session's model ---------------------------------------------------------------------------


class RealtimeInputAudioTranscriptionConfig(TypedDict, total=False):
    """How the user's speech is written down.

    ``language`` is one code, such as "de"; ``languages`` are several that may occur, ``keywords``
    words that may. ``delay`` is how long the transcriber may wait for certainty.
    """

    model: str
    language: str
    languages: list[str]
    prompt: str
    keywords: list[str]
    delay: Literal["minimal", "low", "medium", "high", "xhigh"]


class RealtimeInputAudioNoiseReductionConfig(TypedDict, total=False):
    """The filter before turn detection and recognition."""

    type: Literal["near_field", "far_field"]


class RealtimeTurnDetectionConfig(TypedDict, total=False):
    """How the server finds the turns of the user.

    A detector of the server's own may take other keys; they are sent as they are.
    """

    type: Literal["semantic_vad", "server_vad"]
    create_response: bool
    interrupt_response: bool
    eagerness: Literal["auto", "low", "medium", "high"]
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    idle_timeout_ms: int
    model_version: str


class RealtimeAudioInputConfig(TypedDict, total=False):
    """What happens to the user's audio; None turns a stage off."""

    format: RealtimeAudioFormat
    noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    transcription: RealtimeInputAudioTranscriptionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None


class RealtimeAudioOutputConfig(TypedDict, total=False):
    """How the model speaks; ``speed`` is 0.25 to 1.5."""

    format: RealtimeAudioFormat
    voice: RealtimeVoice
    speed: float


class RealtimeAudioConfig(TypedDict, total=False):
    """Both directions of a session's audio."""

    input: RealtimeAudioInputConfig
    output: RealtimeAudioOutputConfig


class RealtimeReasoningConfig(TypedDict, total=False):
    """How much a reasoning model thinks before it speaks."""

    effort: RealtimeReasoningEffort


class RealtimeModelTracingConfig(TypedDict, total=False):
    """Under which names the provider's dashboard shows the session."""

    workflow_name: str
    group_id: str
    metadata: dict[str, Any]


class RealtimeSessionModelSettings(TypedDict, total=False):
    """What a session asks of its model.

    What stands under ``audio`` has other names at the top, too; given both ways in one dictionary,
    that under ``audio`` counts. ``instructions``, ``tools`` and ``handoffs`` replace those of the
    first agent.
    """

    model_name: RealtimeModelName
    instructions: str
    prompt: ResponsePromptParam
    modalities: list[Literal["text", "audio"]]
    output_modalities: list[Literal["text", "audio"]]
    audio: RealtimeAudioConfig
    voice: RealtimeVoice
    speed: float
    max_output_tokens: int | Literal["inf"]
    input_audio_format: RealtimeAudioFormat
    output_audio_format: RealtimeAudioFormat
    input_audio_transcription: RealtimeInputAudioTranscriptionConfig | None
    input_audio_noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None
    tool_choice: str | Mapping[str, Any]
    parallel_tool_calls: bool
    reasoning: RealtimeReasoningConfig
    tools: list[Tool]
    handoffs: list[RealtimeAgent[Any] | Handoff[Any, Any]]
    tracing: RealtimeModelTracingConfig | Literal["auto"] | None


# -- the run ---------------------------------------------------------------------------------------


class RealtimeGuardrailsSettings(TypedDict, total=False):
    """When output guardrails run: as often as so many characters more have come, 100 by default."""

    debounce_text_length: int


class RealtimeToolExecutionConfig(TypedDict, total=False):
    """Whether a tool's input guardrails run before its approval is asked for, and again after."""

    pre_approval_tool_input_guardrails: bool


class RealtimeRunConfig(TypedDict, total=False):
    """What holds for all agents of a run.

    ``tracing_disabled`` keeps ``tracing`` from being sent. ``hold_back`` plays an answer only as
    far as guardrails have passed its words ("checked"), or after they have passed all of it
    ("answer"). ``interruptions`` and ``idle`` are the rules of the voice loop. ``filler`` are
    words that the model says when a tool keeps everybody silent for longer than
    ``filler_after_ms``, 700 by default; ``filler_clip`` is a recording for servers that can't,
    PCM16 mono at 24 kHz. ``hooks`` are those of the run, ``prices`` those of `Usage.cost`.
    """

    model_settings: RealtimeSessionModelSettings
    output_guardrails: list[OutputGuardrail[Any]]
    guardrails_settings: RealtimeGuardrailsSettings
    tracing_disabled: bool
    async_tool_calls: bool
    tool_execution: RealtimeToolExecutionConfig
    tool_error_formatter: Callable[[ToolErrorFormatterArgs[Any]], str | None]
    input_guardrails: list[InputGuardrail[Any]]
    hold_back: Literal["checked", "answer"] | None
    interruptions: bool | Interruptions
    idle: IdleRule | None
    filler: str | None
    filler_after_ms: int
    filler_clip: bytes | None
    hooks: RealtimeRunHooks[Any]
    prices: Mapping[str, float]


# -- what is sent ----------------------------------------------------------------------------------


class RealtimeClientMessage(TypedDict, total=False):
    """An event in wire form; ``other_data`` holds all of it but ``type``."""

    type: Required[str]
    other_data: dict[str, Any]


class RealtimeUserInputText(TypedDict):
    """A text of the user's."""

    type: Literal["input_text"]
    text: str


class RealtimeUserInputImage(TypedDict, total=False):
    """An image of the user's; ``image_url`` is a URL, ``data:…`` or ``https:…``."""

    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | str


class RealtimeUserInputMessage(TypedDict):
    """A message of the user's with texts and images."""

    type: Literal["message"]
    role: Literal["user"]
    content: list[RealtimeUserInputText | RealtimeUserInputImage]


# What `RealtimeSession.send_message` takes: text, or a message with parts.
RealtimeUserInput = str | RealtimeUserInputMessage
