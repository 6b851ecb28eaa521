"""The client events: which there are, and what each must hold."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..._types import JsonDict
from .validation import Strict, check, wrong_type
from .wire import fault

__all__ = ["check_request", "id_of"]

# Far above any schema of a tool; what is deeper breaks what copies and encodes it.
_MAX_DEPTH = 64


class _Request(Strict):
    type: str
    event_id: str | None = Field(default=None, max_length=512)


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


_MODELS: dict[str, type[_Request]] = {
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


def check_request(request: Any) -> JsonDict:
    """Return a decoded client event, its own fields checked.

    Raises:
        ServerError: it is not a client event, or a field is missing, unknown or wrong.
    """
    if not isinstance(request, dict):
        raise wrong_type("event", "an object", request)
    kind = request.get("type")
    if kind is None:
        raise fault(
            "Missing required parameter: 'type'.", code="missing_required_parameter", param="type"
        )
    if kind == "output_audio_buffer.clear":
        raise fault(
            "'output_audio_buffer.clear' is for WebRTC and SIP: over a WebSocket the client holds "
            "the audio buffer and clears it itself.",
            code="invalid_value",
            param="type",
        )
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        names = ", ".join(f"'{name}'" for name in sorted(_MODELS))
        raise fault(
            f"Invalid value for 'type': {kind!r}. Supported values are: {names}.",
            code="invalid_value",
            param="type",
        )
    if not _is_shallow(request, _MAX_DEPTH):
        raise fault(
            f"The event is nested deeper than {_MAX_DEPTH} levels.",
            code="invalid_value",
        )
    return check(model, request, "")


def id_of(request: Any) -> str | None:
    """Return the ``event_id`` of a client event that may be anything."""
    event_id = request.get("event_id") if isinstance(request, dict) else None
    return event_id if isinstance(event_id, str) else None


def _is_shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_is_shallow(inner, levels - 1) for inner in value)
    return True
