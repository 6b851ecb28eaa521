"""The same call through ``openai`` and through us: the server must not see a difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from http_recorder import Asked, HttpRecorder, reply

import realtime_sync

KEY = "sk-parity"
OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=ünïcode\r\nt=0 0\r\n"
SESSION: Any = {"type": "realtime", "model": "gpt-realtime-2", "instructions": 'say "ja" ü 😀'}
SECRET = {"value": "ek_1", "expires_at": 1, "session": {"type": "realtime", "id": "sess_1"}}
ANSWER = reply(201, b"v=0\r\n", {"Location": "/v1/realtime/calls/rtc_1"})
JSON = reply(200, SECRET)
EMPTY = reply(200)

CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "secret": (lambda c: c.client_secrets.create(), JSON),
    "secret with all": (
        lambda c: c.client_secrets.create(
            session=SESSION, expires_after={"anchor": "created_at", "seconds": 60}
        ),
        JSON,
    ),
    "secret with extras": (
        lambda c: c.client_secrets.create(
            session=SESSION,
            extra_headers={"X-Mine": "1", "Accept": "text/json"},
            extra_query={"a": "b c"},
            extra_body={"more": [1], "session": None},
            timeout=3.0,
        ),
        JSON,
    ),
    "translation secret": (
        lambda c: c.translations.client_secrets.create(session={"model": "gpt-realtime-translate"}),
        JSON,
    ),
    "call": (lambda c: c.calls.create(sdp=OFFER), ANSWER),
    "call with session": (lambda c: c.calls.create(sdp=OFFER, session=SESSION), ANSWER),
    "call with extras": (
        lambda c: c.calls.create(
            sdp=OFFER, extra_body={"note": "x"}, extra_headers={"Content-Type": "no/thing"}
        ),
        ANSWER,
    ),
    "accept": (lambda c: c.calls.accept("rtc_1", **SESSION), EMPTY),
    "accept with extras": (
        lambda c: c.calls.accept("rtc_1", type="realtime", extra_body={"voice": "x"}),
        EMPTY,
    ),
    "reject": (lambda c: c.calls.reject("rtc_1"), EMPTY),
    "reject with status": (lambda c: c.calls.reject("rtc_1", status_code=486), EMPTY),
    "refer": (lambda c: c.calls.refer("rtc_1", target_uri="tel:+14155550123"), EMPTY),
    "hangup": (lambda c: c.calls.hangup("rtc_1"), EMPTY),
    "hangup of an odd id": (lambda c: c.calls.hangup("rtc/../ü?#%2F 1"), EMPTY),
    "raw": (lambda c: c.calls.with_raw_response.hangup("rtc_1"), EMPTY),
    "raw at the top": (lambda c: c.with_raw_response.client_secrets.create(), JSON),
}


def seen(client: Any, call: Callable[[Any], Any], answer: Any) -> tuple[Asked, Any]:
    options = {
        "organization": "org-1",
        "project": "proj-1",
        "default_query": {"q": "1"},
        "default_headers": {"X-Default": "2"},
    }
    with (
        HttpRecorder(answer) as server,
        client(api_key=KEY, base_url=server.base_url, **options) as opened,
    ):
        result = call(opened.realtime)
    assert len(server.asked) == 1
    return server.asked[0], result


def shown(asked: Asked) -> dict[str, Any]:
    names = ("authorization", "accept", "openai-organization", "openai-project")
    kind, _, boundary = asked.headers.get("content-type", "").partition(";")
    body: Any = asked.body
    if kind == "multipart/form-data":
        assert "boundary=" in boundary
        body = sorted((*map(str, part[:3]), content_of(part)) for part in asked.parts())
    elif kind == "application/json" and body:
        body = json.loads(body)
    return {
        "method": asked.method,
        "target": asked.target,
        "content-type": kind,
        "body": body,
        **{name: asked.headers.get(name) for name in (*names, "x-default", "x-mine")},
    }


def content_of(part: tuple[Any, Any, str, bytes]) -> str:
    return repr(json.loads(part[3]) if part[2] == "application/json" else part[3])


@pytest.mark.parametrize("name", CALLS)
def test_the_request_is_the_same(name: str) -> None:
    call, answer = CALLS[name]
    theirs, _ = seen(openai.OpenAI, call, answer)
    ours, _ = seen(realtime_sync.OpenAI, call, answer)
    assert shown(ours) == shown(theirs)


def test_the_results_offer_the_same() -> None:
    for client in (openai.OpenAI, realtime_sync.OpenAI):
        _, secret = seen(client, *CALLS["secret"])
        assert (secret.value, secret.expires_at, secret.session.id) == ("ek_1", 1, "sess_1")
        assert secret.model_dump()["session"]["type"] == "realtime"
        _, answer = seen(client, *CALLS["call"])
        assert (answer.text, answer.content, answer.read()) == ("v=0\r\n", b"v=0\r\n", b"v=0\r\n")
        _, nothing = seen(client, *CALLS["hangup"])
        assert nothing is None
        _, raw = seen(client, *CALLS["raw at the top"])
        assert raw.status_code == 200
        assert raw.headers["CONTENT-type"] == "application/json"
        assert raw.parse().value == "ek_1"
        assert json.loads(raw.text) == json.loads(raw.content) == SECRET


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
def test_the_errors_have_the_same_names_and_attributes(status: int) -> None:
    body = {"error": {"message": "no", "type": "t", "code": "c", "param": "p"}}
    answer = reply(status, body, {"x-request-id": "req_1", "x-should-retry": "false"})
    errors = []
    for client, root in ((openai.OpenAI, openai.APIError), (realtime_sync.OpenAI, Exception)):
        with pytest.raises(root) as caught:
            seen(client, *CALLS["hangup"][:1], answer)
        errors.append(caught.value)
    theirs, ours = errors
    if status != 418:
        assert type(ours).__name__ == type(theirs).__name__
    for name in ("status_code", "request_id", "code", "param", "type"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("call_id", ["", ".", ".."])
def test_ids_that_are_none(call_id: str) -> None:
    for client in (openai.OpenAI, realtime_sync.OpenAI):
        with (
            client(api_key=KEY, base_url="http://localhost:1/v1") as opened,
            pytest.raises(ValueError, match=r"call_id|dot-segment"),
        ):
            opened.realtime.calls.hangup(call_id)
