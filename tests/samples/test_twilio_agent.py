"""The bridge of `samples/twilio_agent` under real servers, with a Twilio and a model beside it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import wave
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import twilio_service
from embedded import Server
from fault_proxy import FaultProxy, Kind
from guards import Guard
from monitor import as_samples, find
from raw_server import CLOSE, TEXT, RawPeer, RawServer, Script, close_payload, server_frame
from twilio_bridge import CALLS_TOKEN, DESK, KINDS, Bridge, bridge, desk_server, recording
from twilio_call import SimulatedCall
from twilio_phone import TwilioPhone
from twilio_service import Fault, TwilioService
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from realtime_sync.audio import Resampler
from realtime_sync.local.speech.espeak import EspeakSynthesizer

pytestmark = pytest.mark.xdist_group("twilio_bridge")

GREETING = "this call is recorded"
BUSY = "All our lines are busy. Please call again in a few minutes."
BROKEN_DOWN = "I am sorry, something has gone wrong on our side."
NOT_PUT_THROUGH = "I am sorry, I can't put you through at the moment."
SID = "CA0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def desk() -> Iterator[Server]:
    with desk_server() as server:
        yield server


@pytest.fixture
def twilio() -> Iterator[TwilioService]:
    with TwilioService() as service:
        yield service


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, desk: Server) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("bridge")
    with TwilioService() as service, bridge("gthread", folder, desk, service) as it:
        yield it


@pytest.fixture
def running(served: Bridge) -> Iterator[Bridge]:
    """A bridge that several tests share, with nothing of the others in Twilio's memory."""
    yield served
    served.service.repeats = 1
    for call in served.service.calls.values():
        call.hang_up()
        call.wait_ended()
    Guard().until(lambda: served.client("GET", "/health")[1]["calls"] == 0, "the end of the talks")
    served.service.calls.clear()
    served.service.requests.clear()


def state(running: Bridge, call: SimulatedCall) -> str:
    """Return what the bridge has written down of the talk of a call."""
    with closing(sqlite3.connect(running.folder / "calls.db")) as connection:
        rows = connection.execute("SELECT state FROM talks WHERE call_sid = ?", (call.sid,))
        return str(rows.fetchone()[0])


def wait_state(running: Bridge, call: SimulatedCall, wanted: str) -> None:
    Guard().until(lambda: state(running, call) == wanted, f"a talk that is {wanted}")


def sides(path: Path) -> np.ndarray[Any, Any]:
    """Return both sides of a recording, the caller's first."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        pcm = file.readframes(file.getnframes())
        assert len(pcm) == 4 * file.getnframes() > 0, "the file is whole"
    return np.frombuffer(pcm, "<i2").reshape(-1, 2)


# -- talks -----------------------------------------------------------------------------------------


def test_a_caller_asks_presses_a_key_and_says_goodbye(running: Bridge) -> None:
    call = running.call()
    running.wait_said(call, GREETING)
    call.phone.say(recording("hours"))
    running.wait_said(call, "nine to five")
    call.phone.press("5")
    running.wait_said(call, "pressed 5")
    call.phone.say(recording("goodbye"))
    call.wait_ended()
    assert call.ended_by == "api", "the agent hangs up"
    assert running.orders("Status") == [{"Status": ["completed"]}]
    assert running.said(call, "caller") == [
        "what are your opening hours",
        "5",
        "thank you and goodbye",
    ]
    assert running.said(call, "agent")[-1] == "Goodbye, and thank you for calling."
    wait_state(running, call, "hung_up")
    assert running.lines(call)[-1]["end"] == "hung_up"
    assert is_heard_in(spoken("Goodbye, and thank you for calling."), call.phone.heard())


def test_a_caller_who_cuts_the_goodbye_has_something_to_say(running: Bridge) -> None:
    call = running.call()
    running.wait_said(call, GREETING)
    call.phone.limit = call.phone.played + 20  # so the goodbye is not heard to its end
    call.phone.say(recording("goodbye"))
    running.wait_said(call, "Goodbye, and thank you")
    clears = len(call.phone.played_at_clears)
    call.phone.say(recording("hours"))
    call.phone.wait_for(lambda: len(call.phone.played_at_clears) > clears, "the interruption")
    call.phone.limit = None
    running.wait_said(call, "nine to five")
    assert (call.status, running.orders("Status")) == ("in-progress", [])
    call.phone.say(recording("goodbye"))
    call.wait_ended()
    assert call.ended_by == "api"
    wait_state(running, call, "hung_up")


def spoken(words: str) -> bytes:
    """Return how the embedded server says something, at 8 kHz."""
    pieces = EspeakSynthesizer().synthesize(words, voice="alloy", speed=1.0)
    return Resampler(24_000, 8000).process(b"".join(piece.pcm for piece in pieces), last=True)


def is_heard_in(sound: bytes, heard: bytes) -> bool:
    """Whether most of a sound was heard, both at 8 kHz."""
    both = [as_samples(Resampler(8000, 24_000).process(each, last=True)) for each in (sound, heard)]
    return find(*both, block_ms=20).found > 0.8


def test_calls_at_once_do_not_mix(running: Bridge) -> None:
    asks, presses, wants_a_person = calls = [running.call() for _ in range(3)]
    for call in calls:
        running.wait_said(call, GREETING)
    asks.phone.say(recording("hours"))
    presses.phone.press("7")
    wants_a_person.phone.say(recording("colleague"))
    running.wait_said(asks, "nine to five")
    running.wait_said(presses, "pressed 7")
    wants_a_person.wait_ended()
    assert wants_a_person.dialled == [DESK]
    wait_state(running, wants_a_person, "transferred")
    for call in (asks, presses):
        assert call.status == "in-progress"
        call.hang_up()
        wait_state(running, call, "caller")
    assert running.said(asks, "caller") == ["what are your opening hours"]
    assert running.said(presses, "caller") == ["7"]
    assert running.said(wants_a_person, "caller") == ["please put me through to a colleague"]


def test_what_twilio_refuses_is_told_to_the_agent(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio) as running:
        running.faults += ["tool 'transfer' failed", "Traceback", "Twilio does not hang up"]
        call = running.call()
        running.wait_said(call, GREETING)
        twilio.faults += [twilio_service.UNAUTHORIZED, twilio_service.UNAUTHORIZED]
        call.phone.say(recording("colleague"))
        running.wait_said(call, NOT_PUT_THROUGH)
        call.phone.say(recording("goodbye"))
        call.wait_ended()
    assert (twilio.faults, call.dialled) == ([], [])
    assert call.ended_by == "twiml", "what the REST API did not end, the next TwiML does"


def test_a_twilio_that_is_silent_keeps_nobody_on_the_line(running: Bridge) -> None:
    call = running.call()
    running.wait_said(call, GREETING)
    running.service.faults.append(Fault(0))
    call.phone.say(recording("goodbye"))
    call.wait_ended()
    assert call.ended_by == "twiml", "the stream has ended, and what is next is the end"
    assert running.orders("Status") == [{"Status": ["completed"]}], "it is asked once"
    wait_state(running, call, "hung_up")


def test_a_webhook_that_comes_twice_begins_one_talk(running: Bridge) -> None:
    running.service.repeats = 2
    call = running.call()
    running.wait_said(call, GREETING)
    first, second = (each.answer for each in call.webhooks if each.kind == "twiml")
    assert first == second
    assert len(call.streams) == 1


def test_a_token_opens_one_stream_of_its_call(running: Bridge) -> None:
    call = running.call()
    running.wait_said(call, GREETING)
    token = call.webhooks[0].answer.partition('value="')[2].partition('"')[0]
    url = running.public_url.replace("http", "ws", 1) + "/media"
    headers = running.service.signature.sign(url).headers
    for sid, shown in ((call.sid, token), (SID, token), (SID, ""), (SID, "é")):
        with TwilioPhone(url, parameters={"token": shown}, headers=headers, call_sid=sid) as phone:
            Guard().wait(phone.ended, "the end of a stream without a call")
            assert phone.messages == []
    assert state(running, call) == "talking"
    assert not (running.folder / f"{SID}.wav").exists()


# -- who may ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_twilio_has_signed_is_taken(
    kind: str, tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge(kind, tmp_path, desk, twilio) as running:
        form = {"CallSid": SID, "CallStatus": "ringing", "From": "+15550199 é"}
        good = twilio.signature.sign(f"{running.url}/voice", form=form)
        assert running.send("/voice", good.body, good.headers)[0] == 200
        unsigned = {"Content-Type": good.headers["Content-Type"]}
        wrong = good.headers | {"X-Twilio-Signature": "bm90IHR3aWxpbydz"}
        for path in ("/voice", "/after", "/status"):
            assert running.send(path, good.body, unsigned)[0] == 403
            assert running.send(path, good.body, wrong)[0] == 403
        assert running.send("/voice", good.body + b"&AnsweredBy=human", good.headers)[0] == 403
        assert running.send("/voice?ref=x", good.body, good.headers)[0] == 403
        assert running.send("/static/x%0Dforged", method="GET")[0] == 404, "nothing to log"
        _check_json(running, twilio)
        _check_upgrade(running, twilio)


def _check_json(running: Bridge, twilio: TwilioService) -> None:
    body = json.dumps({"CallSid": SID, "CallStatus": "completed"})
    good = twilio.signature.sign(f"{running.url}/status", body=body)
    path = good.url.removeprefix(running.url)
    assert running.send(path, good.body, good.headers)[0] == 204
    assert running.send(path, good.body + b" ", good.headers)[0] == 403
    # Its hash is right, and signed by nobody.
    other = b'{"CallSid": "CA1"}'
    forged = f"/status?bodySHA256={hashlib.sha256(other).hexdigest()}"
    assert running.send(forged, other, good.headers)[0] == 403


def _check_upgrade(running: Bridge, twilio: TwilioService) -> None:
    url = running.url.replace("http", "ws", 1) + "/media"
    for headers in ({}, twilio.signature.sign(f"{url}/other").headers):
        assert status_of_upgrade(url, headers) == 403
    assert status_of_upgrade(url, twilio.signature.sign(url).headers) == 101


def status_of_upgrade(url: str, headers: Mapping[str, str]) -> int:
    """Return what a media stream is answered."""
    try:
        connect(url, additional_headers=headers, proxy=None).close()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


def test_behind_a_proxy_the_public_url_counts(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    public = "https://phone.example.com/bridge"
    with bridge("gthread", tmp_path, desk, twilio, PUBLIC_URL=public) as running:
        call = running.call()
        running.wait_said(call, GREETING)
        assert 'url="wss://phone.example.com/bridge/media"' in call.webhooks[0].answer
        here = twilio.signature.sign(f"{running.url}/voice", form={"CallSid": SID})
        assert running.send("/voice", here.body, here.headers)[0] == 403


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"to":' * 10_000, b"{", b"", b"\xff"],
    ids=["lists", "objects", "half", "empty", "no utf-8"],
)
def test_json_that_can_not_be_read_is_refused(running: Bridge, body: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    client = {"Authorization": f"Bearer {CALLS_TOKEN}", "Idempotency-Key": "k", **kind}
    status, answer = running.send("/calls", body, client)
    assert (status, json.loads(answer)["error"][:6]) == (400, "send {")
    for path in ("/voice", "/after", "/status"):
        signed = running.service.signature.sign(f"{running.url}{path}", body=body)
        status, _ = running.send(signed.url.removeprefix(running.url), body, signed.headers)
        assert status == 400
    assert running.service.requests == []


def test_clients_need_the_token(running: Bridge) -> None:
    body = json.dumps({"to": "+15550199"}).encode()
    kind = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    for shown in ("", "Bearer", "Bearer wrong", f"Basic {CALLS_TOKEN}", "Bearer \xe9"):
        headers = {"Authorization": shown, **kind}
        assert running.send("/calls", body, headers)[0] == 401
        assert running.send("/calls/k", None, headers, method="GET")[0] == 401
    assert running.service.requests == []


# -- what fails ------------------------------------------------------------------------------------


def test_more_calls_than_lines_hear_that_all_are_busy(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio, MAX_CALLS="1") as running:
        announced = {"CallSid": SID, "CallStatus": "ringing"}
        assert "<Stream" in twilio.post(f"{running.url}/voice", announced, "")[1]
        first = running.call()
        running.wait_said(first, GREETING)
        second = running.call()
        second.wait_ended()
        assert (second.heard, second.dialled, second.streams) == ([BUSY], [DESK], [])
        # Announced while a line was free, its stream came too late.
        url = f"ws{running.url.removeprefix('http')}/media"
        assert status_of_upgrade(url, twilio.signature.sign(url).headers) == 503
        assert BUSY in twilio.post(f"{running.url}/after", announced, "")[1]
        assert running.client("POST", "/calls", {"to": "+15550199"}, key="k")[0] == 503
        first.hang_up()
        Guard().until(lambda: running.client("GET", "/health")[1]["calls"] == 0, "a free line")
        third = running.call()
        running.wait_said(third, GREETING)


def test_a_provider_that_takes_no_more_sessions_is_busy_too(
    tmp_path: Path, twilio: TwilioService
) -> None:
    with (
        desk_server("--max-sessions", "1") as server,
        bridge("gthread", tmp_path, server, twilio, TRANSFER_TO="") as running,
    ):
        first = running.call()
        running.wait_said(first, GREETING)
        second = running.call()
        second.wait_ended()
        assert (second.heard, second.dialled, second.ended_by) == ([BUSY], [], "twiml")
        wait_state(running, second, "busy")


def test_a_talk_that_breaks_down_is_excused_and_handed_over(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with (
        FaultProxy(desk.url) as proxy,
        bridge("gthread", tmp_path, Server(proxy.url, desk.key, desk.process), twilio) as running,
    ):
        running.faults += ["the talk has failed", "Traceback"]
        call = running.call()
        running.wait_said(call, GREETING)
        proxy.strike(Kind.GARBAGE)  # which ends a session for good
        call.wait_ended()
        assert call.dialled == [DESK]
        wait_state(running, call, "failed")
    assert is_heard_in(recording("sorry"), call.phone.heard())


def test_a_recording_that_can_not_go_on_is_excused(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio) as running:
        running.faults += ["has failed", "Traceback", "Error"]
        call = running.call()
        running.wait_said(call, GREETING)
        (worker,) = psutil.Process(running.process.pid).children()
        written = (running.folder / f"{call.sid}.wav").stat().st_size
        worker.rlimit(psutil.RLIMIT_FSIZE, (max(written, 100_000), -1))  # as a disk that is full
        call.phone.say(bytes(16 * 10_000))
        call.wait_ended()
        assert call.dialled == [DESK]
        wait_state(running, call, "failed")
    assert is_heard_in(recording("sorry"), call.phone.heard())


def test_a_provider_that_is_not_there_is_excused(tmp_path: Path, twilio: TwilioService) -> None:
    with desk_server() as server:
        pass
    with bridge("gthread", tmp_path, server, twilio, TRANSFER_TO="") as running:
        running.faults += ["the talk has failed", "Traceback"]
        call = running.call()
        call.wait_ended()
        assert (call.dialled, call.ended_by) == ([], "twiml")
    assert is_heard_in(recording("sorry"), call.phone.heard())


def refuses(status: str) -> Script:
    return lambda peer: peer.refuse(status)


def closes_behind_the_first_event(code: int) -> Script:
    """Accept a session, and close it."""

    def serve(peer: RawPeer) -> None:
        created = {"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}}
        peer.accept(server_frame(TEXT, json.dumps(created).encode()))
        peer.send(CLOSE, close_payload(code))
        peer.expect_end()

    return serve


def test_providers_that_take_no_talk_are_excused(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    """Overloaded, a wrong key, and closed at once, by its rules or without; at the same time."""
    ways = [
        refuses("503 Service Unavailable"),
        refuses("401 Unauthorized"),
        closes_behind_the_first_event(1000),
        closes_behind_the_first_event(1008),
        closes_behind_the_first_event(1011),  # which is tried anew, in vain
    ]
    left = iter(ways)
    with RawServer(lambda peer: next(left, ways[-1])(peer)) as server:
        at = Server(f"http://localhost:{server.port}/v1", "key", desk.process)
        log = check_that_they_are_excused(len(ways), at, tmp_path, twilio)
    assert next(left, None) is None
    for told in ("status 503", "status 401", "code 1000", "code 1008", "code 1011"):
        assert told in log


def test_a_provider_whose_name_nobody_knows_is_excused(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    nowhere = Server("https://provider.invalid/v1", "key", desk.process)
    assert "provider.invalid" in check_that_they_are_excused(1, nowhere, tmp_path, twilio)


def check_that_they_are_excused(
    count: int, provider: Server, folder: Path, twilio: TwilioService
) -> str:
    """Have so many call; return the log."""
    with bridge("gthread", folder, provider, twilio) as running:
        running.faults += ["the talk has failed", "Traceback", "Error"]
        calls = [running.call() for _ in range(count)]
        for call in calls:
            call.wait_ended()
            assert (call.heard, call.dialled) == ([], [DESK])
            wait_state(running, call, "failed")
            assert is_heard_in(recording("sorry"), call.phone.heard())
    return running.log()


def test_a_link_that_is_made_anew_goes_on_with_the_talk(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with (
        FaultProxy(desk.url) as proxy,
        bridge("gthread", tmp_path, Server(proxy.url, desk.key, desk.process), twilio) as running,
    ):
        call = running.call()
        running.wait_said(call, GREETING)
        proxy.strike(Kind.DROP)
        Guard().until(lambda: proxy.connections > 1, "another link")
        call.phone.press("3")
        running.wait_said(call, "pressed 3")


def test_a_stream_that_breaks_is_excused(running: Bridge) -> None:
    call = running.call()
    running.wait_said(call, GREETING)
    call.phone.drop()
    call.wait_ended()
    assert (call.heard, call.dialled) == ([BROKEN_DOWN], [DESK])
    wait_state(running, call, "cut")


def test_a_call_that_cannot_be_recorded_is_excused(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio) as running:
        running.faults += [f"call {SID}: the recording has failed", "Traceback"]
        (running.folder / f"{SID}.wav").mkdir()
        form = {"CallSid": SID, "CallStatus": "ringing"}
        twiml = twilio.post(f"{running.url}/voice", form, "")[1]
        token = twiml.partition('value="')[2].partition('"')[0]
        url = f"ws{running.url.removeprefix('http')}/media"
        with twilio.open_phone(url, {"token": token}, SID, "MZ1") as phone:
            Guard().wait(phone.ended, "the end of the stream")
        assert is_heard_in(recording("sorry"), phone.heard())
        assert DESK in twilio.post(f"{running.url}/after", form, "")[1]


# -- the end of the server -------------------------------------------------------------------------


def test_after_sigterm_a_call_goes_on_and_new_ones_are_refused(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("werkzeug", tmp_path, desk, twilio) as running:
        call = running.call()
        running.wait_said(call, GREETING)
        running.terminate()
        Guard().until(lambda: running.client("GET", "/health")[1]["ending"], "the signal")
        late = running.call()
        late.wait_ended()
        assert (late.heard, late.dialled) == ([BUSY], [DESK])
        assert running.client("POST", "/calls", {"to": "+15550199"}, key="k")[0] == 503
        call.phone.say(recording("hours"))
        running.wait_said(call, "nine to five")
        call.phone.say(recording("goodbye"))
        call.wait_ended()
        assert call.ended_by == "api"
    assert (np.abs(sides(running.folder / f"{call.sid}.wav")).max(axis=0) > 3000).all()


def test_gunicorn_waits_for_calls_and_their_recordings(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio) as running:
        call = running.call()
        running.wait_said(call, GREETING)
        running.terminate()
        call.phone.say(recording("goodbye"))
        call.wait_ended()
        assert call.ended_by == "api"
        assert running.process.wait(Guard().seconds) == 0
    assert running.lines(call)[-1]["end"] == "hung_up"
    assert (np.abs(sides(running.folder / f"{call.sid}.wav")).max(axis=0) > 3000).all()


def test_what_a_killed_worker_has_recorded_is_whole(
    tmp_path: Path, desk: Server, twilio: TwilioService
) -> None:
    with bridge("gthread", tmp_path, desk, twilio) as running:
        running.faults += ["was sent SIGKILL"]
        call = running.call()
        running.wait_said(call, GREETING)
        call.phone.say(recording("hours"))
        running.wait_said(call, "nine to five")
        path = running.folder / f"{call.sid}.wav"
        Guard().until(lambda: path.stat().st_size > 40_000, "some sound in the file")
        (worker,) = psutil.Process(running.process.pid).children()
        worker.kill()
        call.wait_ended()
        heard = (call.heard, call.dialled)
        assert heard == ([BROKEN_DOWN], [DESK]), "another worker tells the caller"
    assert running.said(call, "caller") == ["what are your opening hours"]
    assert np.abs(sides(path)[:, 1]).max() > 3000
