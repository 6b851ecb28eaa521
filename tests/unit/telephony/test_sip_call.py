"""A SIP call: what its headers say, and how it is ended from this side."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from scripted_calls import ScriptedCalls, gone, sip_client

from realtime_sync import ConcurrencyError, ConfigError, ConnectError, NotFoundError
from realtime_sync.rest.webhooks import SipHeader
from realtime_sync.telephony import Refer, Reject, SipCall
from realtime_sync.testing import ScriptedServer


def ringing(**headers: str) -> tuple[SipCall, ScriptedCalls]:
    client, calls = sip_client(ScriptedServer())
    listed = [SipHeader(name=name, value=value) for name, value in headers.items()]
    return SipCall(client, "rtc_1", listed), calls


@pytest.mark.parametrize(
    ("value", "caller", "number"),
    [
        ("sip:+14155550123@example.com", "sip:+14155550123@example.com", "+14155550123"),
        ("<sip:+14155550123@example.com>;tag=7", "sip:+14155550123@example.com", "+14155550123"),
        ('"Ann <a@b>" <sip:ann@example.com>', "sip:ann@example.com", None),
        ('"Ann \\" <x>" <sip:4155550123@example.com>', "sip:4155550123@example.com", "4155550123"),
        ("Ann <tel:+1-(415)555.0123;ext=1>", "tel:+1-(415)555.0123;ext=1", "+14155550123"),
        ("<sip:+1415;phone-context=x@b>", "sip:+1415;phone-context=x@b", "+1415"),
        ("sip:example.com", "sip:example.com", None),
        ("sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid", None),
        ("TEL:+1", "TEL:+1", "+1"),
        ("", None, None),
        ("<>", None, None),
    ],
)
def test_who_calls(value: str, caller: str | None, number: str | None) -> None:
    call, _ = ringing(From=value)
    assert (call.caller, call.number) == (caller, number)


def test_headers_are_found_whatever_their_case() -> None:
    call, _ = ringing(from_="x", TO="<sip:+1800@example.com>")
    assert (call.header("From_"), call.header("to")) == ("x", "<sip:+1800@example.com>")
    assert call.called == "sip:+1800@example.com"
    assert (call.caller, call.number, call.header("Via")) == (None, None, None)


def test_the_first_header_of_a_name_counts() -> None:
    client, _ = sip_client(ScriptedServer())
    both = [SipHeader(name="From", value="sip:1@a"), SipHeader(name="From", value="sip:2@b")]
    call = SipCall(client, "rtc_1", both)
    assert (call.number, [each.value for each in call.headers]) == ("1", ["sip:1@a", "sip:2@b"])


def test_hanging_up_and_handing_over() -> None:
    call, calls = ringing()
    call.refer("tel:+14155550123")
    call.hang_up()
    assert calls.done == [
        ("refer", "rtc_1", {"target_uri": "tel:+14155550123"}),
        ("hangup", "rtc_1", {}),
    ]
    call._end("caller")
    assert call.ended_by == "refer", "what was asked for first"


def test_a_caller_who_was_quicker_is_no_error() -> None:
    call, calls = ringing()
    calls.failures["hangup"] = gone()
    call.hang_up()
    call._end("caller")
    assert call.ended_by == "caller"


@pytest.mark.parametrize("way", ["hangup", "refer"])
def test_what_has_failed_has_ended_nothing(way: str) -> None:
    call, calls = ringing()
    calls.failures[way] = ConnectError("no network")
    with pytest.raises(ConnectError):
        call.hang_up() if way == "hangup" else call.refer("sip:a@b")
    call._end("caller")
    assert call.ended_by == "caller"


def test_nobody_is_there_to_be_handed_over() -> None:
    call, calls = ringing()
    calls.failures["refer"] = gone()
    with pytest.raises(NotFoundError):
        call.refer("sip:a@b")


@pytest.mark.parametrize(
    "uri",
    [
        "http://x",
        "+14155550123",
        "",
        7,
        None,
        ["tel:+1"],
        "tel:",
        "sip:",
        "TEL:+1",
        "tel:+1 415",
        "sip:a@b\r\nX: y",
        "sip:a@b\n",
        "sip:\x00",
    ],
)
def test_no_uri_of_a_telephone(uri: Any) -> None:
    call, calls = ringing()
    with pytest.raises(ConfigError, match=r"a URI such as 'tel:.*, not "):
        call.refer(uri)
    with pytest.raises(ConfigError, match="a URI such as 'tel:"):
        Refer(uri)
    assert calls.done == []


@pytest.mark.parametrize("status", [299, 700, 200, True, "486", None])
def test_no_status_to_reject_with(status: Any) -> None:
    with pytest.raises(ConfigError, match="a SIP status from 300 to 699"):
        Reject(status)
    assert (Reject().status_code, Reject(300).status_code, Reject(699).status_code) == (
        603, 300, 699
    )  # fmt: skip


def test_a_call_is_not_copied() -> None:
    with pytest.raises(ConcurrencyError, match="a SipCall can't be copied"):
        copy.copy(ringing()[0])


def test_it_shows_its_id_and_its_end() -> None:
    call, _ = ringing()
    assert repr(call) == "SipCall('rtc_1', ended_by=None)"
    call._end("reject")
    assert repr(call) == "SipCall('rtc_1', ended_by='reject')"


class Speaking:
    """As much of an agent's session as says whether its words were heard."""

    def __init__(self) -> None:
        self.asked: list[float | None] = []
        self.spoken = False

    def wait_spoken(self, timeout: float | None) -> bool:
        self.asked.append(timeout)
        return self.spoken


def test_the_session_knows_whether_its_words_were_heard() -> None:
    call, _ = ringing()
    assert call.wait_spoken(0), "there is no session yet"
    session: Any = Speaking()
    call._session = session
    assert not call.wait_spoken(0)
    session.spoken = True
    assert call.wait_spoken()
    assert session.asked == [0, 15.0]


def test_when_the_call_is_over_nothing_is_said() -> None:
    call, _ = ringing()
    session: Any = Speaking()
    call._session = session
    call._end("caller")
    assert (call.wait_spoken(None), session.asked) == (True, [])


@pytest.mark.parametrize("timeout", [-1, "5", True, float("nan")])
def test_no_time_to_wait_for(timeout: Any) -> None:
    with pytest.raises(ConfigError):
        ringing()[0].wait_spoken(timeout)
