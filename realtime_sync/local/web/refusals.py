"""HTTP answers: refusals in the protocol's own form, and the id that every answer has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

from ...errors import ServerError
from ..protocol.wire import new_id

__all__ = ["no_call", "refusal", "refusal_of", "request_id"]


def request_id() -> dict[str, str]:
    """Return the header that names an answer."""
    return {"x-request-id": new_id("req")}


def refusal(
    status: int,
    message: str,
    code: str | None,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an answer that refuses the request, with words for the client."""
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }
    all_headers = {**request_id(), **(headers or {})}
    return JSONResponse({"error": error}, status_code=status, headers=all_headers)


def refusal_of(error: ServerError) -> JSONResponse:
    """Return the answer to a body that breaks a rule."""
    status = 429 if error.code == "too_many_stored" else 400
    return refusal(status, error.message, error.code, param=error.param)


def no_call(call_id: str) -> JSONResponse:
    """Return the answer for a call that is not there, any more."""
    return refusal(404, f"No call with id '{call_id}'.", "call_not_found", param="call_id")
