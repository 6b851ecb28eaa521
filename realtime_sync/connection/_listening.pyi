# mypy: disable-error-code="overload-overlap"
# A text that is not known while checking may be any of the literals, and gets the last overload.
"""Written by scripts/write_overloads.py; change that, not this."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol, TypeVar, overload

from typing_extensions import Self

from .. import events
from ..events import ServerEvent
from ._handlers import Handlers
from ._observer import Observer

__all__ = ["Observing", "Registration"]

_R = TypeVar("_R")
_E = TypeVar("_E")
_H = TypeVar("_H", bound=Callable[[Any], object])

class _Decorator(Protocol[_E]):
    def __call__(self, handler: Callable[[_E], _R], /) -> Callable[[_E], _R]: ...

class Registration:
    _handlers: Handlers

    @overload
    def on(
        self, type: Literal["conversation.created"], handler: Callable[[events.ConversationCreated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.created"]) -> _Decorator[events.ConversationCreated]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.added"], handler: Callable[[events.ConversationItemAdded], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.added"]) -> _Decorator[events.ConversationItemAdded]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.created"], handler: Callable[[events.ConversationItemCreated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.created"]) -> _Decorator[events.ConversationItemCreated]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.deleted"], handler: Callable[[events.ConversationItemDeleted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.deleted"]) -> _Decorator[events.ConversationItemDeleted]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.done"], handler: Callable[[events.ConversationItemDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.done"]) -> _Decorator[events.ConversationItemDone]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.input_audio_transcription.completed"], handler: Callable[[events.ConversationItemInputAudioTranscriptionCompleted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.input_audio_transcription.completed"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionCompleted]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.input_audio_transcription.delta"], handler: Callable[[events.ConversationItemInputAudioTranscriptionDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.input_audio_transcription.delta"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionDelta]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.input_audio_transcription.failed"], handler: Callable[[events.ConversationItemInputAudioTranscriptionFailed], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.input_audio_transcription.failed"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionFailed]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.input_audio_transcription.segment"], handler: Callable[[events.ConversationItemInputAudioTranscriptionSegment], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.input_audio_transcription.segment"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionSegment]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.retrieved"], handler: Callable[[events.ConversationItemRetrieved], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.retrieved"]) -> _Decorator[events.ConversationItemRetrieved]: ...
    @overload
    def on(
        self, type: Literal["conversation.item.truncated"], handler: Callable[[events.ConversationItemTruncated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["conversation.item.truncated"]) -> _Decorator[events.ConversationItemTruncated]: ...
    @overload
    def on(
        self, type: Literal["error"], handler: Callable[[events.ErrorEvent], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["error"]) -> _Decorator[events.ErrorEvent]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.cleared"], handler: Callable[[events.InputAudioBufferCleared], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.cleared"]) -> _Decorator[events.InputAudioBufferCleared]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.committed"], handler: Callable[[events.InputAudioBufferCommitted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.committed"]) -> _Decorator[events.InputAudioBufferCommitted]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.dtmf_event_received"], handler: Callable[[events.InputAudioBufferDtmfEventReceived], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.dtmf_event_received"]) -> _Decorator[events.InputAudioBufferDtmfEventReceived]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.speech_started"], handler: Callable[[events.InputAudioBufferSpeechStarted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.speech_started"]) -> _Decorator[events.InputAudioBufferSpeechStarted]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.speech_stopped"], handler: Callable[[events.InputAudioBufferSpeechStopped], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.speech_stopped"]) -> _Decorator[events.InputAudioBufferSpeechStopped]: ...
    @overload
    def on(
        self, type: Literal["input_audio_buffer.timeout_triggered"], handler: Callable[[events.InputAudioBufferTimeoutTriggered], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["input_audio_buffer.timeout_triggered"]) -> _Decorator[events.InputAudioBufferTimeoutTriggered]: ...
    @overload
    def on(
        self, type: Literal["mcp_list_tools.completed"], handler: Callable[[events.McpListToolsCompleted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["mcp_list_tools.completed"]) -> _Decorator[events.McpListToolsCompleted]: ...
    @overload
    def on(
        self, type: Literal["mcp_list_tools.failed"], handler: Callable[[events.McpListToolsFailed], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["mcp_list_tools.failed"]) -> _Decorator[events.McpListToolsFailed]: ...
    @overload
    def on(
        self, type: Literal["mcp_list_tools.in_progress"], handler: Callable[[events.McpListToolsInProgress], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["mcp_list_tools.in_progress"]) -> _Decorator[events.McpListToolsInProgress]: ...
    @overload
    def on(
        self, type: Literal["output_audio_buffer.cleared"], handler: Callable[[events.OutputAudioBufferCleared], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["output_audio_buffer.cleared"]) -> _Decorator[events.OutputAudioBufferCleared]: ...
    @overload
    def on(
        self, type: Literal["output_audio_buffer.started"], handler: Callable[[events.OutputAudioBufferStarted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["output_audio_buffer.started"]) -> _Decorator[events.OutputAudioBufferStarted]: ...
    @overload
    def on(
        self, type: Literal["output_audio_buffer.stopped"], handler: Callable[[events.OutputAudioBufferStopped], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["output_audio_buffer.stopped"]) -> _Decorator[events.OutputAudioBufferStopped]: ...
    @overload
    def on(
        self, type: Literal["rate_limits.updated"], handler: Callable[[events.RateLimitsUpdated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["rate_limits.updated"]) -> _Decorator[events.RateLimitsUpdated]: ...
    @overload
    def on(
        self, type: Literal["reconnected"], handler: Callable[[events.Reconnected], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["reconnected"]) -> _Decorator[events.Reconnected]: ...
    @overload
    def on(
        self, type: Literal["response.content_part.added"], handler: Callable[[events.ResponseContentPartAdded], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.content_part.added"]) -> _Decorator[events.ResponseContentPartAdded]: ...
    @overload
    def on(
        self, type: Literal["response.content_part.done"], handler: Callable[[events.ResponseContentPartDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.content_part.done"]) -> _Decorator[events.ResponseContentPartDone]: ...
    @overload
    def on(
        self, type: Literal["response.created"], handler: Callable[[events.ResponseCreated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.created"]) -> _Decorator[events.ResponseCreated]: ...
    @overload
    def on(
        self, type: Literal["response.done"], handler: Callable[[events.ResponseDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.done"]) -> _Decorator[events.ResponseDone]: ...
    @overload
    def on(
        self, type: Literal["response.function_call_arguments.delta"], handler: Callable[[events.ResponseFunctionCallArgumentsDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.function_call_arguments.delta"]) -> _Decorator[events.ResponseFunctionCallArgumentsDelta]: ...
    @overload
    def on(
        self, type: Literal["response.function_call_arguments.done"], handler: Callable[[events.ResponseFunctionCallArgumentsDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.function_call_arguments.done"]) -> _Decorator[events.ResponseFunctionCallArgumentsDone]: ...
    @overload
    def on(
        self, type: Literal["response.mcp_call.completed"], handler: Callable[[events.ResponseMcpCallCompleted], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.mcp_call.completed"]) -> _Decorator[events.ResponseMcpCallCompleted]: ...
    @overload
    def on(
        self, type: Literal["response.mcp_call.failed"], handler: Callable[[events.ResponseMcpCallFailed], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.mcp_call.failed"]) -> _Decorator[events.ResponseMcpCallFailed]: ...
    @overload
    def on(
        self, type: Literal["response.mcp_call.in_progress"], handler: Callable[[events.ResponseMcpCallInProgress], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.mcp_call.in_progress"]) -> _Decorator[events.ResponseMcpCallInProgress]: ...
    @overload
    def on(
        self, type: Literal["response.mcp_call_arguments.delta"], handler: Callable[[events.ResponseMcpCallArgumentsDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.mcp_call_arguments.delta"]) -> _Decorator[events.ResponseMcpCallArgumentsDelta]: ...
    @overload
    def on(
        self, type: Literal["response.mcp_call_arguments.done"], handler: Callable[[events.ResponseMcpCallArgumentsDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.mcp_call_arguments.done"]) -> _Decorator[events.ResponseMcpCallArgumentsDone]: ...
    @overload
    def on(
        self, type: Literal["response.output_audio.delta"], handler: Callable[[events.ResponseOutputAudioDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_audio.delta"]) -> _Decorator[events.ResponseOutputAudioDelta]: ...
    @overload
    def on(
        self, type: Literal["response.output_audio.done"], handler: Callable[[events.ResponseOutputAudioDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_audio.done"]) -> _Decorator[events.ResponseOutputAudioDone]: ...
    @overload
    def on(
        self, type: Literal["response.output_audio_transcript.delta"], handler: Callable[[events.ResponseOutputAudioTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_audio_transcript.delta"]) -> _Decorator[events.ResponseOutputAudioTranscriptDelta]: ...
    @overload
    def on(
        self, type: Literal["response.output_audio_transcript.done"], handler: Callable[[events.ResponseOutputAudioTranscriptDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_audio_transcript.done"]) -> _Decorator[events.ResponseOutputAudioTranscriptDone]: ...
    @overload
    def on(
        self, type: Literal["response.output_item.added"], handler: Callable[[events.ResponseOutputItemAdded], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_item.added"]) -> _Decorator[events.ResponseOutputItemAdded]: ...
    @overload
    def on(
        self, type: Literal["response.output_item.done"], handler: Callable[[events.ResponseOutputItemDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_item.done"]) -> _Decorator[events.ResponseOutputItemDone]: ...
    @overload
    def on(
        self, type: Literal["response.output_text.delta"], handler: Callable[[events.ResponseOutputTextDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_text.delta"]) -> _Decorator[events.ResponseOutputTextDelta]: ...
    @overload
    def on(
        self, type: Literal["response.output_text.done"], handler: Callable[[events.ResponseOutputTextDone], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["response.output_text.done"]) -> _Decorator[events.ResponseOutputTextDone]: ...
    @overload
    def on(
        self, type: Literal["session.closed"], handler: Callable[[events.SessionClosed], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.closed"]) -> _Decorator[events.SessionClosed]: ...
    @overload
    def on(
        self, type: Literal["session.created"], handler: Callable[[events.SessionCreated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.created"]) -> _Decorator[events.SessionCreated]: ...
    @overload
    def on(
        self, type: Literal["session.input_transcript.delta"], handler: Callable[[events.SessionInputTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.input_transcript.delta"]) -> _Decorator[events.SessionInputTranscriptDelta]: ...
    @overload
    def on(
        self, type: Literal["session.output_audio.delta"], handler: Callable[[events.SessionOutputAudioDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.output_audio.delta"]) -> _Decorator[events.SessionOutputAudioDelta]: ...
    @overload
    def on(
        self, type: Literal["session.output_transcript.delta"], handler: Callable[[events.SessionOutputTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.output_transcript.delta"]) -> _Decorator[events.SessionOutputTranscriptDelta]: ...
    @overload
    def on(
        self, type: Literal["session.updated"], handler: Callable[[events.SessionUpdated], object]
    ) -> Self: ...
    @overload
    def on(self, type: Literal["session.updated"]) -> _Decorator[events.SessionUpdated]: ...
    @overload
    def on(self, type: str, handler: Callable[[Any], object]) -> Self: ...
    @overload
    def on(self, type: str) -> Callable[[_H], _H]: ...
    @overload
    def once(
        self, type: Literal["conversation.created"], handler: Callable[[events.ConversationCreated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.created"]) -> _Decorator[events.ConversationCreated]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.added"], handler: Callable[[events.ConversationItemAdded], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.added"]) -> _Decorator[events.ConversationItemAdded]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.created"], handler: Callable[[events.ConversationItemCreated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.created"]) -> _Decorator[events.ConversationItemCreated]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.deleted"], handler: Callable[[events.ConversationItemDeleted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.deleted"]) -> _Decorator[events.ConversationItemDeleted]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.done"], handler: Callable[[events.ConversationItemDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.done"]) -> _Decorator[events.ConversationItemDone]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.input_audio_transcription.completed"], handler: Callable[[events.ConversationItemInputAudioTranscriptionCompleted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.input_audio_transcription.completed"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionCompleted]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.input_audio_transcription.delta"], handler: Callable[[events.ConversationItemInputAudioTranscriptionDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.input_audio_transcription.delta"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionDelta]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.input_audio_transcription.failed"], handler: Callable[[events.ConversationItemInputAudioTranscriptionFailed], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.input_audio_transcription.failed"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionFailed]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.input_audio_transcription.segment"], handler: Callable[[events.ConversationItemInputAudioTranscriptionSegment], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.input_audio_transcription.segment"]) -> _Decorator[events.ConversationItemInputAudioTranscriptionSegment]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.retrieved"], handler: Callable[[events.ConversationItemRetrieved], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.retrieved"]) -> _Decorator[events.ConversationItemRetrieved]: ...
    @overload
    def once(
        self, type: Literal["conversation.item.truncated"], handler: Callable[[events.ConversationItemTruncated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["conversation.item.truncated"]) -> _Decorator[events.ConversationItemTruncated]: ...
    @overload
    def once(
        self, type: Literal["error"], handler: Callable[[events.ErrorEvent], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["error"]) -> _Decorator[events.ErrorEvent]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.cleared"], handler: Callable[[events.InputAudioBufferCleared], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.cleared"]) -> _Decorator[events.InputAudioBufferCleared]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.committed"], handler: Callable[[events.InputAudioBufferCommitted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.committed"]) -> _Decorator[events.InputAudioBufferCommitted]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.dtmf_event_received"], handler: Callable[[events.InputAudioBufferDtmfEventReceived], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.dtmf_event_received"]) -> _Decorator[events.InputAudioBufferDtmfEventReceived]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.speech_started"], handler: Callable[[events.InputAudioBufferSpeechStarted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.speech_started"]) -> _Decorator[events.InputAudioBufferSpeechStarted]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.speech_stopped"], handler: Callable[[events.InputAudioBufferSpeechStopped], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.speech_stopped"]) -> _Decorator[events.InputAudioBufferSpeechStopped]: ...
    @overload
    def once(
        self, type: Literal["input_audio_buffer.timeout_triggered"], handler: Callable[[events.InputAudioBufferTimeoutTriggered], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["input_audio_buffer.timeout_triggered"]) -> _Decorator[events.InputAudioBufferTimeoutTriggered]: ...
    @overload
    def once(
        self, type: Literal["mcp_list_tools.completed"], handler: Callable[[events.McpListToolsCompleted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["mcp_list_tools.completed"]) -> _Decorator[events.McpListToolsCompleted]: ...
    @overload
    def once(
        self, type: Literal["mcp_list_tools.failed"], handler: Callable[[events.McpListToolsFailed], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["mcp_list_tools.failed"]) -> _Decorator[events.McpListToolsFailed]: ...
    @overload
    def once(
        self, type: Literal["mcp_list_tools.in_progress"], handler: Callable[[events.McpListToolsInProgress], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["mcp_list_tools.in_progress"]) -> _Decorator[events.McpListToolsInProgress]: ...
    @overload
    def once(
        self, type: Literal["output_audio_buffer.cleared"], handler: Callable[[events.OutputAudioBufferCleared], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["output_audio_buffer.cleared"]) -> _Decorator[events.OutputAudioBufferCleared]: ...
    @overload
    def once(
        self, type: Literal["output_audio_buffer.started"], handler: Callable[[events.OutputAudioBufferStarted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["output_audio_buffer.started"]) -> _Decorator[events.OutputAudioBufferStarted]: ...
    @overload
    def once(
        self, type: Literal["output_audio_buffer.stopped"], handler: Callable[[events.OutputAudioBufferStopped], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["output_audio_buffer.stopped"]) -> _Decorator[events.OutputAudioBufferStopped]: ...
    @overload
    def once(
        self, type: Literal["rate_limits.updated"], handler: Callable[[events.RateLimitsUpdated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["rate_limits.updated"]) -> _Decorator[events.RateLimitsUpdated]: ...
    @overload
    def once(
        self, type: Literal["reconnected"], handler: Callable[[events.Reconnected], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["reconnected"]) -> _Decorator[events.Reconnected]: ...
    @overload
    def once(
        self, type: Literal["response.content_part.added"], handler: Callable[[events.ResponseContentPartAdded], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.content_part.added"]) -> _Decorator[events.ResponseContentPartAdded]: ...
    @overload
    def once(
        self, type: Literal["response.content_part.done"], handler: Callable[[events.ResponseContentPartDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.content_part.done"]) -> _Decorator[events.ResponseContentPartDone]: ...
    @overload
    def once(
        self, type: Literal["response.created"], handler: Callable[[events.ResponseCreated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.created"]) -> _Decorator[events.ResponseCreated]: ...
    @overload
    def once(
        self, type: Literal["response.done"], handler: Callable[[events.ResponseDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.done"]) -> _Decorator[events.ResponseDone]: ...
    @overload
    def once(
        self, type: Literal["response.function_call_arguments.delta"], handler: Callable[[events.ResponseFunctionCallArgumentsDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.function_call_arguments.delta"]) -> _Decorator[events.ResponseFunctionCallArgumentsDelta]: ...
    @overload
    def once(
        self, type: Literal["response.function_call_arguments.done"], handler: Callable[[events.ResponseFunctionCallArgumentsDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.function_call_arguments.done"]) -> _Decorator[events.ResponseFunctionCallArgumentsDone]: ...
    @overload
    def once(
        self, type: Literal["response.mcp_call.completed"], handler: Callable[[events.ResponseMcpCallCompleted], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.mcp_call.completed"]) -> _Decorator[events.ResponseMcpCallCompleted]: ...
    @overload
    def once(
        self, type: Literal["response.mcp_call.failed"], handler: Callable[[events.ResponseMcpCallFailed], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.mcp_call.failed"]) -> _Decorator[events.ResponseMcpCallFailed]: ...
    @overload
    def once(
        self, type: Literal["response.mcp_call.in_progress"], handler: Callable[[events.ResponseMcpCallInProgress], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.mcp_call.in_progress"]) -> _Decorator[events.ResponseMcpCallInProgress]: ...
    @overload
    def once(
        self, type: Literal["response.mcp_call_arguments.delta"], handler: Callable[[events.ResponseMcpCallArgumentsDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.mcp_call_arguments.delta"]) -> _Decorator[events.ResponseMcpCallArgumentsDelta]: ...
    @overload
    def once(
        self, type: Literal["response.mcp_call_arguments.done"], handler: Callable[[events.ResponseMcpCallArgumentsDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.mcp_call_arguments.done"]) -> _Decorator[events.ResponseMcpCallArgumentsDone]: ...
    @overload
    def once(
        self, type: Literal["response.output_audio.delta"], handler: Callable[[events.ResponseOutputAudioDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_audio.delta"]) -> _Decorator[events.ResponseOutputAudioDelta]: ...
    @overload
    def once(
        self, type: Literal["response.output_audio.done"], handler: Callable[[events.ResponseOutputAudioDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_audio.done"]) -> _Decorator[events.ResponseOutputAudioDone]: ...
    @overload
    def once(
        self, type: Literal["response.output_audio_transcript.delta"], handler: Callable[[events.ResponseOutputAudioTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_audio_transcript.delta"]) -> _Decorator[events.ResponseOutputAudioTranscriptDelta]: ...
    @overload
    def once(
        self, type: Literal["response.output_audio_transcript.done"], handler: Callable[[events.ResponseOutputAudioTranscriptDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_audio_transcript.done"]) -> _Decorator[events.ResponseOutputAudioTranscriptDone]: ...
    @overload
    def once(
        self, type: Literal["response.output_item.added"], handler: Callable[[events.ResponseOutputItemAdded], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_item.added"]) -> _Decorator[events.ResponseOutputItemAdded]: ...
    @overload
    def once(
        self, type: Literal["response.output_item.done"], handler: Callable[[events.ResponseOutputItemDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_item.done"]) -> _Decorator[events.ResponseOutputItemDone]: ...
    @overload
    def once(
        self, type: Literal["response.output_text.delta"], handler: Callable[[events.ResponseOutputTextDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_text.delta"]) -> _Decorator[events.ResponseOutputTextDelta]: ...
    @overload
    def once(
        self, type: Literal["response.output_text.done"], handler: Callable[[events.ResponseOutputTextDone], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["response.output_text.done"]) -> _Decorator[events.ResponseOutputTextDone]: ...
    @overload
    def once(
        self, type: Literal["session.closed"], handler: Callable[[events.SessionClosed], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.closed"]) -> _Decorator[events.SessionClosed]: ...
    @overload
    def once(
        self, type: Literal["session.created"], handler: Callable[[events.SessionCreated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.created"]) -> _Decorator[events.SessionCreated]: ...
    @overload
    def once(
        self, type: Literal["session.input_transcript.delta"], handler: Callable[[events.SessionInputTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.input_transcript.delta"]) -> _Decorator[events.SessionInputTranscriptDelta]: ...
    @overload
    def once(
        self, type: Literal["session.output_audio.delta"], handler: Callable[[events.SessionOutputAudioDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.output_audio.delta"]) -> _Decorator[events.SessionOutputAudioDelta]: ...
    @overload
    def once(
        self, type: Literal["session.output_transcript.delta"], handler: Callable[[events.SessionOutputTranscriptDelta], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.output_transcript.delta"]) -> _Decorator[events.SessionOutputTranscriptDelta]: ...
    @overload
    def once(
        self, type: Literal["session.updated"], handler: Callable[[events.SessionUpdated], object]
    ) -> Self: ...
    @overload
    def once(self, type: Literal["session.updated"]) -> _Decorator[events.SessionUpdated]: ...
    @overload
    def once(self, type: str, handler: Callable[[Any], object]) -> Self: ...
    @overload
    def once(self, type: str) -> Callable[[_H], _H]: ...
    def off(self, type: str, handler: Callable[[Any], object]) -> Self: ...

class Observing:
    _observer: Observer

    @overload
    def wait_for(
        self, event: Literal["conversation.created"], *, timeout: float | None = None
    ) -> events.ConversationCreated: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.added"], *, timeout: float | None = None
    ) -> events.ConversationItemAdded: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.created"], *, timeout: float | None = None
    ) -> events.ConversationItemCreated: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.deleted"], *, timeout: float | None = None
    ) -> events.ConversationItemDeleted: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.done"], *, timeout: float | None = None
    ) -> events.ConversationItemDone: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.input_audio_transcription.completed"], *, timeout: float | None = None
    ) -> events.ConversationItemInputAudioTranscriptionCompleted: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.input_audio_transcription.delta"], *, timeout: float | None = None
    ) -> events.ConversationItemInputAudioTranscriptionDelta: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.input_audio_transcription.failed"], *, timeout: float | None = None
    ) -> events.ConversationItemInputAudioTranscriptionFailed: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.input_audio_transcription.segment"], *, timeout: float | None = None
    ) -> events.ConversationItemInputAudioTranscriptionSegment: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.retrieved"], *, timeout: float | None = None
    ) -> events.ConversationItemRetrieved: ...
    @overload
    def wait_for(
        self, event: Literal["conversation.item.truncated"], *, timeout: float | None = None
    ) -> events.ConversationItemTruncated: ...
    @overload
    def wait_for(
        self, event: Literal["error"], *, timeout: float | None = None
    ) -> events.ErrorEvent: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.cleared"], *, timeout: float | None = None
    ) -> events.InputAudioBufferCleared: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.committed"], *, timeout: float | None = None
    ) -> events.InputAudioBufferCommitted: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.dtmf_event_received"], *, timeout: float | None = None
    ) -> events.InputAudioBufferDtmfEventReceived: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.speech_started"], *, timeout: float | None = None
    ) -> events.InputAudioBufferSpeechStarted: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.speech_stopped"], *, timeout: float | None = None
    ) -> events.InputAudioBufferSpeechStopped: ...
    @overload
    def wait_for(
        self, event: Literal["input_audio_buffer.timeout_triggered"], *, timeout: float | None = None
    ) -> events.InputAudioBufferTimeoutTriggered: ...
    @overload
    def wait_for(
        self, event: Literal["mcp_list_tools.completed"], *, timeout: float | None = None
    ) -> events.McpListToolsCompleted: ...
    @overload
    def wait_for(
        self, event: Literal["mcp_list_tools.failed"], *, timeout: float | None = None
    ) -> events.McpListToolsFailed: ...
    @overload
    def wait_for(
        self, event: Literal["mcp_list_tools.in_progress"], *, timeout: float | None = None
    ) -> events.McpListToolsInProgress: ...
    @overload
    def wait_for(
        self, event: Literal["output_audio_buffer.cleared"], *, timeout: float | None = None
    ) -> events.OutputAudioBufferCleared: ...
    @overload
    def wait_for(
        self, event: Literal["output_audio_buffer.started"], *, timeout: float | None = None
    ) -> events.OutputAudioBufferStarted: ...
    @overload
    def wait_for(
        self, event: Literal["output_audio_buffer.stopped"], *, timeout: float | None = None
    ) -> events.OutputAudioBufferStopped: ...
    @overload
    def wait_for(
        self, event: Literal["rate_limits.updated"], *, timeout: float | None = None
    ) -> events.RateLimitsUpdated: ...
    @overload
    def wait_for(
        self, event: Literal["reconnected"], *, timeout: float | None = None
    ) -> events.Reconnected: ...
    @overload
    def wait_for(
        self, event: Literal["response.content_part.added"], *, timeout: float | None = None
    ) -> events.ResponseContentPartAdded: ...
    @overload
    def wait_for(
        self, event: Literal["response.content_part.done"], *, timeout: float | None = None
    ) -> events.ResponseContentPartDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.created"], *, timeout: float | None = None
    ) -> events.ResponseCreated: ...
    @overload
    def wait_for(
        self, event: Literal["response.done"], *, timeout: float | None = None
    ) -> events.ResponseDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.function_call_arguments.delta"], *, timeout: float | None = None
    ) -> events.ResponseFunctionCallArgumentsDelta: ...
    @overload
    def wait_for(
        self, event: Literal["response.function_call_arguments.done"], *, timeout: float | None = None
    ) -> events.ResponseFunctionCallArgumentsDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.mcp_call.completed"], *, timeout: float | None = None
    ) -> events.ResponseMcpCallCompleted: ...
    @overload
    def wait_for(
        self, event: Literal["response.mcp_call.failed"], *, timeout: float | None = None
    ) -> events.ResponseMcpCallFailed: ...
    @overload
    def wait_for(
        self, event: Literal["response.mcp_call.in_progress"], *, timeout: float | None = None
    ) -> events.ResponseMcpCallInProgress: ...
    @overload
    def wait_for(
        self, event: Literal["response.mcp_call_arguments.delta"], *, timeout: float | None = None
    ) -> events.ResponseMcpCallArgumentsDelta: ...
    @overload
    def wait_for(
        self, event: Literal["response.mcp_call_arguments.done"], *, timeout: float | None = None
    ) -> events.ResponseMcpCallArgumentsDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_audio.delta"], *, timeout: float | None = None
    ) -> events.ResponseOutputAudioDelta: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_audio.done"], *, timeout: float | None = None
    ) -> events.ResponseOutputAudioDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_audio_transcript.delta"], *, timeout: float | None = None
    ) -> events.ResponseOutputAudioTranscriptDelta: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_audio_transcript.done"], *, timeout: float | None = None
    ) -> events.ResponseOutputAudioTranscriptDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_item.added"], *, timeout: float | None = None
    ) -> events.ResponseOutputItemAdded: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_item.done"], *, timeout: float | None = None
    ) -> events.ResponseOutputItemDone: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_text.delta"], *, timeout: float | None = None
    ) -> events.ResponseOutputTextDelta: ...
    @overload
    def wait_for(
        self, event: Literal["response.output_text.done"], *, timeout: float | None = None
    ) -> events.ResponseOutputTextDone: ...
    @overload
    def wait_for(
        self, event: Literal["session.closed"], *, timeout: float | None = None
    ) -> events.SessionClosed: ...
    @overload
    def wait_for(
        self, event: Literal["session.created"], *, timeout: float | None = None
    ) -> events.SessionCreated: ...
    @overload
    def wait_for(
        self, event: Literal["session.input_transcript.delta"], *, timeout: float | None = None
    ) -> events.SessionInputTranscriptDelta: ...
    @overload
    def wait_for(
        self, event: Literal["session.output_audio.delta"], *, timeout: float | None = None
    ) -> events.SessionOutputAudioDelta: ...
    @overload
    def wait_for(
        self, event: Literal["session.output_transcript.delta"], *, timeout: float | None = None
    ) -> events.SessionOutputTranscriptDelta: ...
    @overload
    def wait_for(
        self, event: Literal["session.updated"], *, timeout: float | None = None
    ) -> events.SessionUpdated: ...
    @overload
    def wait_for(
        self, event: str | Callable[[ServerEvent], bool], *, timeout: float | None = None
    ) -> ServerEvent: ...
    @overload
    def watch(
        self, event: Literal["conversation.created"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationCreated]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.added"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemAdded]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.created"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemCreated]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.deleted"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemDeleted]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.done"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemDone]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.input_audio_transcription.completed"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemInputAudioTranscriptionCompleted]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.input_audio_transcription.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemInputAudioTranscriptionDelta]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.input_audio_transcription.failed"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemInputAudioTranscriptionFailed]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.input_audio_transcription.segment"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemInputAudioTranscriptionSegment]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.retrieved"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemRetrieved]: ...
    @overload
    def watch(
        self, event: Literal["conversation.item.truncated"], *, timeout: float | None = None
    ) -> Iterator[events.ConversationItemTruncated]: ...
    @overload
    def watch(
        self, event: Literal["error"], *, timeout: float | None = None
    ) -> Iterator[events.ErrorEvent]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.cleared"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferCleared]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.committed"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferCommitted]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.dtmf_event_received"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferDtmfEventReceived]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.speech_started"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferSpeechStarted]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.speech_stopped"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferSpeechStopped]: ...
    @overload
    def watch(
        self, event: Literal["input_audio_buffer.timeout_triggered"], *, timeout: float | None = None
    ) -> Iterator[events.InputAudioBufferTimeoutTriggered]: ...
    @overload
    def watch(
        self, event: Literal["mcp_list_tools.completed"], *, timeout: float | None = None
    ) -> Iterator[events.McpListToolsCompleted]: ...
    @overload
    def watch(
        self, event: Literal["mcp_list_tools.failed"], *, timeout: float | None = None
    ) -> Iterator[events.McpListToolsFailed]: ...
    @overload
    def watch(
        self, event: Literal["mcp_list_tools.in_progress"], *, timeout: float | None = None
    ) -> Iterator[events.McpListToolsInProgress]: ...
    @overload
    def watch(
        self, event: Literal["output_audio_buffer.cleared"], *, timeout: float | None = None
    ) -> Iterator[events.OutputAudioBufferCleared]: ...
    @overload
    def watch(
        self, event: Literal["output_audio_buffer.started"], *, timeout: float | None = None
    ) -> Iterator[events.OutputAudioBufferStarted]: ...
    @overload
    def watch(
        self, event: Literal["output_audio_buffer.stopped"], *, timeout: float | None = None
    ) -> Iterator[events.OutputAudioBufferStopped]: ...
    @overload
    def watch(
        self, event: Literal["rate_limits.updated"], *, timeout: float | None = None
    ) -> Iterator[events.RateLimitsUpdated]: ...
    @overload
    def watch(
        self, event: Literal["reconnected"], *, timeout: float | None = None
    ) -> Iterator[events.Reconnected]: ...
    @overload
    def watch(
        self, event: Literal["response.content_part.added"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseContentPartAdded]: ...
    @overload
    def watch(
        self, event: Literal["response.content_part.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseContentPartDone]: ...
    @overload
    def watch(
        self, event: Literal["response.created"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseCreated]: ...
    @overload
    def watch(
        self, event: Literal["response.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseDone]: ...
    @overload
    def watch(
        self, event: Literal["response.function_call_arguments.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseFunctionCallArgumentsDelta]: ...
    @overload
    def watch(
        self, event: Literal["response.function_call_arguments.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseFunctionCallArgumentsDone]: ...
    @overload
    def watch(
        self, event: Literal["response.mcp_call.completed"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseMcpCallCompleted]: ...
    @overload
    def watch(
        self, event: Literal["response.mcp_call.failed"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseMcpCallFailed]: ...
    @overload
    def watch(
        self, event: Literal["response.mcp_call.in_progress"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseMcpCallInProgress]: ...
    @overload
    def watch(
        self, event: Literal["response.mcp_call_arguments.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseMcpCallArgumentsDelta]: ...
    @overload
    def watch(
        self, event: Literal["response.mcp_call_arguments.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseMcpCallArgumentsDone]: ...
    @overload
    def watch(
        self, event: Literal["response.output_audio.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputAudioDelta]: ...
    @overload
    def watch(
        self, event: Literal["response.output_audio.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputAudioDone]: ...
    @overload
    def watch(
        self, event: Literal["response.output_audio_transcript.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputAudioTranscriptDelta]: ...
    @overload
    def watch(
        self, event: Literal["response.output_audio_transcript.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputAudioTranscriptDone]: ...
    @overload
    def watch(
        self, event: Literal["response.output_item.added"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputItemAdded]: ...
    @overload
    def watch(
        self, event: Literal["response.output_item.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputItemDone]: ...
    @overload
    def watch(
        self, event: Literal["response.output_text.delta"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputTextDelta]: ...
    @overload
    def watch(
        self, event: Literal["response.output_text.done"], *, timeout: float | None = None
    ) -> Iterator[events.ResponseOutputTextDone]: ...
    @overload
    def watch(
        self, event: Literal["session.closed"], *, timeout: float | None = None
    ) -> Iterator[events.SessionClosed]: ...
    @overload
    def watch(
        self, event: Literal["session.created"], *, timeout: float | None = None
    ) -> Iterator[events.SessionCreated]: ...
    @overload
    def watch(
        self, event: Literal["session.input_transcript.delta"], *, timeout: float | None = None
    ) -> Iterator[events.SessionInputTranscriptDelta]: ...
    @overload
    def watch(
        self, event: Literal["session.output_audio.delta"], *, timeout: float | None = None
    ) -> Iterator[events.SessionOutputAudioDelta]: ...
    @overload
    def watch(
        self, event: Literal["session.output_transcript.delta"], *, timeout: float | None = None
    ) -> Iterator[events.SessionOutputTranscriptDelta]: ...
    @overload
    def watch(
        self, event: Literal["session.updated"], *, timeout: float | None = None
    ) -> Iterator[events.SessionUpdated]: ...
    @overload
    def watch(
        self, event: str | Callable[[ServerEvent], bool], *, timeout: float | None = None
    ) -> Iterator[ServerEvent]: ...
