"""What errors mean for whoever waits."""

from __future__ import annotations

import json

import pytest

from realtime_sync.connection._complaints import Complaints
from realtime_sync.conversation.unconfirmed import Refusal
from realtime_sync.errors import RealtimeTimeout
from realtime_sync.events import ErrorDetail, ErrorEvent, SessionClosed, parse_event

TIMEOUT = RealtimeTimeout("too late")


def error(code: str | None = None, message: str = "no") -> ErrorEvent:
    detail = ErrorDetail(type="server_error", message=message, code=code)
    return ErrorEvent(event_id="e", error=detail)


def test_a_refusal_is_that_of_ones_own_request() -> None:
    complaints = Complaints(lambda _: Refusal(("mine", "too"), busy=False))
    assert complaints.refuse(error(), "mine")
    assert complaints.refuse(error(), "too")
    assert not complaints.refuse(error(), "other")
    assert not complaints.refuse(SessionClosed(event_id="e"), "mine")
    assert complaints.quoted(TIMEOUT) is TIMEOUT, "each is somebody's"


def test_the_latest_of_nobodys_is_quoted() -> None:
    complaints = Complaints(lambda _: None)
    assert complaints.quoted(TIMEOUT) is TIMEOUT
    assert not complaints.refuse(error(message="first"), "mine")
    assert not complaints.refuse(error(code="worse", message="x" * 1000), None)
    words = str(complaints.quoted(TIMEOUT))
    assert words.startswith("too late; meanwhile the server complained: worse: xxx")
    assert len(words) < 400


def test_what_is_benign_is_not() -> None:
    complaints = Complaints(lambda _: None)
    complaints.refuse(error(code="response_cancel_not_active"), "mine")
    assert complaints.quoted(TIMEOUT) is TIMEOUT


@pytest.mark.parametrize("value", [None, 5, [], {}, "x" * 100_000])
@pytest.mark.parametrize("field", ["type", "code", "message", "event_id"])
def test_an_error_of_any_form_is_quoted(field: str, value: object) -> None:
    detail: dict[str, object] = {"type": "t", "message": "m", field: value}
    complaints = Complaints(lambda _: None)
    complaints.refuse(parse_event(json.dumps({"type": "error", "error": detail})), "mine")
    assert len(str(complaints.quoted(TIMEOUT))) < 400
