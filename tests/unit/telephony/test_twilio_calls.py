"""Twilio's REST API: what a program passes, before anything is sent."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from realtime_sync.errors import ConcurrencyError, ConfigError
from realtime_sync.telephony import TwilioCall, TwilioCalls

SID = "CA" + 32 * "a"
ACCOUNT = "AC" + 32 * "0"
TOKEN = "the-auth-token"
TO = {"to": "+15550100", "from_": "+15550199"}
EMPTY = "<Response/>"


@pytest.fixture
def calls() -> TwilioCalls:
    return TwilioCalls(ACCOUNT, TOKEN)


@pytest.mark.parametrize("sid", ["", "AC0", ACCOUNT + "0", "CA" + 32 * "0", TOKEN, None, 7])
def test_an_account_that_is_none(sid: Any) -> None:
    with pytest.raises(ConfigError, match="account_sid must be 'AC' and 32") as caught:
        TwilioCalls(sid, TOKEN)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "secret\n", "gehäim", None, 7])
def test_a_token_that_is_none(token: Any) -> None:
    with pytest.raises(ConfigError, match="auth_token must be one line") as caught:
        TwilioCalls(ACCOUNT, token)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"api_url": ""}, "api_url must be a text"),
        ({"api_url": "api.twilio.com"}, "api_url has the scheme"),
        ({"api_url": "https://me:hush@example.com"}, "api_url holds a user name"),
        ({"timeout": 0}, "timeout is 0"),
        ({"max_retries": -1}, "max_retries is -1; pass 0 or more"),
        ({"proxy": "nonsense"}, "proxy"),
        ({"ssl_context": 7}, "ssl_context"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        TwilioCalls(ACCOUNT, TOKEN, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({**TO, "to": "0100", "twiml": EMPTY}, "to must be a number"),
        ({**TO, "from_": "me", "twiml": EMPTY}, "from_ must be a number"),
        (TO, "pass one of twiml=… and url=…"),
        ({**TO, "twiml": EMPTY, "url": "https://example.com"}, "pass one of twiml=… and url=…"),
        ({**TO, "twiml": "Hello"}, "twiml must be TwiML"),
        ({**TO, "url": "/voice"}, "url has the scheme"),
        ({**TO, "twiml": EMPTY, "status_callback": "x"}, "status_callback has the scheme"),
        (
            {**TO, "twiml": EMPTY, "status_callback": "http://a/b", "status_events": ["x"]},
            r"status_events must be among initiated.*not \['x'\]",
        ),
        (
            {**TO, "twiml": EMPTY, "status_callback": "http://a/b", "status_events": "ringing"},
            "status_events must be among",
        ),
        ({**TO, "twiml": EMPTY, "machine_detection": True}, "must be 'Enable' or"),
        ({**TO, "twiml": EMPTY, "machine_callback": "http://a/b"}, "pass machine_detection=…"),
        (
            {**TO, "twiml": EMPTY, "machine_detection": "Enable", "machine_callback": "b"},
            "machine_callback has the scheme",
        ),
        ({**TO, "twiml": EMPTY, "ring_timeout": 0}, "ring_timeout must be whole seconds, 1 or"),
        ({**TO, "twiml": EMPTY, "time_limit": 1.5}, "time_limit must be whole seconds, 1 or more"),
        ({**TO, "twiml": EMPTY, "extra_body": {"SendDigits": 1}}, "extra_body must be a dict"),
    ],
)
def test_a_call_that_can_not_be_meant(
    calls: TwilioCalls, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        calls.create(**options)


@pytest.mark.parametrize("sid", ["", "CA1", ACCOUNT, f"{SID}/..", f"{SID}\n", None])
def test_an_id_that_is_none(calls: TwilioCalls, sid: Any) -> None:
    for call in (
        lambda: calls.fetch(sid),
        lambda: calls.hang_up(sid),
        lambda: calls.transfer(sid, to="+15550100"),
    ):
        with pytest.raises(ConfigError, match="sid must be that of a call"):
            call()


@pytest.mark.parametrize(
    ("targets", "match"),
    [
        ({}, "pass one of to=…, twiml=… and url=…"),
        ({"to": "+15550100", "twiml": EMPTY}, "pass one of to=…, twiml=… and url=…"),
        ({"to": "+15550100", "url": "https://a/b"}, "pass one of to=…, twiml=… and url=…"),
        ({"twiml": EMPTY, "url": "https://a/b"}, "pass one of to=…, twiml=… and url=…"),
        ({"to": "0100"}, "to must be a number"),
    ],
)
def test_a_transfer_has_one_target(calls: TwilioCalls, targets: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        calls.transfer(SID, **targets)


def test_the_token_is_not_shown_and_nothing_is_copied(calls: TwilioCalls) -> None:
    assert repr(calls) == f"TwilioCalls('{ACCOUNT}')"
    with pytest.raises(ConcurrencyError):
        pickle.dumps(calls)
    with pytest.raises(ConcurrencyError):
        copy.copy(calls)


@pytest.mark.parametrize("status", ["completed", "busy", "no-answer", "failed", "canceled"])
def test_ends(status: str) -> None:
    assert TwilioCall(sid=SID, status=status).has_ended


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress", ""])
def test_a_call_that_goes_on(status: str) -> None:
    assert not TwilioCall(sid=SID, status=status).has_ended
