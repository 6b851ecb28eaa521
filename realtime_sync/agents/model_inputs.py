"""What a session sends to its model: the kinds of `RealtimeModel.send_event`."""

from __future__ import annotations

from dataclasses import dataclass

from .model_events import RealtimeModelToolCallEvent
from .run_config import (
    RealtimeClientMessage,
    RealtimeSessionModelSettings,
    RealtimeUserInput,
    RealtimeUserInputImage,
    RealtimeUserInputMessage,
    RealtimeUserInputText,
)

__all__ = [
    "RealtimeModelInputImageContent",
    "RealtimeModelInputTextContent",
    "RealtimeModelRawClientMessage",
    "RealtimeModelSendAudio",
    "RealtimeModelSendEvent",
    "RealtimeModelSendInterrupt",
    "RealtimeModelSendRawMessage",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelUserInput",
    "RealtimeModelUserInputMessage",
]

# The model takes what the session takes; programs know both names.
RealtimeModelRawClientMessage = RealtimeClientMessage
RealtimeModelInputTextContent = RealtimeUserInputText
RealtimeModelInputImageContent = RealtimeUserInputImage
RealtimeModelUserInputMessage = RealtimeUserInputMessage
# What a user says to a model; the same as `RealtimeUserInput`.
RealtimeModelUserInput = RealtimeUserInput


@dataclass
class RealtimeModelSendRawMessage:
    """Send an event as it is."""

    message: RealtimeModelRawClientMessage


@dataclass
class RealtimeModelSendUserInput:
    """Send a message of the user's, and ask for the answer to it."""

    user_input: RealtimeModelUserInput


@dataclass
class RealtimeModelSendAudio:
    """Send what the user says.

    Attributes:
        audio: in the session's input format.
        commit: whether this ends the turn.
    """

    audio: bytes
    commit: bool = False


@dataclass
class RealtimeModelSendToolOutput:
    """Send the output of a tool.

    Attributes:
        start_response: whether the model is to go on.
    """

    tool_call: RealtimeModelToolCallEvent
    output: str
    start_response: bool


@dataclass
class RealtimeModelSendInterrupt:
    """Interrupt what the model says.

    Attributes:
        force_response_cancel: says nothing here: what is interrupted by hand is always cancelled.
        response_id: the response to cancel, with ``cancel_response_only``.
        cancel_response_only: cancel it, but play what has come.
        playback_only: refused with a `UserError`, as is ``response_id`` alone: whatever plays falls
            silent, and what is made of it is cancelled.
    """

    force_response_cancel: bool = False
    response_id: str | None = None
    cancel_response_only: bool = False
    playback_only: bool = False


@dataclass
class RealtimeModelSendSessionUpdate:
    """Change the session.

    Attributes:
        session_settings: what is not in them stays as it is.
    """

    session_settings: RealtimeSessionModelSettings


# What `RealtimeModel.send_event` takes.
RealtimeModelSendEvent = (
    RealtimeModelSendRawMessage
    | RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
)
