"""The names of `openai.types.realtime` that are not ours, for programs that are ported by import.

A name of a class is our class itself, so that ``isinstance`` works under either. Where one class of
ours stands for several of theirs, such as `AudioFormat` for three formats, its ``type`` tells them
apart. The dictionaries are what ``connection.send`` and the REST calls take.
"""

from __future__ import annotations

from typing import Literal

from .._typing import Required, TypedDict
from . import (
    client,
    client_secrets,
    config,
    items,
    models,
    responses,
    server,
    session_config,
    translation,
)
from . import sessions as params
from ._registry import ClientEvent, ServerEvent
from .unknown import UnknownEvent

# -- client events, as dictionaries --------------------------------------------------------------


class ConversationItemCreateEventParam(TypedDict, total=False):
    """Put an item into the conversation."""

    type: Required[Literal["conversation.item.create"]]
    item: Required[params.ConversationItemParam]
    previous_item_id: str
    event_id: str


class ConversationItemDeleteEventParam(TypedDict, total=False):
    """Take an item out of the conversation."""

    type: Required[Literal["conversation.item.delete"]]
    item_id: Required[str]
    event_id: str


class ConversationItemRetrieveEventParam(TypedDict, total=False):
    """Ask for an item as the server has it."""

    type: Required[Literal["conversation.item.retrieve"]]
    item_id: Required[str]
    event_id: str


class ConversationItemTruncateEventParam(TypedDict, total=False):
    """Cut an assistant's audio to what was heard."""

    type: Required[Literal["conversation.item.truncate"]]
    item_id: Required[str]
    content_index: Required[int]
    audio_end_ms: Required[int]
    event_id: str


class InputAudioBufferAppendEventParam(TypedDict, total=False):
    """Append audio: base64 in the session's input format."""

    type: Required[Literal["input_audio_buffer.append"]]
    audio: Required[str]
    event_id: str


class InputAudioBufferClearEventParam(TypedDict, total=False):
    """Throw the input buffer away."""

    type: Required[Literal["input_audio_buffer.clear"]]
    event_id: str


class InputAudioBufferCommitEventParam(TypedDict, total=False):
    """Make the input buffer a user item."""

    type: Required[Literal["input_audio_buffer.commit"]]
    event_id: str


class OutputAudioBufferClearEventParam(TypedDict, total=False):
    """Stop the audio being played (WebRTC and SIP only)."""

    type: Required[Literal["output_audio_buffer.clear"]]
    event_id: str


class ResponseCancelEventParam(TypedDict, total=False):
    """Stop a response."""

    type: Required[Literal["response.cancel"]]
    response_id: str
    event_id: str


class ResponseCreateEventParam(TypedDict, total=False):
    """Ask for a response."""

    type: Required[Literal["response.create"]]
    response: params.RealtimeResponseCreateParamsParam
    event_id: str


class SessionUpdateEventParam(TypedDict, total=False):
    """Change the session; only the fields that are given change."""

    type: Required[Literal["session.update"]]
    session: Required[
        params.RealtimeSessionCreateRequestParam
        | params.RealtimeTranscriptionSessionCreateRequestParam
    ]
    event_id: str


# What a client may send, as a dictionary.
RealtimeClientEventParam = (
    ConversationItemCreateEventParam
    | ConversationItemDeleteEventParam
    | ConversationItemRetrieveEventParam
    | ConversationItemTruncateEventParam
    | InputAudioBufferAppendEventParam
    | InputAudioBufferClearEventParam
    | InputAudioBufferCommitEventParam
    | OutputAudioBufferClearEventParam
    | ResponseCancelEventParam
    | ResponseCreateEventParam
    | SessionUpdateEventParam
)


class RealtimeTranslationInputAudioBufferAppendEventParam(TypedDict, total=False):
    """Append audio to a translation: base64, int16 mono 24 kHz."""

    type: Required[Literal["session.input_audio_buffer.append"]]
    audio: Required[str]
    event_id: str


class RealtimeTranslationSessionCloseEventParam(TypedDict, total=False):
    """End a translation after what is still to be said."""

    type: Required[Literal["session.close"]]
    event_id: str


class RealtimeTranslationSessionUpdateEventParam(TypedDict, total=False):
    """Change a translation session."""

    type: Required[Literal["session.update"]]
    session: Required[params.RealtimeTranslationSessionUpdateRequestParam]
    event_id: str


# What a client may send to a translation session, as a dictionary.
RealtimeTranslationClientEventParam = (
    RealtimeTranslationInputAudioBufferAppendEventParam
    | RealtimeTranslationSessionCloseEventParam
    | RealtimeTranslationSessionUpdateEventParam
)

# -- what connecting and the REST calls take -----------------------------------------------------


class RealtimeConnectParams(TypedDict, total=False):
    """What ``client.realtime.connect`` takes: a model, or the call to join."""

    model: str
    call_id: str


class CallCreateParams(TypedDict, total=False):
    """What ``client.realtime.calls.create`` takes."""

    sdp: Required[str]
    session: params.RealtimeSessionCreateRequestParam


class CallReferParams(TypedDict, total=False):
    """What ``client.realtime.calls.refer`` takes beside the call's id."""

    target_uri: Required[str]


class CallRejectParams(TypedDict, total=False):
    """What ``client.realtime.calls.reject`` takes beside the call's id."""

    status_code: int


class ClientSecretCreateParams(TypedDict, total=False):
    """What ``client.realtime.client_secrets.create`` takes."""

    expires_after: client_secrets.ExpiresAfterParam
    session: (
        params.RealtimeSessionCreateRequestParam
        | params.RealtimeTranscriptionSessionCreateRequestParam
    )


CallAcceptParams = params.RealtimeSessionCreateRequestParam
ClientSecretCreateResponse = client_secrets.ClientSecret
RealtimeTranslationClientSecretCreateResponse = client_secrets.TranslationClientSecret

# -- further dictionaries ------------------------------------------------------------------------

# The same under the name that its ``connect`` has for it.
ConnectClientEventParam = RealtimeTranslationClientEventParam
RealtimeAudioFormatsParam = params.AudioFormatParam
# How the server finds the turns of the user.
RealtimeAudioInputTurnDetectionParam = params.ServerVadParam | params.SemanticVadParam
RealtimeMcpApprovalRequestParam = params.McpApprovalRequestParam
RealtimeMcpApprovalResponseParam = params.McpApprovalResponseParam
RealtimeMcpListToolsParam = params.McpListToolsParam
RealtimeMcpToolCallParam = params.McpCallParam
RealtimeResponseCreateMcpToolParam = params.McpToolParam
RealtimeResponseCreateParamsWithReferencesParam = params.RealtimeResponseCreateParamsParam
# Which tool the model must or may call.
RealtimeToolChoiceConfigParam = (
    Literal["none", "auto", "required"] | params.ToolChoiceFunctionParam | params.ToolChoiceMcpParam
)
# A tool of a session or of a response.
RealtimeToolsConfigUnionParam = params.RealtimeFunctionToolParam | params.McpToolParam
# The tools of a session or of a response.
RealtimeToolsConfigParam = list[RealtimeToolsConfigUnionParam]
# Where the provider files the session's trace.
RealtimeTracingConfigParam = Literal["auto"] | params.TracingConfigurationParam
RealtimeTranscriptionSessionAudioInputParam = params.RealtimeAudioConfigInputParam
# The same in a session that only listens.
RealtimeTranscriptionSessionAudioInputTurnDetectionParam = RealtimeAudioInputTurnDetectionParam
# What happens to a conversation that grows too long.
RealtimeTruncationParam = Literal["auto", "disabled"] | params.RealtimeTruncationRetentionRatioParam
ResponseCreateEventWithReferencesParam = ResponseCreateEventParam

# -- client events -------------------------------------------------------------------------------

ConversationItemCreateEvent = client.ConversationItemCreate
ConversationItemDeleteEvent = client.ConversationItemDelete
ConversationItemRetrieveEvent = client.ConversationItemRetrieve
ConversationItemTruncateEvent = client.ConversationItemTruncate
InputAudioBufferAppendEvent = client.InputAudioBufferAppend
InputAudioBufferClearEvent = client.InputAudioBufferClear
InputAudioBufferCommitEvent = client.InputAudioBufferCommit
OutputAudioBufferClearEvent = client.OutputAudioBufferClear
# What a client may send, as a value.
RealtimeClientEvent = ClientEvent
ResponseCancelEvent = client.ResponseCancel
ResponseCreateEvent = client.ResponseCreate
SessionUpdateEvent = client.SessionUpdate

# -- server events -------------------------------------------------------------------------------

ConversationCreatedEvent = server.ConversationCreated
ConversationItemCreatedEvent = server.ConversationItemCreated
ConversationItemDeletedEvent = server.ConversationItemDeleted
ConversationItemInputAudioTranscriptionCompletedEvent = (
    server.ConversationItemInputAudioTranscriptionCompleted
)
ConversationItemInputAudioTranscriptionDeltaEvent = (
    server.ConversationItemInputAudioTranscriptionDelta
)
ConversationItemInputAudioTranscriptionFailedEvent = (
    server.ConversationItemInputAudioTranscriptionFailed
)
ConversationItemTruncatedEvent = server.ConversationItemTruncated
InputAudioBufferClearedEvent = server.InputAudioBufferCleared
InputAudioBufferCommittedEvent = server.InputAudioBufferCommitted
InputAudioBufferDtmfEventReceivedEvent = server.InputAudioBufferDtmfEventReceived
InputAudioBufferSpeechStartedEvent = server.InputAudioBufferSpeechStarted
InputAudioBufferSpeechStoppedEvent = server.InputAudioBufferSpeechStopped
RateLimitsUpdatedEvent = server.RateLimitsUpdated
RealtimeErrorEvent = server.ErrorEvent
# What a server may send.
RealtimeServerEvent = ServerEvent
ResponseAudioDeltaEvent = responses.ResponseOutputAudioDelta
ResponseAudioDoneEvent = responses.ResponseOutputAudioDone
ResponseAudioTranscriptDeltaEvent = responses.ResponseOutputAudioTranscriptDelta
ResponseAudioTranscriptDoneEvent = responses.ResponseOutputAudioTranscriptDone
ResponseContentPartAddedEvent = responses.ResponseContentPartAdded
ResponseContentPartDoneEvent = responses.ResponseContentPartDone
ResponseCreatedEvent = responses.ResponseCreated
ResponseDoneEvent = responses.ResponseDone
ResponseFunctionCallArgumentsDeltaEvent = responses.ResponseFunctionCallArgumentsDelta
ResponseFunctionCallArgumentsDoneEvent = responses.ResponseFunctionCallArgumentsDone
ResponseOutputItemAddedEvent = responses.ResponseOutputItemAdded
ResponseOutputItemDoneEvent = responses.ResponseOutputItemDone
ResponseTextDeltaEvent = responses.ResponseOutputTextDelta
ResponseTextDoneEvent = responses.ResponseOutputTextDone
SessionCreatedEvent = server.SessionCreated
SessionUpdatedEvent = server.SessionUpdated

# -- translation ---------------------------------------------------------------------------------

RealtimeTranslationInputAudioBufferAppendEvent = translation.SessionInputAudioBufferAppend
RealtimeTranslationInputTranscriptDeltaEvent = translation.SessionInputTranscriptDelta
RealtimeTranslationOutputAudioDeltaEvent = translation.SessionOutputAudioDelta
RealtimeTranslationOutputTranscriptDeltaEvent = translation.SessionOutputTranscriptDelta
RealtimeTranslationSession = session_config.TranslationSession
RealtimeTranslationSessionCloseEvent = translation.SessionClose
RealtimeTranslationSessionClosedEvent = translation.SessionClosed
RealtimeTranslationSessionCreatedEvent = server.SessionCreated
RealtimeTranslationSessionUpdateEvent = client.SessionUpdate
RealtimeTranslationSessionUpdateRequest = session_config.TranslationSessionUpdate
RealtimeTranslationSessionUpdatedEvent = server.SessionUpdated
# What a client may send to a translation session, as a value.
RealtimeTranslationClientEvent = (
    client.SessionUpdate | translation.SessionInputAudioBufferAppend | translation.SessionClose
)
# What the server of a translation session may send.
RealtimeTranslationServerEvent = (
    server.ErrorEvent
    | server.SessionCreated
    | server.SessionUpdated
    | translation.SessionClosed
    | translation.SessionInputTranscriptDelta
    | translation.SessionOutputAudioDelta
    | translation.SessionOutputTranscriptDelta
    | UnknownEvent
)

# -- items ---------------------------------------------------------------------------------------

RealtimeConversationItemAssistantMessage = items.AssistantMessage
RealtimeConversationItemFunctionCall = items.FunctionCall
RealtimeConversationItemFunctionCallOutput = items.FunctionCallOutput
RealtimeConversationItemSystemMessage = items.SystemMessage
RealtimeConversationItemUserMessage = items.UserMessage
RealtimeMcpApprovalRequest = items.McpApprovalRequest
RealtimeMcpApprovalResponse = items.McpApprovalResponse
RealtimeMcpListTools = items.McpListTools
RealtimeMcpProtocolError = items.McpProtocolError
RealtimeMcpToolCall = items.McpCall
RealtimeMcpToolExecutionError = items.McpToolExecutionError
RealtimeMcphttpError = items.McpHttpError
ResponseItemReference = items.ItemReference

# -- sessions and responses ----------------------------------------------------------------------

AudioTranscription = config.Transcription
LogProbProperties = models.LogProb
RealtimeAudioConfig = config.AudioConfig
RealtimeAudioConfigInput = config.AudioInput
RealtimeAudioConfigOutput = config.AudioOutput
RealtimeAudioFormats = config.AudioFormat
# How the server finds the turns of the user; None if it does not.
RealtimeAudioInputTurnDetection = config.ServerVad | config.SemanticVad | None
RealtimeError = models.ErrorDetail
RealtimeFunctionTool = config.FunctionTool
RealtimeReasoning = config.Reasoning
RealtimeResponse = models.Response
RealtimeResponseCreateAudioOutput = config.AudioConfig  # as `ResponseCreateParams.audio` is
RealtimeResponseCreateMcpTool = config.McpTool
RealtimeResponseCreateParams = session_config.ResponseCreateParams
RealtimeResponseStatus = models.ResponseStatus
RealtimeResponseUsage = models.ResponseUsage
RealtimeResponseUsageInputTokenDetails = models.InputTokenDetails
RealtimeResponseUsageOutputTokenDetails = models.OutputTokenDetails
RealtimeSessionCreateRequest = session_config.Session
RealtimeSessionCreateResponse = session_config.Session
# Which tool the model must or may call, as a value.
RealtimeToolChoiceConfig = config.ToolChoice
# A tool of a session or of a response, as a value.
RealtimeToolsConfigUnion = config.Tool
# The tools of a session or of a response, as values.
RealtimeToolsConfig = list[RealtimeToolsConfigUnion]
# Where the provider files the session's trace, as a value.
RealtimeTracingConfig = Literal["auto"] | config.Tracing | None
RealtimeTranscriptionSessionAudio = config.AudioConfig
RealtimeTranscriptionSessionAudioInput = config.AudioInput
# The same in a session that only listens.
RealtimeTranscriptionSessionAudioInputTurnDetection = RealtimeAudioInputTurnDetection
RealtimeTranscriptionSessionCreateRequest = session_config.TranscriptionSession
RealtimeTranscriptionSessionCreateResponse = session_config.TranscriptionSession
RealtimeTranscriptionSessionTurnDetection = config.ServerVad
# What happens to a conversation that grows too long, as a value.
RealtimeTruncation = Literal["auto", "disabled"] | config.RetentionRatio
RealtimeTruncationRetentionRatio = config.RetentionRatio
