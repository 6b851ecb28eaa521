"""The REST calls against the embedded server, over plain sockets and over TLS."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import requests
from embedded import Server, question, silence
from sip_calls import SipProvider

from realtime_sync import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    Local,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
)
from realtime_sync.events import Session, TranscriptionSession
from realtime_sync.rest import calls, client_secrets, webhooks

pytestmark = pytest.mark.timeout(60)

MODEL = "gpt-realtime-2"
TEXT: Any = {"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief."}
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:1",
        "a=sctp-port:5000",
        "",
    ]
)


def client_of(server: Server, key: str | None = None) -> OpenAI:
    return OpenAI(api_key=key or server.key, base_url=server.url, ssl_context=server.tls())


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with client_of(server) as made:
        yield made


def ring(server: Server) -> str:
    """Let a call come in, and return its id."""
    return provider_of(server).ring()[0]


def provider_of(server: Server) -> SipProvider:
    return SipProvider(server.url, server.key, server.tls())


# -- client secrets --------------------------------------------------------------------------------


def test_a_secret_opens_sessions_with_its_configuration(client: OpenAI, server: Server) -> None:
    before = int(time.time())
    secret = client.realtime.client_secrets.create(
        session={**TEXT, "model": MODEL}, expires_after={"anchor": "created_at", "seconds": 60}
    )
    assert secret.value.startswith("ek_")
    assert secret.value not in repr(secret)
    assert before + 60 <= secret.expires_at <= int(time.time()) + 60
    assert isinstance(secret.session, Session)
    assert secret.session.model == MODEL
    with client_of(server, secret.value) as guest:
        for _ in range(2):  # as often as one likes
            with guest.realtime.connect(model=MODEL) as connection:
                created: Any = connection.recv(30)
                assert created.session.instructions == "Be brief."
                assert created.session.output_modalities == ["text"]
                assert connection.ask("Hello!", timeout=30).text
        with guest.realtime.connect(model="gpt-realtime", extra_query={"x": "y"}) as connection:
            created = connection.recv(30)
            assert created.session.model == "gpt-realtime", "the connection's own choice wins"


def test_a_secret_without_anything_given(client: OpenAI, server: Server) -> None:
    secret = client.realtime.client_secrets.create()
    assert secret.expires_at >= int(time.time()) + 590
    listening = {"intent": "transcription"}
    with (
        client_of(server, secret.value) as guest,
        guest.realtime.connect(extra_query=listening) as connection,
    ):
        created: Any = connection.recv(30)
        assert created.session.type == "transcription"


def test_a_secret_for_a_transcription(client: OpenAI, server: Server) -> None:
    secret = client.realtime.client_secrets.create(
        session={"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    )
    assert isinstance(secret.session, TranscriptionSession)
    listening = {"intent": "transcription"}
    with (
        client_of(server, secret.value) as guest,
        guest.realtime.connect(extra_query=listening) as connection,
    ):
        created: Any = connection.recv(30)
        assert created.session.type == "transcription"
        assert created.session.audio.input.turn_detection is None


def test_a_session_given_as_a_value(client: OpenAI) -> None:
    secret = client.realtime.client_secrets.create(session=Session(instructions="As a value."))
    assert isinstance(secret.session, Session)
    assert secret.session.instructions == "As a value."


def test_a_secret_opens_sessions_and_nothing_else(client: OpenAI, server: Server) -> None:
    secret = client.realtime.client_secrets.create(session=TEXT)
    with client_of(server, secret.value) as guest:
        with pytest.raises(PermissionDeniedError):
            guest.realtime.client_secrets.create()
        with pytest.raises(PermissionDeniedError):
            guest.realtime.calls.hangup("rtc_1")
        with pytest.raises(PermissionDeniedError):
            guest.realtime.translations.connect("gpt-realtime-translate").enter()


def test_a_secret_for_a_translation(client: OpenAI, server: Server) -> None:
    secret = client.realtime.translations.client_secrets.create(
        session={"model": "gpt-realtime-translate", "audio": {"output": {"language": "de"}}}
    )
    assert secret.value not in repr(secret)
    assert secret.session.model == "gpt-realtime-translate"
    assert secret.session.audio is not None
    with client_of(server, secret.value) as guest:
        with guest.realtime.translations.connect("gpt-realtime-translate") as connection:
            created: Any = connection.recv(30)
            assert created.session.audio.output.language == "de"
        with pytest.raises(PermissionDeniedError):
            guest.realtime.connect(model=MODEL).enter()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"session": {"type": "realtime", "voice": "x"}}, "session.voice"),
        (
            {"session": {"type": "realtime", "audio": {"output": {"voice": "nova"}}}},
            "session.audio.output.voice",
        ),
        ({"session": {}}, "session.type"),
        ({"session": {"type": "realtime", "model": "other-model"}}, "session.model"),
        ({"session": {"type": "realtime", "model": 1}}, "session.model"),
        ({"session": []}, "session"),
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "expires_after.anchor"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_the_server_does_not_take(ws_server: Server, body: Any, param: str) -> None:
    with client_of(ws_server) as client, pytest.raises(BadRequestError) as caught:
        client.realtime.client_secrets.create(extra_body=body)
    assert caught.value.param == param
    assert caught.value.request_id is not None


def test_wrong_keys(client: OpenAI, server: Server) -> None:
    with client_of(server, "wrong-key") as stranger:
        with pytest.raises(AuthenticationError) as caught:
            stranger.realtime.client_secrets.create()
        assert caught.value.code == "invalid_api_key"
        assert "wrong-key" not in f"{caught.value!r}{caught.value.body}"
        with pytest.raises(AuthenticationError):
            stranger.realtime.calls.create(sdp=OFFER)
        with pytest.raises(AuthenticationError):
            stranger.realtime.calls.accept("rtc_1", type="realtime")


# -- calls -----------------------------------------------------------------------------------------


def test_a_call_over_webrtc(client: OpenAI, server: Server) -> None:
    answer = client.realtime.calls.create(sdp=OFFER, session=TEXT)
    assert answer.call_id is not None
    assert answer.call_id.startswith("rtc_")
    lines = answer.sdp.split("\r\n")
    assert (lines[0], lines[-1]) == ("v=0", "")
    assert [line for line in lines if line[:2] == "m="] == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert "a=recvonly" in lines
    with client.realtime.connect(call_id=answer.call_id) as sideband:
        created: Any = sideband.recv(30)
        assert created.session.instructions == "Be brief."
        client.realtime.calls.hangup(answer.call_id)
        assert list(sideband) == [], "it ends with the call, and cleanly"
    with pytest.raises(NotFoundError):
        client.realtime.connect(call_id=answer.call_id).enter()


def test_a_call_with_a_client_secret(client: OpenAI, server: Server) -> None:
    secret = client.realtime.client_secrets.create(session=TEXT)
    with client_of(server, secret.value) as guest:
        answer = guest.realtime.calls.create(sdp=OFFER)
    assert answer.call_id is not None
    with client.realtime.connect(call_id=answer.call_id) as sideband:
        created: Any = sideband.recv(30)
        assert created.session.instructions == "Be brief."


def test_a_telephone_call(client: OpenAI, server: Server) -> None:
    call_id = ring(server)
    with pytest.raises(NotFoundError):
        client.realtime.connect(call_id=call_id).enter()
    with pytest.raises(ConflictError):
        client.realtime.calls.refer(call_id, target_uri="tel:+14155550123")
    client.realtime.calls.accept(call_id, **TEXT)
    with pytest.raises(ConflictError) as caught:
        client.realtime.calls.accept(call_id, type="realtime")
    assert caught.value.param == "call_id"
    with pytest.raises(ConflictError):
        client.realtime.calls.reject(call_id)
    with client.realtime.connect(call_id=call_id) as sideband:
        created: Any = sideband.recv(30)
        assert created.session.instructions == "Be brief."
        assert sideband.ask("Hello!", timeout=30).text
        client.realtime.calls.refer(call_id, target_uri="sip:agent@example.com")
        assert {event.type for event in sideband} <= {"rate_limits.updated"}
    assert provider_of(server).state_of(call_id) == {
        "state": "ended", "joined": 1, "ended_by": "refer", "target_uri": "sip:agent@example.com"
    }  # fmt: skip
    with pytest.raises(NotFoundError):
        client.realtime.calls.hangup(call_id)


def test_the_caller_of_a_telephone_call_is_heard(client: OpenAI, server: Server) -> None:
    """What is said before somebody joins waits for him; it goes the way of any other sound."""
    provider = provider_of(server)
    call_id, _ = provider.ring()
    client.realtime.calls.accept(call_id, model=MODEL)
    provider.say(call_id, question("hello") + silence(700))
    with client.realtime.connect(call_id=call_id) as sideband:
        said = sideband.wait_for("response.output_audio_transcript.done", timeout=30)
        assert said.transcript == "I am fine, thank you. What can I do for you?"
        provider.caller_hangs_up(call_id)
        assert [event for event in sideband if event.type == "error"] == []
    with pytest.raises(HTTPError, match="404"):
        provider.say(call_id, silence(20))


def test_a_caller_whom_nobody_hears_is_told_in_the_end(ws_server: Server) -> None:
    provider = provider_of(ws_server)
    call_id, _ = provider.ring()
    for _ in range(50):
        provider.say(call_id, silence(20))
    with pytest.raises(HTTPError, match="409"):
        provider.say(call_id, silence(20))


def test_calls_that_are_not_taken(client: OpenAI, server: Server) -> None:
    first, second = ring(server), ring(server)
    client.realtime.calls.reject(first)
    client.realtime.calls.reject(second, status_code=486)
    told = [provider_of(server).state_of(call_id) for call_id in (first, second)]
    assert [state["ended_by"] for state in told] == ["reject", "reject"]
    assert [state["status_code"] for state in told] == [603, 486]
    for call_id in (first, second, "rtc_none"):
        with pytest.raises(NotFoundError, match="No call with id"):
            client.realtime.calls.accept(call_id, type="realtime")
        with pytest.raises(NotFoundError):
            client.realtime.calls.reject(call_id)
        with pytest.raises(NotFoundError):
            client.realtime.calls.refer(call_id, target_uri="tel:+1")


def test_an_error_that_is_kept_keeps_no_link(ws_server: Server) -> None:
    """Its traceback refers to the answer; closing the client closes the socket all the same."""
    before = sockets()
    with client_of(ws_server) as client:
        with pytest.raises(NotFoundError) as caught:
            client.realtime.calls.accept("rtc_none", model=MODEL)
        assert len(sockets() - before) == 1, "it is kept for the next call"
    assert sockets() == before
    assert caught.value.status == 404


def sockets() -> set[str]:
    """Return the sockets of this process."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the folder itself
            found.add(str(descriptor.readlink()))
    return {link for link in found if link.startswith("socket:")}


def test_wrong_requests_about_calls(ws_server: Server) -> None:
    with client_of(ws_server) as client:
        create = client.realtime.calls.create
        for sdp in ("\n\0", "v=0", "hello", "v=1\r\nm=audio 9 x 0"):
            with pytest.raises(BadRequestError) as caught:
                create(sdp=sdp)
            assert caught.value.code == "invalid_offer"
        with pytest.raises(BadRequestError, match=r"session\.voice"):
            create(
                sdp=OFFER, session=TEXT, extra_body={"session": {"type": "realtime", "voice": 1}}
            )
        call_id = ring(ws_server)
        with pytest.raises(BadRequestError, match="target_uri"):
            client.realtime.calls.refer(call_id, target_uri="http://x")
        with pytest.raises(BadRequestError, match="target_uri"):
            client.realtime.calls.refer(call_id, target_uri="tel:" + "1" * 2000)
        assert provider_of(ws_server).state_of(call_id) == {"state": "ringing", "joined": 0}
        with pytest.raises(BadRequestError, match="status_code"):
            client.realtime.calls.reject(call_id, status_code=200)
        with pytest.raises(BadRequestError, match="other-model"):
            client.realtime.calls.accept(call_id, type="realtime", model="other-model")
        client.realtime.calls.accept(call_id, type="realtime")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/sdp", b"\xff"),
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=sdp"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=sdp\r\n"
            + b"Content-Type: message/rfc822\r\n\r\n" * 3000
            + b"v=0\r\n--x--\r\n",
        ),
        ("application/sdp", b"v=0" + bytes(2 << 20)),
    ],
)
def test_bodies_by_hand(ws_server: Server, kind: str, body: bytes) -> None:
    response = requests.post(
        ws_server.url + "/realtime/calls",
        data=body,
        headers={"Authorization": f"Bearer {ws_server.key}", "Content-Type": kind},
        timeout=30,
    )
    assert response.status_code == 400, response.text
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_bodies_that_are_no_json(ws_server: Server) -> None:
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
        response = requests.post(
            ws_server.url + "/realtime/client_secrets",
            data=body,
            headers={"Authorization": f"Bearer {ws_server.key}"},
            timeout=30,
        )
        assert response.status_code == 400, response.text


# -- all of it -------------------------------------------------------------------------------------


def test_raw_and_streaming_from_every_door(ws_server: Server) -> None:
    with client_of(ws_server) as client:
        realtime = client.realtime
        for raw in (
            realtime.with_raw_response.client_secrets.create(),
            realtime.client_secrets.with_raw_response.create(),
        ):
            assert raw.status_code == 200
            assert raw.request_id == raw.headers["X-REQUEST-ID"]
            assert raw.parse().value == raw.json()["value"]
            assert raw.parse().value not in repr(raw)
        translation: Any = {"model": "gpt-realtime-translate"}
        for made in (
            realtime.with_raw_response.translations.client_secrets.create(session=translation),
            realtime.translations.with_raw_response.client_secrets.create(session=translation),
            realtime.translations.client_secrets.with_raw_response.create(session=translation),
        ):
            assert made.parse().session.type == "translation"
        for streamed in (
            realtime.with_streaming_response.calls.create(sdp=OFFER),
            realtime.calls.with_streaming_response.create(sdp=OFFER),
        ):
            with streamed as response:
                assert response.status_code == 201
                assert response.headers["location"].endswith(str(response.parse().call_id))
        with (
            realtime.with_streaming_response.translations.client_secrets.create(
                session=translation
            ) as one,
            realtime.translations.with_streaming_response.client_secrets.create(
                session=translation
            ) as two,
        ):
            assert json.loads(one.read())["session"]["type"] == two.json()["session"]["type"]
        nothing = realtime.calls.with_raw_response.accept(ring(ws_server), type="realtime")
        nothing.parse()
        assert nothing.content == b""


def test_local_starts_its_server_for_a_rest_call() -> None:
    with Local() as client:
        assert client.realtime.client_secrets.create().value.startswith("ek_")


def test_neither_import_nor_connect_load_requests(ws_server: Server) -> None:
    program = f"""
import sys
import realtime_sync
client = realtime_sync.OpenAI(api_key={ws_server.key!r}, base_url={ws_server.url!r})
client.webhooks
with client.realtime.connect(model="gpt-realtime") as connection:
    connection.recv(30)
print([name for name in ("requests", "urllib3") if name in sys.modules])
client.realtime.client_secrets.create()
print("requests" in sys.modules)
"""
    run = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert result.stdout == "[]\nTrue\n", result.stderr


@pytest.mark.parametrize("module", [calls, client_secrets, webhooks], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
