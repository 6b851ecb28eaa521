"""HTTP answers: JSON, refusals in the protocol's own form, and the id that every answer has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from ..._types import JsonDict
from ...errors import ServerError
from ..protocol.wire import new_id

__all__ = ["json_answer", "no_call", "refusal", "refusal_of", "request_id"]


def request_id() -> dict[str, str]:
    """Return the header that names an answer."""
    return {"x-request-id": new_id("req")}


class _AsciiJson(JSONResponse):
    """JSON in which texts may hold what clients send: halves of characters, too."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def json_answer(
    content: JsonDict, status: int = 200, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an answer with an id of its own."""
    return _AsciiJson(content, status, headers={**request_id(), **(headers or {})})


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
    return json_answer({"error": error}, status, headers)


def refusal_of(error: ServerError) -> JSONResponse:
    """Return the answer to a body that breaks a rule."""
    status = 429 if error.code == "too_many_stored" else 400
    return refusal(status, error.message, error.code, param=error.param)


def no_call(call_id: str) -> JSONResponse:
    """Return the answer for a call that is not there, any more."""
    return refusal(404, f"No call with id '{call_id}'.", "call_not_found", param="call_id")
