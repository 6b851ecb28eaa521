"""The client events: which there are, what each must hold, and what becomes of a wrong one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field

from ..._types import JsonDict
from ...errors import ServerError
from .validation import Strict, check, require_shallow, wrong_type
from .wire import error_event, fault

__all__ = ["CALL_EVENTS", "CONVERSATION_EVENTS", "TRANSLATION_EVENTS", "handle_request"]

_LOGGER = logging.getLogger("realtime_sync.local")


_LONGEST_ID = 512  # the provider's limit


class _Request(Strict):
    type: str
    event_id: str | None = Field(default=None, max_length=_LONGEST_ID)


class _SessionUpdate(_Request):
    session: Any


class _Append(_Request):
    audio: str


class _ItemCreate(_Request):
    item: Any
    previous_item_id: str | None = None


class _OneItem(_Request):
    item_id: str


class _Truncate(_OneItem):
    content_index: int = Field(ge=0)
    audio_end_ms: int = Field(ge=0)


class _ResponseCreate(_Request):
    response: Any = None


class _ResponseCancel(_Request):
    response_id: str | None = None


_Models = Mapping[str, type[_Request]]

CONVERSATION_EVENTS: _Models = {
    "session.update": _SessionUpdate,
    "input_audio_buffer.append": _Append,
    "input_audio_buffer.commit": _Request,
    "input_audio_buffer.clear": _Request,
    "conversation.item.create": _ItemCreate,
    "conversation.item.retrieve": _OneItem,
    "conversation.item.delete": _OneItem,
    "conversation.item.truncate": _Truncate,
    "response.create": _ResponseCreate,
    "response.cancel": _ResponseCancel,
}
_CLEAR_OUTPUT = "output_audio_buffer.clear"
CALL_EVENTS: _Models = {**CONVERSATION_EVENTS, _CLEAR_OUTPUT: _Request}
TRANSLATION_EVENTS: _Models = {
    "session.update": _SessionUpdate,
    "session.input_audio_buffer.append": _Append,
    "session.close": _Request,
}


def handle_request(
    request: Any,
    models: _Models,
    handle: Callable[[JsonDict], Iterator[None]],
    emit: Callable[[JsonDict], None],
) -> Iterator[None]:
    """Take one decoded client event; whatever is wrong with it becomes an ``error`` event.

    Yields now and then during long work, so that the caller can let others run.

    Args:
        request: what the client sent, which may be any JSON value.
        models: the events of the session's kind.
        handle: does what a checked event asks for.
        emit: sends an event to the client.
    """
    try:
        yield from handle(_checked(request, models))
    except ServerError as error:
        emit(error_event(error, event_id=_id_of(request)))
    except Exception as exc:  # one request must not end the session, whatever is in it
        _LOGGER.exception("a client event could not be handled")
        mine = ServerError(f"The server had an error while processing your request: {exc!r}")
        emit(error_event(mine, event_id=_id_of(request)))


def _checked(request: Any, models: _Models) -> JsonDict:
    """Return a client event, its own fields checked; raise `ServerError` if it is none."""
    if not isinstance(request, dict):
        raise wrong_type("event", "an object", request)
    kind = request.get("type")
    if kind is None:
        raise fault(
            "Missing required parameter: 'type'.", code="missing_required_parameter", param="type"
        )
    if kind == _CLEAR_OUTPUT and kind not in models:
        raise fault(
            "'output_audio_buffer.clear' is for WebRTC and SIP: over a WebSocket the client holds "
            "the audio buffer and clears it itself.",
            code="invalid_value",
            param="type",
        )
    model = models.get(kind) if isinstance(kind, str) else None
    if model is None:
        names = ", ".join(f"'{name}'" for name in sorted(models))
        raise fault(
            f"Invalid value for 'type': {kind!r}. Supported values are: {names}.",
            code="invalid_value",
            param="type",
        )
    require_shallow(request, "The event")
    return check(model, request, "")


def _id_of(request: Any) -> str | None:
    event_id = request.get("event_id") if isinstance(request, dict) else None
    return event_id if isinstance(event_id, str) and len(event_id) <= _LONGEST_ID else None
