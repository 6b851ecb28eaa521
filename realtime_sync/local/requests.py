"""The client events: which there are, and what each must hold."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .._types import JsonDict
from .schema import Strict, check, wrong_type
from .wire import fault

__all__ = ["check_request"]


class _Request(Strict):
    type: str
    event_id: str | None = None


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
    return check(model, request, "")
