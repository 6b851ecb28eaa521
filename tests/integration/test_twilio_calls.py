"""Calls by Twilio's REST API, against Twilio on loopback."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blocks import python_blocks
from guards import GUARD_S, Guard
from http_recorder import HttpRecorder, Reply, raw, reply
from programs import REPOSITORY
from twilio_service import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    BROKEN,
    LOST_AFTER_PLACING,
    SILENT_AFTER_PLACING,
    TOO_MANY,
    UNAUTHORIZED,
    Fault,
    TwilioService,
)

from realtime_sync.errors import (
    AnswerLostError,
    ApiError,
    AuthenticationError,
    BadRequestError,
    CallUnknownError,
    ConnectError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync.telephony import TwilioCall, TwilioCalls, hang_up_twiml, say_twiml

TO = {"to": "+15550100", "from_": "+15550199"}
UNUSED_SID = "CA" + 32 * "0"
PLACED = {**TO, "twiml": hang_up_twiml()}


@pytest.fixture
def service() -> Iterator[TwilioService]:
    with TwilioService() as service:
        yield service


@pytest.fixture
def account(service: TwilioService) -> Iterator[TwilioCalls]:
    with TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url) as account:
        yield account


def rings(service: TwilioService, account: TwilioCalls) -> TwilioCall:
    service.outcomes["+15550100"] = "rings"
    call = account.create(**PLACED)
    service.calls[call.sid].wait_for(lambda: service.only_call.status == "ringing", "ringing")
    return call


# -- what is asked, and what is answered -----------------------------------------------------------


def test_a_call_from_its_beginning_to_its_end(service: TwilioService, account: TwilioCalls) -> None:
    call = account.create(**TO, twiml=say_twiml("Hello."))
    assert (call.status, call.direction) == ("queued", "outbound-api")
    assert (call.to, call.from_) == ("+15550100", "+15550199")
    assert call.extra["account_sid"] == ACCOUNT_SID
    assert "sid" not in call.extra
    service.only_call.wait_ended()
    assert service.only_call.heard == ["Hello."]
    after = account.fetch(call.sid)
    assert (after.sid, after.status, after.duration_s) == (call.sid, "completed", 1)
    assert after.has_ended
    asked = service.requests
    assert [(each.method, each.path) for each in asked] == [
        ("POST", "/Calls.json"),
        ("GET", f"/Calls/{call.sid}.json"),
    ]
    assert asked[0].form == {
        "To": ["+15550100"],
        "From": ["+15550199"],
        "Twiml": [say_twiml("Hello.")],
    }
    assert asked[1].form == {}


def test_every_option_has_its_field(service: TwilioService, account: TwilioCalls) -> None:
    service.outcomes["sip:a@example.com"] = "busy"
    account.create(
        to="sip:a@example.com",
        from_="client:desk",
        url="https://phone.invalid/voice?a=1&b=2",
        status_callback="http://127.0.0.1:1/status",
        status_events=("ringing", "answered"),
        machine_detection="DetectMessageEnd",
        machine_callback="http://127.0.0.1:1/machine",
        ring_timeout=20,
        time_limit=600,
        extra_body={"SendDigits": "1", "TimeLimit": "900"},
    )
    assert service.requests[0].form == {
        "To": ["sip:a@example.com"],
        "From": ["client:desk"],
        "Url": ["https://phone.invalid/voice?a=1&b=2"],
        "StatusCallback": ["http://127.0.0.1:1/status"],
        "StatusCallbackEvent": ["ringing", "answered"],
        "MachineDetection": ["DetectMessageEnd"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": ["http://127.0.0.1:1/machine"],
        "Timeout": ["20"],
        "TimeLimit": ["900"],
        "SendDigits": ["1"],
    }
    account.create(**PLACED, machine_detection="Enable", status_callback="http://127.0.0.1:1/s")
    form = service.requests[1].form
    assert form["MachineDetection"] == ["Enable"]
    assert form["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert not {"AsyncAmd", "AsyncAmdStatusCallback", "Timeout", "TimeLimit"} & set(form)


def test_a_ringing_call_is_hung_up(service: TwilioService, account: TwilioCalls) -> None:
    call = rings(service, account)
    account.hang_up(call.sid)
    service.only_call.wait_ended()
    assert service.only_call.status == "canceled"
    assert service.requests[-1].form == {"Status": ["completed"]}


def test_a_call_that_has_ended_is_hung_up_already(
    service: TwilioService, account: TwilioCalls
) -> None:
    call = account.create(**PLACED)
    service.only_call.wait_ended()
    assert account.hang_up(call.sid).status == "completed"
    service.faults.append(Fault(400, 21218, "Invalid Status"))
    with pytest.raises(BadRequestError, match="Invalid Status"):
        account.hang_up(call.sid)


def test_a_call_that_is_not_in_progress_is_not_transferred(
    service: TwilioService, account: TwilioCalls
) -> None:
    call = rings(service, account)
    with pytest.raises(BadRequestError) as caught:
        account.transfer(call.sid, to="+15550142")
    assert caught.value.code == "21220"
    assert caught.value.request_id == "RQ0123456789"


@pytest.mark.parametrize("name", ["fetch", "hang_up", "transfer"])
def test_no_such_call(account: TwilioCalls, name: str) -> None:
    options = {"url": "https://phone.invalid/"} if name == "transfer" else {}
    with pytest.raises(NotFoundError) as caught:
        getattr(account, name)(UNUSED_SID, **options)
    assert caught.value.code == "20404"


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (UNAUTHORIZED, AuthenticationError),
        (TOO_MANY, RateLimitError),
        (Fault(400, 21211, "The phone number you are attempting to call is no good"), ApiError),
    ],
)
def test_what_is_refused_is_not_placed(
    service: TwilioService, account: TwilioCalls, fault: Fault, kind: type[ApiError]
) -> None:
    service.faults.append(fault)
    with pytest.raises(kind) as caught:
        account.create(**PLACED)
    assert (caught.value.code, caught.value.message) == (str(fault.code), fault.message)
    assert len(service.requests) == 1, "it is not asked again"
    assert service.calls == {}


LATE = Fault(500, 20500, "An internal server error has occurred", after=True)


@pytest.mark.parametrize(
    ("fault", "cause", "reason"),
    [
        (BROKEN, InternalServerError, r"An internal server error .*\(http status 500\)"),
        (LATE, InternalServerError, r"An internal server error .*\(http status 500\)"),
        (Fault(503, 20503, "Later"), InternalServerError, r"Later \(http status 503\)"),
        (Fault(408, 0, "Too slow"), ApiError, r"Too slow \(http status 408\)"),
        (SILENT_AFTER_PLACING, RealtimeTimeout, r"127.0.0.1:\d+ was silent for 1 s"),
        (LOST_AFTER_PLACING, AnswerLostError, "ended the link before its answer was complete"),
    ],
)
def test_whether_the_call_was_placed_is_unknown_and_it_is_not_asked_again(
    service: TwilioService, fault: Fault, cause: type[RealtimeError], reason: str
) -> None:
    service.faults.append(fault)
    timeout = 1 if fault is SILENT_AFTER_PLACING else GUARD_S
    with (
        TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url, timeout=timeout) as account,
        pytest.raises(CallUnknownError, match=r"^whether .*\+15550100.* is unknown") as caught,
    ):
        account.create(**PLACED)
    assert caught.value.to == "+15550100"
    assert re.fullmatch(f".*{reason}", caught.value.reason)
    assert isinstance(caught.value.__cause__, cause)
    Guard().until(lambda: len(service.calls) == int(fault.after), "the call")
    assert len(service.requests) == 1


def test_who_can_not_wait_asks_once(service: TwilioService) -> None:
    service.faults += [BROKEN, BROKEN]
    with (
        TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url, max_retries=0) as account,
        pytest.raises(InternalServerError),
    ):
        account.hang_up("CA" + 32 * "0")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "answer", [reply(201, b"<html>"), reply(200, {}), reply(200, []), raw(b"nonsense\r\n\r\n")]
)
def test_an_answer_that_is_none(answer: Reply) -> None:
    with (
        HttpRecorder(answer) as server,
        TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=server.base_url) as account,
    ):
        with pytest.raises(CallUnknownError) as caught:
            account.create(**PLACED)
        assert isinstance(caught.value.__cause__, RemoteProtocolError)
        with pytest.raises(RemoteProtocolError):
            account.fetch(UNUSED_SID)


def test_without_a_link_it_was_not_placed(service: TwilioService) -> None:
    with (
        TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url="http://127.0.0.1:1") as account,
        pytest.raises(ConnectError, match="refused the connection") as caught,
    ):
        account.create(**PLACED)
    assert not isinstance(caught.value, AnswerLostError)


@pytest.mark.parametrize("name", ["fetch", "hang_up"])
def test_what_may_be_done_twice_is_tried_again(
    service: TwilioService, account: TwilioCalls, name: str
) -> None:
    call = rings(service, account)
    service.faults += [
        LOST_AFTER_PLACING,
        Fault(500, 20500, "Later", headers={"retry-after-ms": "1"}),
    ]
    assert getattr(account, name)(call.sid).sid == call.sid
    tries = 3 + (name == "hang_up")  # the first has ended it, so the third asks how it is
    assert len(service.requests) == 1 + tries


def test_a_transfer_is_not_repeated_where_it_may_have_been_done(
    service: TwilioService, account: TwilioCalls
) -> None:
    call = rings(service, account)
    service.faults += [BROKEN]
    with pytest.raises(InternalServerError):
        account.transfer(call.sid, to="+15550142")
    assert len(service.requests) == 2


# -- secrets ---------------------------------------------------------------------------------------


def test_the_token_is_in_no_error_and_in_no_log(
    service: TwilioService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = "QUM1YTY2ODQ4MWNlMDJiODNlNzM5NTA1OWYwMTIzNDU2YTo3YTFm"  # how the two begin in base64
    told = f"no: Basic {login}; {AUTH_TOKEN}"
    service.faults += [Fault(401, 20003, told), Fault(500, 20500, told), LOST_AFTER_PLACING]
    failures: list[Callable[[TwilioCalls], object]] = [
        lambda account: account.create(**PLACED),
        lambda account: account.create(**PLACED),
        lambda account: account.create(**PLACED),
        lambda account: account.fetch(UNUSED_SID),
    ]
    with TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url) as account:
        for failure in failures:
            with pytest.raises(RealtimeError) as caught:
                failure(account)
            shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
            assert AUTH_TOKEN not in shown
    text = "\n".join(record.getMessage() + str(record.exc_info) for record in caplog.records)
    assert "POST /Calls.json: status 401" in text
    assert AUTH_TOKEN not in text
    assert login not in text


# -- the page --------------------------------------------------------------------------------------


def test_the_program_of_the_page_calls(
    service: TwilioService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.route("https://phone.example.com", "http://127.0.0.1:1")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    (program,) = (
        block.code
        for block in python_blocks(REPOSITORY / "docs" / "telephony_twilio.md")
        if Path(__file__).name in (block.not_run or "")
    )
    there = program.replace('_TOKEN"])', f'_TOKEN"], api_url={service.api_url!r})')
    assert there != program
    names: dict[str, Any] = {}
    exec(there, names)
    call = service.only_call
    assert capsys.readouterr().out == f"{call.sid} queued\n"
    call.wait_ended()
    assert call.errors == ["31901"]
