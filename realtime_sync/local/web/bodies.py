"""The bodies of REST requests: JSON, SDP, and forms of both."""

from __future__ import annotations

from starlette.requests import Request

from ..._types import JsonDict
from ..protocol.validation import require_shallow, wrong_type
from ..protocol.wire import decode_json, fault
from .forms import read_form

__all__ = ["read_json", "read_offer"]

_MAX_BYTES = 1 << 20


async def read_json(request: Request) -> JsonDict:
    """Return the JSON object of a body; no body is an empty one.

    Raises:
        ServerError: it is too large, or no JSON object.
    """
    body = await _read(request)
    return _object(body, "body") if body else {}


async def read_offer(request: Request) -> tuple[str, JsonDict | None]:
    """Return the SDP offer of a body, and the session beside it, if there is one.

    Raises:
        ServerError: it is too large, of another media type, or malformed.
    """
    body = await _read(request)
    kind = request.headers.get("content-type", "")
    media_type = kind.partition(";")[0].strip().lower()
    if media_type == "application/sdp":
        return _text(body), None
    if media_type != "multipart/form-data":
        raise fault(
            "Unsupported content type. Send 'application/sdp', or 'multipart/form-data' with the "
            f"parts 'sdp' and 'session'; got {kind!r}.",
            code="unsupported_content_type",
        )
    parts = read_form(kind, body)
    if "sdp" not in parts:
        raise fault(
            "Missing required parameter: 'sdp'.", code="missing_required_parameter", param="sdp"
        )
    session = parts.get("session")
    return _text(parts["sdp"]), None if session is None else _object(session, "session")


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise fault(f"The body is larger than {_MAX_BYTES} bytes.", code="body_too_large")
    return bytes(body)


def _object(body: bytes, param: str) -> JsonDict:
    try:
        value = decode_json(body)
    except (ValueError, RecursionError) as exc:
        raise fault(f"'{param}' is not valid JSON: {exc}.", code="invalid_json") from exc
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    require_shallow(value, f"'{param}'")
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        raise fault("The SDP offer is no UTF-8.", code="invalid_offer", param="sdp") from exc
