"""Responses, usage, errors and the other models inside server events."""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from attrs import frozen

from .base import Model, listed, nested, one, tagged
from .config import AudioFormat, Voice
from .items import ConversationItem, load_items

__all__ = [
    "CachedTokensDetails",
    "Conversation",
    "ErrorDetail",
    "InputTokenDetails",
    "LogProb",
    "OutputTokenDetails",
    "RateLimit",
    "Response",
    "ResponseAudio",
    "ResponseAudioOutput",
    "ResponseError",
    "ResponseStatus",
    "ResponseUsage",
    "TranscriptionError",
    "TranscriptionLanguage",
    "TranscriptionTokenDetails",
    "TranscriptionUsage",
    "TranscriptionUsageDuration",
    "TranscriptionUsageTokens",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Conversation(Model):
    """The conversation a session works on."""

    id: str | None = None
    object: Literal["realtime.conversation"] | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ErrorDetail(Model):
    """What an ``error`` event says.

    Example:
        >>> ErrorDetail(message="no such item", type="invalid_request_error", code="not_found")
        ErrorDetail(type='invalid_request_error', message='no such item', code='not_found')

    Attributes:
        type: the class of the error, such as ``invalid_request_error`` or ``server_error``.
        event_id: the ``event_id`` of the client event that caused it.
        param: the field at fault.
    """

    type: str
    message: str
    code: str | None = None
    event_id: str | None = None
    param: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionError(Model):
    """Why the transcription of an input failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class RateLimit(Model):
    """What is left of one limit.

    Attributes:
        name: ``requests`` or ``tokens``.
        reset_seconds: until the limit is whole again.
    """

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class LogProb(Model):
    """How sure the transcriber is of one token (natural logarithm of its probability)."""

    token: str
    bytes: list[int]
    logprob: float


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionLanguage(Model):
    """A language the transcriber heard, by its code."""

    code: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionTokenDetails(Model):
    """The input tokens of a transcription by kind."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionUsageTokens(Model):
    """The cost of a transcription that is billed by tokens."""

    type: Literal["tokens"] = "tokens"
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: TranscriptionTokenDetails | None = nested(one(TranscriptionTokenDetails))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class TranscriptionUsageDuration(Model):
    """The cost of a transcription that is billed by the length of the audio."""

    type: Literal["duration"] = "duration"
    seconds: float


# What a transcription has used: tokens or seconds.
TranscriptionUsage = TranscriptionUsageTokens | TranscriptionUsageDuration


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class CachedTokensDetails(Model):
    """The cached input tokens by kind."""

    audio_tokens: int | None = None
    image_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputTokenDetails(Model):
    """The input tokens of a response by kind."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokensDetails | None = nested(one(CachedTokensDetails))
    image_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class OutputTokenDetails(Model):
    """The output tokens of a response by kind."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseUsage(Model):
    """What a response cost in tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: InputTokenDetails | None = nested(one(InputTokenDetails))
    output_token_details: OutputTokenDetails | None = nested(one(OutputTokenDetails))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseError(Model):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseStatus(Model):
    """Why a response ended as it did.

    Attributes:
        reason: ``turn_detected`` or ``client_cancelled`` for a cancelled response,
            ``max_output_tokens`` or ``content_filter`` for an incomplete one.
    """

    type: Literal["completed", "cancelled", "incomplete", "failed"] | None = None
    reason: str | None = None
    error: ResponseError | None = nested(one(ResponseError))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseAudioOutput(Model):
    """The audio format and voice a response was spoken in."""

    format: AudioFormat | None = nested(one(AudioFormat))
    voice: str | Voice | None = nested(one(Voice))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseAudio(Model):
    """The audio configuration of a response."""

    output: ResponseAudioOutput | None = nested(one(ResponseAudioOutput))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Response(Model):
    """One answer of the model: its state, its output items and its cost.

    Example:
        >>> response = Response(id="resp_1", status="completed", usage={"total_tokens": 7})
        >>> response.usage.total_tokens
        7
    """

    id: str | None = None
    object: Literal["realtime.response"] | None = None
    status: Literal["completed", "cancelled", "failed", "incomplete", "in_progress"] | None = None
    status_details: ResponseStatus | None = nested(one(ResponseStatus))
    output: list[ConversationItem] | None = nested(load_items)
    conversation_id: str | None = None
    output_modalities: list[Literal["text", "audio"]] | None = None
    max_output_tokens: int | Literal["inf"] | None = None
    audio: ResponseAudio | None = nested(one(ResponseAudio))
    usage: ResponseUsage | None = nested(one(ResponseUsage))
    metadata: dict[str, str] | None = None


_response = one(Response)
_error = one(ErrorDetail)
_conversation = one(Conversation)
_transcription_error = one(TranscriptionError)
_limits = listed(one(RateLimit))
_usage = tagged({"tokens": TranscriptionUsageTokens, "duration": TranscriptionUsageDuration})
load_log_probs = listed(one(LogProb))
load_languages = listed(one(TranscriptionLanguage))

# Named functions, because type checkers take a field's constructor type from its converter.


def as_response(value: Response | Mapping[str, Any]) -> Response:
    """Return the response for a wire form; a response passes through."""
    return cast("Response", _response(value))


def as_error(value: ErrorDetail | Mapping[str, Any]) -> ErrorDetail:
    """Return the error for a wire form; an error passes through."""
    return cast("ErrorDetail", _error(value))


def as_conversation(value: Conversation | Mapping[str, Any]) -> Conversation:
    """Return the conversation for a wire form; a conversation passes through."""
    return cast("Conversation", _conversation(value))


def as_transcription_error(value: TranscriptionError | Mapping[str, Any]) -> TranscriptionError:
    """Return the transcription error for a wire form; one that is built passes through."""
    return cast("TranscriptionError", _transcription_error(value))


def as_rate_limits(value: Sequence[RateLimit | Mapping[str, Any]]) -> list[RateLimit]:
    """Return rate limits from their wire form."""
    return cast("list[RateLimit]", _limits(value))


def as_transcription_usage(value: TranscriptionUsage | Mapping[str, Any]) -> TranscriptionUsage:
    """Return the usage for a wire form; a usage passes through."""
    return cast("TranscriptionUsage", _usage(value))
