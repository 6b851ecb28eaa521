"""Twilio's signatures: what it signs is taken, as its own package does, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from realtime_sync.errors import ConfigError, TwilioSignatureError, WebhookSignatureError
from realtime_sync.telephony import TwilioSignature

TOKEN = "12345"
PUBLIC = "https://phone.example.com"
URL = f"{PUBLIC}/voice?lang=de"
FORM = {"CallSid": "CA1234567890ABCDE", "From": "+15550100", "Digits": "1234"}
FORM_TYPE = "application/x-www-form-urlencoded"
OURS = TwilioSignature(TOKEN)
THEIRS = RequestValidator(TOKEN)


def their_headers(url: str, form: object, kind: str | None = FORM_TYPE) -> dict[str, str]:
    types = {} if kind is None else {"Content-Type": kind}
    return {"X-Twilio-Signature": THEIRS.compute_signature(url, form), **types}


def refused(match: str, *request: Any, signature: TwilioSignature = OURS) -> None:
    with pytest.raises(TwilioSignatureError, match=match):
        signature.check(*request)


# -- against the published package -----------------------------------------------------------------

FORMS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3),
    max_size=6,
)
HOSTS = st.sampled_from(["example.com", "me:hush@example.com", "10.0.0.1"])
PORTS = st.sampled_from(["", ":443", ":80", ":8443"])
TARGETS = st.sampled_from(["", "/", "/voice", "/voice?a=1&b=%20", "/ü", "/a//b/?x=y?z"])
SCHEMES = st.sampled_from(["http", "https"])


@given(SCHEMES, HOSTS, PORTS, TARGETS, FORMS)
def test_forms_as_the_published_package_signs_them(
    scheme: str, host: str, port: str, target: str, form: dict[str, list[str]]
) -> None:
    url = f"{scheme}://{host}{port}{target}"
    headers = their_headers(url, MultiDict(form))
    OURS.check(url, headers, urlencode(form, doseq=True))
    ours = OURS.sign(url, form=form)
    assert THEIRS.validate(url, MultiDict(form), ours.headers["X-Twilio-Signature"])
    OURS.check(ours.url, ours.headers, ours.body)


@given(FORMS, st.binary(max_size=8), st.integers(0, 60))
def test_no_other_body_passes(form: dict[str, list[str]], junk: bytes, at: int) -> None:
    signed = OURS.sign(URL, form=form)
    body = bytearray(signed.body)
    body[at : at + len(junk)] = junk
    if fields_of(bytes(body)) == fields_of(signed.body):
        return
    with pytest.raises(TwilioSignatureError):
        OURS.check(URL, {**signed.headers, "Content-Type": FORM_TYPE}, bytes(body))


def fields_of(body: bytes) -> str:
    """The string that is signed, by the reference's rules, with the bytes kept."""
    pairs = parse_qsl(
        body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape"
    )
    return "".join(k + v for k, v in sorted(set(pairs)))


@given(SCHEMES, PORTS, st.binary(min_size=1, max_size=50).filter(lambda body: _is_utf8(body)))
def test_json_as_the_published_package_signs_it(scheme: str, port: str, body: bytes) -> None:
    digest = hashlib.sha256(body).hexdigest()
    url = f"{scheme}://example.com{port}/events?a=b&bodySHA256={digest}"
    OURS.check(url, their_headers(url, {}, "application/json"), body)
    ours = OURS.sign(f"{scheme}://example.com{port}/events?a=b", body=body)
    assert ours.url == url
    signature = ours.headers["X-Twilio-Signature"]
    assert THEIRS.validate(ours.url, body.decode(), signature)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("signed_port", ["", ":443"])
@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_the_default_port_may_have_been_signed_or_not(
    scheme: str, port: str, signed_port: str
) -> None:
    headers = their_headers(f"{scheme}://example.com{signed_port}/x", {}, None)
    OURS.check(f"{scheme}://example.com{port}/x", headers)


def test_another_port_is_signed_or_left_out_and_no_other_one() -> None:
    for signed in ("https://example.com:8443/x", "https://example.com/x"):
        OURS.check("https://example.com:8443/x", their_headers(signed, {}, None))
    for other in ("https://example.com:443/x", "https://example.com:844/x"):
        refused("not Twilio's", "https://example.com:8443/x", their_headers(other, {}, None))
    plain = their_headers("http://[::1]:80/x", {}, None)
    OURS.check("http://[::1]/x", plain)


def test_the_algorithm_of_a_shared_key() -> None:
    signature = THEIRS.compute_signature(URL, FORM, "HMAC_SHA256")
    settings = "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"
    headers = {
        "X-Twilio-Signature": signature,
        "X-Twilio-Webhooks-Signature-Settings": settings,
        "Content-Type": FORM_TYPE,
    }
    OURS.check(URL, headers, urlencode(FORM))
    without = {**headers, "X-Twilio-Webhooks-Signature-Settings": "key=k"}
    refused("not Twilio's", URL, without, urlencode(FORM))
    odd = {**headers, "X-Twilio-Webhooks-Signature-Settings": "algorithm=NONE"}
    refused("HMAC_SHA1, HMAC_SHA256, not 'NONE'", URL, odd, urlencode(FORM))


# -- headers ---------------------------------------------------------------------------------------


def test_headers_of_every_kind() -> None:
    signed = OURS.sign(URL, form=FORM)
    for headers in (
        {name.lower(): value for name, value in signed.headers.items()},
        {name.upper(): value for name, value in signed.headers.items()},
        {name.encode(): value.encode() for name, value in signed.headers.items()},
        WerkzeugHeaders(list(signed.headers.items())),
    ):
        OURS.check(URL, headers, signed.body)  # type: ignore[arg-type]
        OURS.check(URL, headers, signed.body.decode())  # type: ignore[arg-type]


def test_no_signature() -> None:
    for headers in ({}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": None}, None, []):
        refused("X-Twilio-Signature is missing", URL, headers, b"")


def test_two_signatures() -> None:
    good = OURS.sign(URL, form=FORM)
    pairs = [*good.headers.items(), ("x-twilio-signature", "AAAA")]
    refused("there are 2 headers", URL, WerkzeugHeaders(pairs), good.body)
    joined = {**good.headers, "X-Twilio-Signature": good.headers["X-Twilio-Signature"] + ",AAAA"}
    refused("not Twilio's", URL, joined, good.body)


@pytest.mark.parametrize("odd", ["AAAA", "ü", "\ud83d", "=", "x" * 100_000])
def test_odd_signatures(odd: str) -> None:
    refused("not Twilio's", URL, {"X-Twilio-Signature": odd})


def test_every_character_counts() -> None:
    signature = OURS.sign(URL).headers["X-Twilio-Signature"]
    for at in range(len(signature)):
        other = "A" if signature[at] != "A" else "B"
        wrong = signature[:at] + other + signature[at + 1 :]
        refused("not Twilio's", URL, {"X-Twilio-Signature": wrong})
    refused("not Twilio's", URL, {"X-Twilio-Signature": signature[:-1]})
    refused("not Twilio's", URL, {"X-Twilio-Signature": f"{signature} "})


def test_another_token() -> None:
    signed = TwilioSignature("other").sign(URL, form=FORM)
    refused("check the auth token", URL, signed.headers, signed.body)


# -- bodies ----------------------------------------------------------------------------------------


def test_what_is_written_otherwise_is_the_same_form() -> None:
    headers = their_headers(URL, {"A": "+1 ü", "B": ""})
    for body in (
        b"A=%2B1+%C3%BC&B=",
        b"B=&A=%2b1%20%c3%bc",
        b"A=%2B1%20\xc3\xbc&B",
        b"A=%2B1+%C3%BC&B=&&A=%2B1+%C3%BC",  # each value once, as the published package has it
    ):
        OURS.check(URL, headers, body)
    for kind in (f"{FORM_TYPE}; charset=UTF-16", FORM_TYPE.upper(), f" {FORM_TYPE} ;x"):
        OURS.check(URL, {**headers, "Content-Type": kind}, b"A=%2B1+%C3%BC&B=")


@pytest.mark.parametrize(
    "body",
    [
        b"A=%2B1+%C3%BC",
        b"A=%2B1+%C3%BC&B=&C=",
        b"A=%2B1+%C3%BC&B=&A=2",
        b"A=%2B1+%EF%BF%BD&B=",
        b"A=%2B1+%FC&B=",
        b"A=+1+%C3%BC&B=",
        b"a=%2B1+%C3%BC&B=",
    ],
)
def test_another_form(body: bytes) -> None:
    refused("not Twilio's", URL, their_headers(URL, {"A": "+1 ü", "B": ""}), body)


def test_bytes_that_are_no_utf8_stay_what_they_are() -> None:
    replaced = OURS.sign(URL, form={"A": "\ufffd"})
    refused("not Twilio's", URL, replaced.headers, b"A=%FF")
    refused("not Twilio's", URL, replaced.headers, b"A=%ED%A0%80")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_a_body_that_nothing_covers(kind: str) -> None:
    """Who has seen a signed request without a body must not send one of his own with it."""
    headers = {**OURS.sign(URL).headers, "Content-Type": kind}
    refused("nothing says that it is Twilio's", URL, headers, b'{"CallSid": "CA1"}')


def test_a_form_sent_as_something_else() -> None:
    signed = OURS.sign(URL, form=FORM)
    refused("nothing says", URL, {**signed.headers, "Content-Type": "text/plain"}, signed.body)
    empty = {**OURS.sign(URL).headers, "Content-Type": FORM_TYPE}
    refused("nothing says", URL, empty, b"&&")


def test_another_json_body() -> None:
    signed = OURS.sign(f"{PUBLIC}/events", body=json.dumps({"a": 1}))
    OURS.check(signed.url, signed.headers, signed.body)
    for body in (b"{}", b"", signed.body + b" "):
        refused("whose hash is in the URL", signed.url, signed.headers, body)
    form = {**signed.headers, "Content-Type": FORM_TYPE}
    refused("whose hash", signed.url, form, b"")
    refused("not Twilio's", signed.url, form, b"a=1")


def test_a_huge_body_and_many_fields() -> None:
    headers = {**OURS.sign(URL).headers, "Content-Type": FORM_TYPE}
    largest = OURS.sign(URL, form={"A": "x" * ((1 << 20) - 2)})
    OURS.check(URL, largest.headers, largest.body)
    refused("has 1048577 bytes", URL, headers, largest.body + b"x")
    refused("more than 10000 fields", URL, headers, b"a=&" * 10_000 + b"a=")


def test_a_body_that_is_none() -> None:
    with pytest.raises(ConfigError, match="the payload is a dict"):
        OURS.check(URL, OURS.sign(URL).headers, {"CallSid": "CA1"})  # type: ignore[arg-type]


# -- URLs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("public", "seen"),
    [
        ("https://phone.example.com", "/voice?a=1"),
        ("https://phone.example.com/", "/voice?a=1"),
        ("https://phone.example.com", "http://127.0.0.1:8000/voice?a=1"),
        ("https://phone.example.com:443", "http://evil.example/voice?a=1"),
        ("HTTPS://phone.example.com", "HTTP://127.0.0.1/voice?a=1"),
    ],
)
def test_behind_a_proxy(public: str, seen: str) -> None:
    headers = their_headers("https://phone.example.com/voice?a=1", FORM)
    TwilioSignature(TOKEN, public_url=public).check(seen, headers, urlencode(FORM))


def test_the_path_of_the_public_url_is_what_the_proxy_takes_away() -> None:
    proxied = TwilioSignature(TOKEN, public_url="https://example.com/phone/")
    proxied.check("/voice", their_headers("https://example.com/phone/voice", FORM), urlencode(FORM))


def test_a_path_needs_the_public_url() -> None:
    with pytest.raises(ConfigError, match="public_url='https://host'"):
        OURS.check("/voice", OURS.sign(URL).headers)


@pytest.mark.parametrize("scheme", ["https", "http", "wss"])
def test_an_upgrade_is_signed_with_its_own_scheme(scheme: str) -> None:
    headers = {**their_headers("wss://example.com/media", {}, None), "Upgrade": "WebSocket"}
    TwilioSignature(TOKEN, public_url="https://example.com").check("/media", headers)
    refused("'ws://example.com/media'", "http://example.com/media", headers)
    if scheme != "http":
        OURS.check(f"{scheme}://example.com/media", headers)
    del headers["Upgrade"]
    refused("not Twilio's", "https://example.com/media", headers)


def test_a_question_mark_without_a_query() -> None:
    OURS.check(f"{PUBLIC}/voice?", their_headers(f"{PUBLIC}/voice", FORM), urlencode(FORM))
    OURS.check(f"{PUBLIC}/voice?", their_headers(f"{PUBLIC}/voice?", FORM), urlencode(FORM))
    refused("not", f"{PUBLIC}/voice", their_headers(f"{PUBLIC}/voice?", FORM), urlencode(FORM))


def test_the_error_shows_the_url_that_was_checked_without_its_secrets() -> None:
    signature = TwilioSignature(TOKEN, public_url="https://me:hush@example.com")
    with pytest.raises(WebhookSignatureError) as caught:
        signature.check("/voice?token=hushhush&a=1", {"X-Twilio-Signature": "AAAA"})
    assert "'https://***@example.com/voice?token=***&a=1'" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert repr(signature) == "TwilioSignature(public_url='https://***@example.com')"
    with pytest.raises(TwilioSignatureError) as caught:
        OURS.check(f"{PUBLIC}/{'x' * 100_000}", {"X-Twilio-Signature": "AAAA"})
    assert len(str(caught.value)) < 500


# -- WSGI ------------------------------------------------------------------------------------------


def environ(path: str, form: dict[str, str] | None, **more: str) -> dict[str, Any]:
    builder = EnvironBuilder(
        path, base_url="http://10.0.0.1:8000", method="POST" if form else "GET", data=form
    )
    return {**builder.get_environ(), **more}


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI", "nothing"])
def test_wsgi_requests(name: str) -> None:
    target = "/vo%20ice%2Fa?b=%20"
    seen = environ("/vo ice/a", FORM)
    seen.pop("REQUEST_URI"), seen.pop("RAW_URI", None)
    url = PUBLIC + (target if name != "nothing" else "/vo%20ice/a?b=%20")
    seen |= {name: target, "QUERY_STRING": "b=%20"}
    seen["HTTP_X_TWILIO_SIGNATURE"] = THEIRS.compute_signature(url, FORM)
    public = TwilioSignature(TOKEN, public_url=PUBLIC)
    public.check_request(seen, urlencode(FORM))
    with pytest.raises(TwilioSignatureError):
        public.check_request({**seen, name: "/x", "PATH_INFO": "/x"}, urlencode(FORM))


def test_wsgi_requests_that_come_directly() -> None:
    signature = THEIRS.compute_signature("http://10.0.0.1:8000/voice", FORM)
    seen = environ("/voice", FORM, HTTP_X_TWILIO_SIGNATURE=signature)
    OURS.check_request(seen, urlencode(FORM))
    upgrade = environ("/media", None, HTTP_UPGRADE="websocket")
    upgrade["HTTP_X_TWILIO_SIGNATURE"] = THEIRS.compute_signature("ws://10.0.0.1:8000/media", {})
    OURS.check_request(upgrade)
    with pytest.raises(TwilioSignatureError, match="missing"):
        OURS.check_request(environ("/voice", FORM), urlencode(FORM))


# -- wrong values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", " ", None, 7, b"12345"])
def test_a_token_that_is_none(token: Any) -> None:
    with pytest.raises(ConfigError, match="auth_token") as caught:
        TwilioSignature(token)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("", "public_url must be a text"),
        (7, "public_url must be a text"),
        ("phone.example.com", "scheme"),
        ("wss://phone.example.com", "scheme 'wss'"),
        ("https://", "names no host"),
        ("https://a:b", "malformed"),
        ("https://example.com/?a=1", "query or a fragment"),
        ("https://example.com/#a", "query or a fragment"),
    ],
)
def test_a_public_url_that_is_none(url: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        TwilioSignature(TOKEN, public_url=url)


@pytest.mark.parametrize("url", ["", 7, None])
def test_a_url_that_is_none(url: Any) -> None:
    with pytest.raises(ConfigError, match="url must be a text"):
        OURS.check(url, OURS.sign(URL).headers)


def test_a_form_or_a_body() -> None:
    with pytest.raises(ConfigError, match="one of form=… and body=…"):
        OURS.sign(URL, form={}, body="")
    repeated: dict[str, Sequence[str]] = {"A": ["2", "1", "2"]}
    assert OURS.sign(URL, form=repeated).body == b"A=2&A=1&A=2"
    assert OURS.sign(URL).body == b""
    assert "Content-Type" not in OURS.sign(URL).headers
