"""Arguments of REST calls: a wrong one is told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync import ConfigError, OpenAI
from realtime_sync.events import ErrorEvent, Session
from realtime_sync.rest import Webhooks


def fail() -> str:
    raise AssertionError("the key was asked for, so the request was on its way")


@pytest.fixture
def client() -> OpenAI:
    return OpenAI(api_key=fail, base_url="http://127.0.0.1:1/v1", proxy="", max_retries=0)


Call = Callable[..., object]
CALLS: dict[str, Callable[[OpenAI], tuple[Call, dict[str, Any]]]] = {
    "client_secrets.create": lambda c: (c.realtime.client_secrets.create, {}),
    "translations.client_secrets.create": lambda c: (
        c.realtime.translations.client_secrets.create,
        {"session": {"model": "m"}},
    ),
    "calls.create": lambda c: (c.realtime.calls.create, {"sdp": "v=0"}),
    "calls.accept": lambda c: (c.realtime.calls.accept, {"call_id": "rtc_1"}),
    "calls.reject": lambda c: (c.realtime.calls.reject, {"call_id": "rtc_1"}),
    "calls.refer": lambda c: (c.realtime.calls.refer, {"call_id": "rtc_1", "target_uri": "tel:1"}),
    "calls.hangup": lambda c: (c.realtime.calls.hangup, {"call_id": "rtc_1"}),
}
SESSION = "session must be a dictionary such as {'type': 'realtime'}, not "
EXPIRY = "expires_after must be a dictionary such as "
ERROR = ErrorEvent(event_id="a", error={"type": "a", "message": "b"})  # type: ignore[arg-type]

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("client_secrets.create", {"session": 5}, SESSION),
    ("client_secrets.create", {"session": None}, SESSION),
    ("client_secrets.create", {"session": Session}, SESSION),
    ("client_secrets.create", {"session": ERROR}, SESSION),
    ("client_secrets.create", {"expires_after": 600}, EXPIRY),
    ("translations.client_secrets.create", {"session": "m"}, SESSION),
    ("translations.client_secrets.create", {"expires_after": [600]}, EXPIRY),
    ("calls.create", {"session": 5}, SESSION),
    ("calls.create", {"sdp": b"v=0"}, "sdp must be a text with something in it"),
    ("calls.create", {"sdp": ""}, "sdp must be a text with something in it"),
    ("calls.accept", {"session": {"type": "realtime"}}, "the fields of the session themselves"),
    ("calls.reject", {"status_code": "busy"}, "status_code must be a SIP status such as 486"),
    ("calls.refer", {"target_uri": 5}, "target_uri must be a text with something in it, not 5"),
    ("calls.refer", {"target_uri": " "}, "target_uri must be a text with something in it"),
    *((name, {"extra_query": {"a": object()}}, "extra_query['a'] is an object") for name in CALLS),
    *((name, {"extra_headers": 5}, "extra_headers is a int") for name in CALLS),
    *((name, {"extra_body": 5}, "extra_body is a int") for name in CALLS),
    *((name, {"timeout": "5"}, "timeout is '5'; pass seconds") for name in CALLS),
]


@pytest.mark.parametrize(("name", "wrong", "words"), WRONG)
def test_a_wrong_argument_is_told_before_anything_is_sent(
    client: OpenAI, name: str, wrong: dict[str, Any], words: str
) -> None:
    call, right = CALLS[name](client)
    with pytest.raises(ConfigError) as caught:
        call(**{**right, **wrong})
    assert words in str(caught.value)


def test_a_stream_is_refused_where_it_is_asked_for(client: OpenAI) -> None:
    with pytest.raises(ConfigError, match="timeout is -1"):
        client.realtime.calls.with_streaming_response.hangup("rtc_1", timeout=-1)


@pytest.mark.parametrize("clock", [5, lambda now: now])
def test_the_clock_of_webhooks_is_a_function_of_nothing(clock: Any) -> None:
    with pytest.raises(ConfigError, match=r"clock (must be a function|is called with \(\))"):
        Webhooks(clock=clock)
