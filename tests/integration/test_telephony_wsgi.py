"""Calls of Twilio's to a Flask app, under werkzeug's server and under gunicorn's threads."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
from xml.etree import ElementTree

import psutil
import pytest
from blocks import python_blocks
from embedded import Server, question
from guards import GUARD_S, Guard
from programs import REPOSITORY
from twilio_phone import CALL_SID, TwilioPhone
from wsgi_servers import WebServer, descriptors, web_server

from realtime_sync.audio import encode_ulaw
from realtime_sync.telephony import TwilioSignature, dtmf_tones

HZ = 8_000
CROWD = 1_000
SERVERS = [("werkzeug", False), ("gthread", False), ("gthread", True)]


@contextmanager
def phone_server(
    kind: str, folder: Path, provider: Server, *, tls: bool = False
) -> Iterator[WebServer]:
    with web_server(
        kind,
        folder,
        *(["--worker-connections", "3000", "--threads", "25"] if kind == "gthread" else []),
        tls=tls,
        environment={"PROVIDER_URL": provider.url, "PROVIDER_KEY": provider.key},
        app="phone_app:app",
    ) as running:
        yield running


@pytest.fixture(
    scope="module",
    params=SERVERS,
    ids=[f"{kind}-{'wss' if tls else 'ws'}" for kind, tls in SERVERS],
)
def web(
    request: pytest.FixtureRequest, ws_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    kind, tls = request.param
    with phone_server(kind, tmp_path_factory.mktemp("server"), ws_server, tls=tls) as running:
        yield running


def phone_of(web: WebServer, path: str) -> TwilioPhone:
    return TwilioPhone(web.url(path), ssl=web.context)


def heard_the_tones(phone: TwilioPhone) -> None:
    """All of them came, and were played before the link was closed."""
    sent = b"".join(b64decode(each["media"]["payload"]) for each in phone.events("media"))
    tones = encode_ulaw(dtmf_tones("42#"))
    assert (sent[: len(tones)], len(sent) - len(tones) < 160) == (tones, True)
    assert phone.played == len(sent) // 160


class Watched:
    """The newest call, as the app sees it."""

    def __init__(self, web: WebServer) -> None:
        self._web = web
        self._before = len(json.loads(web.get("calls")))

    def now(self) -> Any:
        calls = json.loads(self._web.get("calls"))
        return calls[self._before] if len(calls) > self._before else None

    def wait_for(self, kind: str) -> Any:
        def found() -> Any:
            call = self.now()
            return call and next((e for e in call["events"] if e["type"] == kind), None)

        return Guard().until(found, kind)

    def end(self) -> Any:
        return Guard().until(lambda: self.now()["ended_by"] and self.now(), "the end of the call")


def test_a_question_is_answered_and_an_interruption_truncates_to_the_millisecond(
    web: WebServer,
) -> None:
    watched = Watched(web)
    with phone_of(web, "talk") as phone:
        phone.limit = 60  # it plays so much of the story, and stalls until the interruption
        phone.say(question("story", hz=HZ))
        phone.wait_for(lambda: phone.played == 60, "the story")
        item_id = watched.wait_for("response.output_audio.delta")["item_id"]
        phone.say(question("stop", hz=HZ))
        interrupted = watched.wait_for("voice.interrupted")
        assert (interrupted["item_id"], interrupted["audio_end_ms"]) == (item_id, 1200)
        truncated = watched.wait_for("conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 1200)
        phone.wait_for(lambda: phone.played_at_clears == [60], "clear")
        phone.limit = None
        phone.wait_for(lambda: phone.played > 80, "the next answer")
        phone.hang_up()
    call = watched.end()
    assert call["ended_by"] == "stop"
    assert call["stats"]["unreturned_marks"] == call["stats"]["odd_messages"] == 0


@pytest.mark.parametrize("web", SERVERS[1:2], ids=["gthread-ws"], indirect=True)
def test_twenty_calls_at_once_get_every_frame_in_order_and_no_other(web: WebServer) -> None:
    with ExitStack() as stack:
        phones = [stack.enter_context(phone_of(web, "tones")) for _ in range(20)]
        for phone in phones:
            phone.press("5")
        for phone in phones:
            phone.wait_for_end()
            heard_the_tones(phone)
            marks = [each["mark"]["name"] for each in phone.events("mark")]
            assert marks == [f"0.{number + 1}" for number in range(phone.played)]


@pytest.mark.parametrize("web", SERVERS[2:], ids=["gthread-wss"], indirect=True)
def test_a_link_that_is_dropped_in_the_middle_of_an_answer_ends_the_call(web: WebServer) -> None:
    watched = Watched(web)
    with phone_of(web, "talk") as phone:
        phone.say(question("story", hz=HZ))
        phone.wait_for(lambda: phone.played > 20, "some of the story")
        phone.drop()
    assert watched.end()["ended_by"] == "link"


def test_the_program_hangs_up_when_its_last_words_were_heard(web: WebServer) -> None:
    with phone_of(web, "tones") as phone:
        phone.press("5")
        phone.wait_for_end()
        assert phone.close_code == 1000
        heard_the_tones(phone)


def test_the_program_of_the_page_answers_a_call(ws_server: Server, tmp_path: Path) -> None:
    blocks = python_blocks(REPOSITORY / "docs" / "telephony.md")
    (program,) = [b.code for b in blocks if Path(__file__).name in (b.not_run or "")]
    (tmp_path / "phone.py").write_text(program, encoding="utf-8")
    twilio = TwilioSignature("12345", public_url="https://phone.test")
    environment = {
        "OPENAI_API_KEY": ws_server.key,
        "OPENAI_BASE_URL": ws_server.url,
        "PUBLIC_URL": "https://phone.test",
        "TWILIO_AUTH_TOKEN": "12345",
    }
    with web_server(
        "gthread",
        tmp_path,
        "--pythonpath",
        str(tmp_path),
        environment=environment,
        app="phone:app",
        code=0,
    ) as web:
        url = f"http://localhost:{web.port}/voice"
        signed = twilio.sign("/voice", form={"CallSid": CALL_SID})
        opener = build_opener(ProxyHandler({}))
        with pytest.raises(HTTPError, match="403"):
            opener.open(Request(url, signed.body), timeout=GUARD_S)
        asking = Request(url, signed.body, dict(signed.headers))
        with opener.open(asking, timeout=GUARD_S) as answer:
            stream = ElementTree.fromstring(answer.read()).find("Connect/Stream")
        assert stream is not None
        assert stream.attrib == {"url": "wss://phone.test/call"}
        signed = twilio.sign(stream.attrib["url"])
        with TwilioPhone(web.url("call"), headers=signed.headers) as phone:
            phone.say(question("hello", hz=HZ))
            phone.wait_for(lambda: phone.played > 20, "an answer")
            phone.hang_up()
        Guard().until(lambda: f"{CALL_SID} ended by stop" in web.log(), "the end of the call")


def test_a_crowd_of_idle_connections_harms_no_call_that_talks(
    ws_server: Server, tmp_path: Path
) -> None:
    """Each takes a descriptor of gunicorn's, and at most a while of a thread that is free."""
    with ExitStack() as stack:
        stack.enter_context(descriptors(2 * CROWD + 500))
        web = stack.enter_context(phone_server("gthread", tmp_path, ws_server))
        process = psutil.Process(web.process.pid).children()[0]
        phone = stack.enter_context(TwilioPhone(web.url("tones")))
        phone.wait_for(lambda: phone.played, "the first tone")
        before = process.memory_info().rss
        crowd = [stack.enter_context(web.raw()) for _ in range(CROWD)]
        phone.press("5")
        phone.wait_for_end()
        heard_the_tones(phone)
        each = (process.memory_info().rss - before) / CROWD / 1024
        print(f"{CROWD} idle connections: {each:.1f} KiB each, {process.num_threads()} threads")
        assert process.num_threads() < 40
        for idle in crowd:
            idle.close()
