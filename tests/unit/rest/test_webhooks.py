"""Webhooks: what is signed and fresh is taken, everything else is not."""

from __future__ import annotations

import base64
import email.message
import hashlib
import hmac
import json
import pickle
from contextlib import suppress
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync import ConfigError, OpenAI, RemoteProtocolError, WebhookSignatureError
from realtime_sync.rest import RealtimeCallIncoming, UnknownWebhook, Webhooks
from realtime_sync.rest.webhooks import sign

SECRET = "whsec_" + base64.b64encode(b"the secret of the tests").decode()
NOW = 1_767_225_600
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "created_at": NOW,
    "type": "realtime.call.incoming",
    "data": {
        "call_id": "rtc_1",
        "sip_headers": [
            {"name": "From", "value": "sip:+1@example.com"},
            {"name": "Via", "value": "a"},
            {"name": "Via", "value": "b"},
        ],
        "later": 1,
    },
}
BODY = json.dumps(EVENT)


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks(SECRET, clock=lambda: NOW)


def headers(body: str | bytes = BODY, **changes: Any) -> dict[str, str]:
    return sign(body, **{"secret": SECRET, "timestamp": NOW, **changes})


def test_a_call_comes_in(webhooks: Webhooks) -> None:
    event = webhooks.unwrap(BODY, headers())
    assert isinstance(event, RealtimeCallIncoming)
    assert (event.id, event.type, event.created_at) == ("evt_1", "realtime.call.incoming", NOW)
    assert event.data.call_id == "rtc_1"
    assert event.data.sip_headers[0].name == "From"
    assert [h.value for h in event.data.sip_headers if h.name == "Via"] == ["a", "b"]
    assert event.data.sip_media_security is None
    assert event.data.extra == {"later": 1}
    assert event.to_dict() == EVENT
    assert pickle.loads(pickle.dumps(event)) == event


def test_other_types_survive(webhooks: Webhooks) -> None:
    body = json.dumps({"type": "batch.completed", "id": "evt_2", "data": {"id": "b"}, "x": 1})
    event = webhooks.unwrap(body, headers(body))
    assert isinstance(event, UnknownWebhook)
    assert (event.type, event.data, event.extra) == ("batch.completed", {"id": "b"}, {"x": 1})
    assert event.to_dict() == json.loads(body)


def test_the_signature_is_that_of_the_standard_and_of_the_peer() -> None:
    made = headers()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"wh_test.{NOW}.{BODY}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert made["webhook-signature"] == f"v1,{expected}"
    with openai.OpenAI(api_key="k", webhook_secret=SECRET) as client:
        event = client.webhooks.unwrap(BODY, sign(BODY, secret=SECRET))
    assert event.type == "realtime.call.incoming"


@pytest.mark.parametrize("secret", ["plain text", "whsec_AA=="])
def test_secrets_of_every_form(secret: str) -> None:
    made = sign(BODY, secret=secret, timestamp=NOW)
    Webhooks(clock=lambda: NOW).verify_signature(BODY, made, secret=secret)


def test_headers_and_bodies_of_every_kind(webhooks: Webhooks) -> None:
    made = headers()
    message = email.message.Message()  # what http.server gives
    for name, value in made.items():
        message[name.title()] = value
    for each in (
        {name.upper(): value for name, value in made.items()},
        {name.encode(): value.encode() for name, value in made.items()},
        message,
    ):
        webhooks.verify_signature(BODY, each)  # type: ignore[arg-type]
        webhooks.verify_signature(BODY.encode(), each)  # type: ignore[arg-type]
        webhooks.verify_signature(bytearray(BODY.encode()), each)  # type: ignore[arg-type]
    odd = b'{"type": "x", "data": "\xff"}'
    webhooks.verify_signature(odd, headers(odd))


def test_one_good_signature_among_several_is_enough(webhooks: Webhooks) -> None:
    made = headers()
    good = made["webhook-signature"]
    for several in (f"v1,AAAA {good}", f"{good} v1a,xyz", f"v2,x  {good}", f"v1,ü {good}"):
        webhooks.verify_signature(BODY, {**made, "webhook-signature": several})
    for none in ("v1,", good.removeprefix("v1,"), good.replace("v1,", "v2,"), "v1", good[:-1]):
        with pytest.raises(WebhookSignatureError):
            webhooks.verify_signature(BODY, {**made, "webhook-signature": none})


@pytest.mark.parametrize("off", [0, 299, 300, -299, -300])
def test_fresh(webhooks: Webhooks, off: int) -> None:
    webhooks.unwrap(BODY, headers(timestamp=NOW + off))


@pytest.mark.parametrize(("off", "where"), [(-301, "past"), (301, "future"), (-(10**20), "past")])
def test_not_fresh(webhooks: Webhooks, off: int, where: str) -> None:
    with pytest.raises(WebhookSignatureError, match=f"in the {where}"):
        webhooks.unwrap(BODY, headers(timestamp=NOW + off))
    with pytest.raises(WebhookSignatureError):
        webhooks.unwrap(BODY, headers(timestamp=NOW - 11), tolerance=10)


@pytest.mark.parametrize("stamp", ["", "soon", "1.5", "nan", "\u00b2"])
def test_no_time(webhooks: Webhooks, stamp: str) -> None:
    with pytest.raises(WebhookSignatureError):
        webhooks.unwrap(BODY, {**headers(), "webhook-timestamp": stamp})


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(webhooks: Webhooks, name: str) -> None:
    made = headers()
    del made[name]
    with pytest.raises(WebhookSignatureError, match=name):
        webhooks.unwrap(BODY, made)


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 6))
def test_every_change_of_the_body_is_seen(at: int, bit: int) -> None:
    changed = bytearray(BODY.encode())
    changed[at] ^= 1 << bit
    with pytest.raises(WebhookSignatureError):
        Webhooks(SECRET, clock=lambda: NOW).verify_signature(bytes(changed), headers())


def test_every_signed_header_counts(webhooks: Webhooks) -> None:
    for name, value in (("webhook-id", "other"), ("webhook-timestamp", str(NOW + 1))):
        with pytest.raises(WebhookSignatureError, match="signature is wrong"):
            webhooks.unwrap(BODY, {**headers(), name: value})
    with pytest.raises(WebhookSignatureError):
        webhooks.unwrap(BODY, headers(), secret="another")


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"type": 1}', "{", b"\xff", "[" * 9999])
def test_signed_and_still_nothing(webhooks: Webhooks, body: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        webhooks.unwrap(body, headers(body))


def test_secrets_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_WEBHOOK_SECRET"):
        OpenAI(api_key="k").webhooks.unwrap(BODY, headers())
    for wrong in ("whsec_*not*base64*", "whsec_AAA", "whsec_ü", "whsec_"):
        with pytest.raises(ConfigError) as caught:
            Webhooks(wrong).unwrap(BODY, headers())
        assert wrong == "whsec_" or wrong.removeprefix("whsec_") not in f"{caught.value!r}"
        assert caught.value.__cause__ is None


def test_where_the_secret_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sign(BODY, secret=SECRET)
    OpenAI(api_key="k", webhook_secret=SECRET).webhooks.unwrap(BODY, made)
    OpenAI(api_key="k").webhooks.unwrap(BODY, made, secret=SECRET)
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    client = OpenAI(api_key="k")
    assert client.webhooks.unwrap(BODY, made).type == "realtime.call.incoming"
    assert SECRET not in f"{client!r}{client.webhooks!r}"


def test_the_error_is_what_ported_programs_catch() -> None:
    assert issubclass(openai.InvalidWebhookSignatureError, ValueError)
    assert issubclass(WebhookSignatureError, ValueError)


# -- odd headers -----------------------------------------------------------------------------------

NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")
ODD: tuple[Any, ...] = (
    *(None, "", b"", " ", "\ud800", "\0", "\xff", b"\xff", "\u0661", "v1", "v1,", ",", "v1,v1,v1"),
    *("nan", "NaN", "inf", "-inf", "1e9", "1_0", "0x1", "9" * 5000, "-" + "9" * 400, "9" * 21),
    *(" 1767225600", "+1767225600", "1767225600.0", "1767225600\n", NOW, float("nan"), 1e400),
    *(True, [], ["v1,AAAA"], {}, object(), 10**5000, ("v1", "AAAA"), bytearray(b"v1,AAAA")),
    *("v1," + "A" * 100_000, "v1,=", "v1,AAA", "v1,\u00fc", "v1,\ud800", "v2,AAAA", "v1 ,AAAA"),
    "v1,AAAA " * 10_000,
)


def refused(webhooks: Webhooks, odd: Any) -> None:
    for work in (webhooks.verify_signature, webhooks.unwrap):
        with pytest.raises(WebhookSignatureError) as caught:
            work(BODY, odd)
        assert len(str(caught.value)) < 300
        assert type(pickle.loads(pickle.dumps(caught.value))) is WebhookSignatureError


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_header(webhooks: Webhooks, name: str, odd: Any) -> None:
    refused(webhooks, {**headers(), name: odd})
    others = {other: value for other, value in headers().items() if other != name}
    refused(webhooks, {**others, name.title().encode(): odd})


@pytest.mark.parametrize(
    "odd",
    [None, {}, [], [("webhook-id", "a")], "webhook-id", 5, {None: None, 5: 5, (): ()}],
    ids=repr,
)
def test_headers_that_are_none(webhooks: Webhooks, odd: Any) -> None:
    refused(webhooks, odd)


values = st.none() | st.text() | st.binary() | st.integers() | st.floats() | st.lists(st.text())
stamps = st.integers(NOW - 10**6, NOW + 10**6).map(str)
signatures = st.lists(st.sampled_from(["v1,", "v2,", " ", "AAAA", "=", ","]) | st.text()).map(
    "".join
)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, values | stamps | signatures)))
def test_odd_headers_together(odd: dict[str, Any]) -> None:
    refused(Webhooks(SECRET, clock=lambda: NOW), odd)


@given(st.binary() | st.text() | st.recursive(values, st.lists).map(repr))
def test_what_is_signed_is_json_with_a_type_or_refused(body: str | bytes) -> None:
    webhooks = Webhooks(SECRET, clock=lambda: NOW)
    with suppress(RemoteProtocolError):
        webhooks.unwrap(body, headers(body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["realtime.call.incoming", "x"])},
        optional={
            **dict.fromkeys(("id", "object", "created_at"), json_values),
            "data": json_values
            | st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("call_id", "sip_headers", "other"), json_values)
            ),
        },
    )
)
def test_a_signed_event_of_any_form(fields: dict[str, Any]) -> None:
    body = json.dumps(fields)
    with suppress(RemoteProtocolError):
        event = Webhooks(SECRET, clock=lambda: NOW).unwrap(body, headers(body))
        assert event.type == fields["type"]
        assert repr(event)


@pytest.mark.parametrize("payload", [None, {}, EVENT, [], 5, 10**12, object()], ids=type)
def test_a_payload_that_is_no_body(webhooks: Webhooks, payload: Any) -> None:
    with pytest.raises(ConfigError, match="pass the body as it came"):
        webhooks.unwrap(payload, headers())
    with pytest.raises(ConfigError, match="pass the body as it came"):
        sign(payload, secret=SECRET)


@pytest.mark.parametrize(
    "secret", [b"whsec_AAAA", 5, ["a"], "whsec_", "whsec_\u00fc", "whsec_\ud800"]
)
def test_a_secret_that_is_none(secret: Any) -> None:
    with pytest.raises(ConfigError, match="webhook secret"):
        Webhooks().unwrap(BODY, headers(), secret=secret)


def test_half_an_emoji_in_a_secret_or_a_body() -> None:
    odd = '{"type": "\ud83d"}'
    Webhooks(clock=lambda: NOW).unwrap(odd, headers(odd, secret="\ud83d"), secret="\ud83d")
