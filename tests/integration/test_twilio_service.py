"""Twilio on loopback is as Twilio is: for its own package, and for a program with webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from guards import Guard
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio_call import SimulatedCall
from twilio_phone import answering
from twilio_service import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    BROKEN,
    SILENT_AFTER_PLACING,
    TOO_MANY,
    UNAUTHORIZED,
    TwilioService,
)
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.http11 import Response as Answer
from websockets.sync.server import ServerConnection
from werkzeug.serving import make_server

from realtime_sync.audio import decode_ulaw, encode_ulaw
from realtime_sync.telephony import (
    MediaStreams,
    TwilioCalls,
    TwilioSignature,
    dial_twiml,
    hang_up_twiml,
    pause_twiml,
    play_twiml,
    redirect_twiml,
    reject_twiml,
    say_twiml,
    stream_twiml,
)

PUBLIC = "https://phone.example.com"
MEDIA = "wss://phone.example.com/media"
TO = {"to": "+15550100", "from_": "+15550199"}
SIGNATURE = TwilioSignature(AUTH_TOKEN, public_url=PUBLIC)


class Loopback(TwilioHttpClient):
    """The published client, at the service's address; whatever else it sends stays as it is."""

    def __init__(self, api_url: str, **options: Any) -> None:
        super().__init__(**options)
        assert self.session is not None
        self.session.trust_env = False
        self.api_url = api_url

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        there = url.replace("https://api.twilio.com", self.api_url)
        return super().request(method, there, *args, **options)


class App:
    """A program with webhooks: it answers each path with what the test says.

    Attributes:
        answers: a status and a body by path; a function is called with the form.
        asked: path and form of each request, in order.
        tokens: the idempotency token of each.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str] | Callable[[dict[str, str]], str]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.tokens: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        path = environ["PATH_INFO"]
        their_word = RequestValidator(AUTH_TOKEN).validate(
            PUBLIC + environ["RAW_URI"], form, environ["HTTP_X_TWILIO_SIGNATURE"]
        )
        assert their_word
        SIGNATURE.check_request(environ, body)
        self.asked.append((path, form))
        self.tokens.append(environ["HTTP_I_TWILIO_IDEMPOTENCY_TOKEN"])
        answer = self.answers.get(path, (204, ""))
        status, text = answer if isinstance(answer, tuple) else (200, answer(form))
        start_response(f"{status} Whatever", [("Content-Type", "text/xml")])
        return [text.encode()]

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form for each, form in self.asked if each == path]


@contextmanager
def running(app: App) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        Guard().join(thread)
        server.server_close()


@pytest.fixture
def app(service: TwilioService) -> Iterator[App]:
    app = App()
    with running(app) as url:
        service.route(PUBLIC, url)
        yield app
        for call in service.calls.values():  # while the program is there to be told
            call.end("caller")
            call.wait_ended()


@pytest.fixture
def service() -> Iterator[TwilioService]:
    with TwilioService() as service:
        yield service


@pytest.fixture
def account(service: TwilioService) -> Iterator[TwilioCalls]:
    with TwilioCalls(ACCOUNT_SID, AUTH_TOKEN, api_url=service.api_url) as account:
        yield account


@pytest.fixture
def theirs(service: TwilioService) -> Iterator[Client]:
    http = Loopback(service.api_url, timeout=Guard().seconds)
    yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    assert http.session is not None
    http.session.close()


def echo(link: ServerConnection) -> None:
    """Say what the caller says until the caller presses a key; only of Twilio's calls."""
    request = link.request
    assert request is not None
    SIGNATURE.check(request.path, request.headers)
    with MediaStreams(link) as call:
        call.sink.write(decode_ulaw(b"\x00" * 800), item_id="greeting")
        call.read_digit(Guard().seconds)


def media_at(url: str) -> str:
    return url.replace("ws://", "http://").replace("/call", "/media")


@pytest.fixture
def media(service: TwilioService) -> Iterator[str]:
    """A program whose end of the stream is `echo`; it is asked for at `MEDIA`."""
    with answering(echo) as url:
        service.route(f"{PUBLIC}/media", media_at(url))
        yield url


# -- for the published client ----------------------------------------------------------------------


def test_the_published_client_places_and_reads_calls(
    service: TwilioService, theirs: Client
) -> None:
    made = theirs.calls.create(**TO, twiml=say_twiml("Hello.", then=pause_twiml(1)))
    assert (made.status, made.direction) == ("queued", "outbound-api")
    assert (made.to, made._from, made.account_sid) == ("+15550100", "+15550199", ACCOUNT_SID)
    assert made.date_created is not None
    call = service.calls[str(made.sid)]
    call.wait_ended()
    assert (call.heard, call.pauses, call.ended_by) == (["Hello."], [1], "twiml")
    found = theirs.calls(str(made.sid)).fetch()
    assert (found.status, found.duration, found.answered_by) == ("completed", "1", None)
    assert found.end_time is not None
    assert found.uri == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{made.sid}.json"


def test_the_published_client_ends_and_redirects_calls(
    service: TwilioService, theirs: Client, media: str
) -> None:
    sid = str(theirs.calls.create(**TO, twiml=stream_twiml(MEDIA)).sid)
    call = service.calls[sid]
    assert call.phone is not None
    theirs.calls(sid).update(twiml=say_twiml("Wait.", then=stream_twiml(MEDIA)))
    call.wait_for(lambda: len(call.streams) == 2, "the second stream")
    assert call.heard == ["Wait."]
    assert theirs.calls(sid).update(status="completed").sid == sid
    call.wait_ended()
    assert (call.status, call.ended_by) == ("completed", "api")
    with pytest.raises(TwilioRestException, match="not in-progress") as caught:
        theirs.calls(sid).update(twiml=hang_up_twiml())
    assert (caught.value.status, caught.value.code) == (400, 21220)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, 21205), ({"to": ""}, 21201), ({"from_": ""}, 21213)],
)
def test_the_published_client_is_told_what_is_missing(
    theirs: Client, fields: dict[str, str], code: int
) -> None:
    options = {**TO, "twiml": hang_up_twiml(), **fields} if fields else TO
    given = {name: value for name, value in options.items() if value}
    with pytest.raises(TwilioRestException) as caught:
        theirs.calls.create(**{"to": None, "from_": None, **given})
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.parametrize("fault", [UNAUTHORIZED, TOO_MANY, BROKEN])
def test_the_published_client_reads_the_errors(
    service: TwilioService, theirs: Client, fault: Any
) -> None:
    service.faults.append(fault)
    with pytest.raises(TwilioRestException) as caught:
        theirs.calls.create(**TO, twiml=hang_up_twiml())
    assert (caught.value.status, caught.value.code) == (fault.status, fault.code)
    assert fault.message in caught.value.msg
    assert service.calls == {}


def test_a_wrong_token_and_a_call_that_nobody_knows(service: TwilioService, theirs: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        theirs.calls("CA" + 32 * "0").fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)
    http = Loopback(service.api_url)
    with pytest.raises(TwilioRestException) as caught:
        Client(ACCOUNT_SID, "wrong", http_client=http).calls("CA1").fetch()
    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert http.session is not None
    http.session.close()


def test_an_answer_that_does_not_come_is_of_a_call_that_was_placed(service: TwilioService) -> None:
    service.faults.append(SILENT_AFTER_PLACING)
    http = Loopback(service.api_url, timeout=0.5)
    with pytest.raises(OSError, match="timed out"):
        Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http).calls.create(
            **TO, twiml=say_twiml("Hello.")
        )
    assert http.session is not None
    http.session.close()
    service.only_call.wait_ended()
    assert service.only_call.heard == ["Hello."]


# -- for a program ---------------------------------------------------------------------------------


def statuses(app: App) -> list[str]:
    return [form["CallStatus"] for form in app.forms("/status")]


def place(account: TwilioCalls, service: TwilioService, **options: Any) -> SimulatedCall:
    return service.calls[account.create(**{**TO, **options}).sid]


def test_a_program_is_asked_and_told(
    service: TwilioService, account: TwilioCalls, app: App
) -> None:
    app.answers["/voice"] = (200, say_twiml("Hello.", then=redirect_twiml(f"{PUBLIC}/more?n=1")))
    app.answers["/more"] = (200, dial_twiml("sip:a@example.com", action=f"{PUBLIC}/dialled"))
    app.answers["/dialled"] = (200, dial_twiml("client:joe", then=play_twiml(f"{PUBLIC}/a.wav")))
    call = place(account, service, url=f"{PUBLIC}/voice?a=%20b", status_callback=f"{PUBLIC}/status")
    call.wait_ended()
    assert call.heard == ["Hello."]
    assert call.dialled == ["sip:a@example.com", "client:joe"]
    assert call.played == [f"{PUBLIC}/a.wav"]
    assert statuses(app) == ["initiated", "ringing", "in-progress", "completed"]
    numbers = [form["SequenceNumber"] for form in app.forms("/status")]
    assert numbers == ["0", "1", "2", "3"]
    assert app.forms("/status")[-1]["CallDuration"] == "1"
    (asked,) = app.forms("/voice")
    assert asked["CallSid"] == call.sid
    assert asked["AccountSid"] == ACCOUNT_SID
    assert (asked["From"], asked["To"], asked["Direction"]) == (
        "+15550199",
        "+15550100",
        "outbound-api",
    )
    assert app.forms("/dialled")[0]["DialCallStatus"] == "completed"
    assert len(set(app.tokens)) == len(app.tokens)


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
def test_a_call_that_nobody_takes(
    service: TwilioService, account: TwilioCalls, app: App, outcome: str
) -> None:
    service.outcomes["+15550100"] = outcome
    call = place(account, service, url=f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
    call.wait_ended()
    assert statuses(app) == ["initiated", "ringing", outcome]
    assert app.forms("/voice") == []
    assert account.fetch(call.sid).status == outcome


def test_only_what_was_asked_for_is_told(
    service: TwilioService, account: TwilioCalls, app: App
) -> None:
    call = place(
        account,
        service,
        twiml=hang_up_twiml(),
        status_callback=f"{PUBLIC}/status",
        status_events=["answered"],
    )
    call.wait_ended()
    assert statuses(app) == ["in-progress"]


def test_a_machine_is_found_before_the_twiml(
    service: TwilioService, account: TwilioCalls, app: App
) -> None:
    service.outcomes["+15550100"] = "machine_start"
    app.answers["/voice"] = lambda form: say_twiml(f"Hello {form['AnsweredBy']}.")
    call = place(account, service, url=f"{PUBLIC}/voice", machine_detection="Enable")
    call.wait_ended()
    assert call.heard == ["Hello machine_start."]
    assert account.fetch(call.sid).answered_by == "machine_start"


def test_a_machine_is_found_while_the_call_goes_on(
    service: TwilioService, account: TwilioCalls, app: App, media: str
) -> None:
    service.outcomes["+15550100"] = "machine_end_beep"

    def machine(form: dict[str, str]) -> str:
        assert form["AnsweredBy"] == "machine_end_beep"
        account.hang_up(form["CallSid"])
        return ""

    app.answers["/machine"] = machine
    call = place(
        account,
        service,
        twiml=stream_twiml(MEDIA),
        machine_detection="Enable",
        machine_callback=f"{PUBLIC}/machine",
    )
    call.wait_ended()
    assert (call.status, call.ended_by, len(call.streams)) == ("completed", "api", 1)


def test_a_stream_is_heard_and_then_the_twiml_goes_on(
    service: TwilioService, app: App, media: str
) -> None:
    app.answers["/voice"] = (200, stream_twiml(MEDIA, {"n": "1"}, then=say_twiml("Bye.")))
    call = service.call_in(f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
    phone = call.phone
    phone.wait_for(lambda: phone.played >= 5, "the greeting")
    assert encode_ulaw(phone.heard()).count(b"\x00") == 800
    phone.press("1")
    call.wait_ended()
    assert (call.heard, call.direction, call.ended_by) == (["Bye."], "inbound", "twiml")
    assert app.forms("/voice")[0]["CallStatus"] == "ringing"
    assert statuses(app) == ["completed"]


def test_the_action_of_a_stream_is_asked(service: TwilioService, app: App, media: str) -> None:
    app.answers["/voice"] = (
        200,
        stream_twiml(MEDIA, action=f"{PUBLIC}/after", then=say_twiml("Not this.")),
    )
    app.answers["/after"] = (200, dial_twiml("+15550142"))
    call = service.call_in(f"{PUBLIC}/voice")
    call.phone.press("1")
    call.wait_ended()
    assert (call.heard, call.dialled) == ([], ["+15550142"])
    assert app.forms("/after")[0]["StreamSid"].startswith("MZ")


def test_a_transfer_ends_the_stream(
    service: TwilioService, account: TwilioCalls, app: App, media: str
) -> None:
    app.answers["/voice"] = (200, stream_twiml(MEDIA, then=say_twiml("Not this.")))
    call = service.call_in(f"{PUBLIC}/voice")
    assert call.phone is not None
    assert account.transfer(call.sid, to="+15550142").status == "in-progress"
    call.wait_ended()
    assert (call.heard, call.dialled, call.status) == ([], ["+15550142"], "completed")


def test_the_caller_hangs_up(service: TwilioService, app: App, media: str) -> None:
    app.answers["/voice"] = (200, stream_twiml(MEDIA, then=say_twiml("Not this.")))
    call = service.call_in(f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
    assert call.phone is not None
    call.hang_up()
    call.wait_ended()
    assert (call.heard, call.ended_by, statuses(app)) == ([], "caller", ["completed"])
    assert call.told("status") == app.forms("/status")


def test_several_calls_have_streams_of_their_own(
    service: TwilioService, app: App, media: str
) -> None:
    app.answers["/voice"] = (200, stream_twiml(MEDIA))
    calls = [service.call_in(f"{PUBLIC}/voice", from_=f"+1555019{n}") for n in range(3)]
    for call in calls:
        call.phone.press("1")
        call.wait_ended()
    assert {form["CallSid"] for form in app.forms("/voice")} == {call.sid for call in calls}


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")])
def test_a_call_that_is_rejected(
    service: TwilioService, app: App, reason: str, status: str
) -> None:
    app.answers["/voice"] = (200, reject_twiml(reason))
    call = service.call_in(f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
    call.wait_ended()
    assert (call.rejected, statuses(app)) == (reason, [status])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((500, "oops"), "11200"),
        ((403, ""), "11200"),
        ((200, "Hello"), "12100"),
        ((200, ""), "12100"),
    ],
)
def test_a_program_that_fails_is_told_to_the_caller(
    service: TwilioService, app: App, answer: tuple[int, str], code: str
) -> None:
    app.answers["/voice"] = answer
    call = service.call_in(f"{PUBLIC}/voice")
    call.wait_ended()
    assert call.errors == [code]
    assert call.heard == ["We are sorry, an application error has occurred. Goodbye."]


def test_a_stream_that_is_refused(service: TwilioService, app: App) -> None:
    def refuse(link: ServerConnection) -> None:
        raise AssertionError("it was refused")

    def forbidden(link: ServerConnection, request: Request) -> Answer:
        return Answer(403, "Forbidden", Headers())

    app.answers["/voice"] = (200, stream_twiml(MEDIA, then=say_twiml("Sorry.")))
    with answering(refuse, process_request=forbidden) as url:
        service.route(f"{PUBLIC}/media", media_at(url))
        call = service.call_in(f"{PUBLIC}/voice")
        call.wait_ended()
    assert (call.errors, call.heard) == (["31920"], ["Sorry."])


def test_webhooks_come_twice_with_one_token(
    service: TwilioService, account: TwilioCalls, app: App
) -> None:
    service.repeats = 2
    app.answers["/voice"] = (200, say_twiml("Hello."))
    call = place(account, service, url=f"{PUBLIC}/voice", status_callback=f"{PUBLIC}/status")
    call.wait_ended()
    assert call.heard == ["Hello."]
    assert len(app.forms("/voice")) == 2
    assert app.forms("/voice")[0] == app.forms("/voice")[1]
    assert app.tokens[::2] == app.tokens[1::2]
    assert len(set(app.tokens)) == len(app.tokens) // 2


def test_without_a_program_nothing_is_heard_of_it(service: TwilioService) -> None:
    call = service.call_in("http://127.0.0.1:1/voice")
    call.wait_ended()
    assert call.errors == ["11200"]
    answers: list[Mapping[str, str]] = call.told("twiml")
    assert len(answers) == 1
