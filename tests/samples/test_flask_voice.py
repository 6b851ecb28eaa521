"""The server of samples/flask_voice, as a page without a browser sees it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from attrs import frozen
from embedded import KEY, question, run_server, silence
from guards import GUARD_S, Guard
from raw_page import PASSWORD, Page, Visitor, voice_server
from relay import Relay, relaying
from wsgi_servers import WebServer

pytestmark = [pytest.mark.xdist_group("flask_voice"), pytest.mark.timeout(60)]
SCRIPT = Path(__file__).parents[2] / "samples" / "flask_voice" / "travel.yaml"
STORY = "please tell me a story"
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()


@frozen
class Setup:
    """The sample's server, and what it and the provider say to each other."""

    server: WebServer
    provider: Relay


@pytest.fixture(scope="module")
def provider() -> Iterator[Relay]:
    """The embedded server, as these agents' model."""
    with (
        run_server("--responder", f"scripted:{SCRIPT}") as server,
        relaying(server.url) as relay,
    ):
        yield relay


@contextmanager
def serving(
    kind: str, folder: Path, provider: Relay | None, *options: str, **settings: object
) -> Iterator[Setup]:
    """Run the sample with settings of its own; without a provider it has to find one itself."""
    environment = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}
    if provider is not None:
        environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider.url}
    for name, value in {"drain_s": 0.2, **settings}.items():
        environment[f"FLASK_VOICE_{name.upper()}"] = str(value)
    with voice_server(kind, folder, environment, *options) as server:
        yield Setup(server, provider or Relay(""))


@pytest.fixture(scope="module")
def setup(provider: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with serving("gthread", tmp_path_factory.mktemp("server"), provider, most_per_user=6) as setup:
        yield setup


@pytest.fixture(params=["werkzeug", "gthread"])
def each(
    request: pytest.FixtureRequest, provider: Relay, setup: Setup, tmp_path: Path
) -> Iterator[Setup]:
    """Under either server, for what may depend on it."""
    if request.param == "gthread":
        yield setup
    else:
        with serving(request.param, tmp_path, provider) as other:
            yield other


@pytest.fixture
def page(setup: Setup) -> Iterator[Page]:
    """A page with a talk of its own, which it ends."""
    page = Visitor(setup.server).open()
    yield page
    page.leave()


def truncations(setup: Setup, part: tuple[str, int]) -> list[int]:
    """The milliseconds that the provider was told of; it may learn of them after the page."""
    return Guard().until(lambda: setup.provider.truncations(part[0]), "a truncation")


def shown(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == kind]


# -- talking ---------------------------------------------------------------------------------------


def test_a_spoken_question_is_answered(each: Setup) -> None:
    page = Visitor(each.server).open(rate=44_100)
    assert {**page.ready, "talk": ""} == {
        "type": "ready",
        "talk": "",
        "agent": "Guide",
        "rejoin_s": 30.0,
        "rejoined": False,
        "answering": False,
        "history": [],
    }
    page.say(question("weather_paris", hz=44_100) + silence(4000, hz=44_100), size=1_234)
    done = page.until("audio_done")
    page.until("answer", state="ended")
    part = (done["item_id"], done["content_index"])
    assert bytes(page.sound[part]) == each.provider.audio(part[0]), "bit for bit"
    assert page.first[part] == 0
    page.played(*part, 10**9)  # more than there is
    latency = page.until("latency")
    assert 0 <= latency["first_audio_ms"] <= latency["first_heard_ms"]
    assert page.texts() == [
        ("user", "what is the weather in paris"),
        ("assistant", "It is sunny and 21 degrees in Paris."),
    ]
    kinds = [message["type"] for message in page.seen]
    assert kinds.index("speech") < kinds.index("tool") < kinds.index("audio")
    assert [each["speaking"] for each in shown(page.seen, "speech")] == [True, False]
    assert [(each["state"], each["output"]) for each in shown(page.seen, "tool")] == [
        ("running", None),
        ("done", "sunny and 21 degrees in Paris"),
    ]
    page.leave()


def test_an_interruption_cuts_where_the_page_fell_silent(setup: Setup, page: Page) -> None:
    page.tell("text", text=STORY)
    part = page.until_heard(72_000)
    page.played(*part, 24_000)
    # Until the page learns of the interruption it plays on, and that counts.
    page.on_clear = lambda: [(*part, 31_337)]
    page.say(question("stop") + silence(4000))
    page.until("clear")
    before = len(page.sound[part])
    cut = page.until("item", item_id=part[0], interrupted=True)
    page.until("audio_done")
    assert truncations(setup, part) == [31_337 * 1000 // 24_000]
    assert len(page.sound[part]) == before, "nothing of it came behind the clear"
    assert "Once upon a time".startswith(cut["text"]) or cut["text"].startswith("Once upon")
    assert ("user", "stop please") in page.texts()


def test_a_page_that_does_not_say_where_it_is_keeps_nobody_waiting(
    setup: Setup, page: Page
) -> None:
    page.tell("text", text=STORY)
    part = page.until_heard(72_000)
    page.played(*part, 24_000)
    page.on_clear = None
    page.say(question("stop") + silence(4000))
    page.until("clear")
    page.until("audio_done")
    assert truncations(setup, part) == [1000], "what was said before counts"


def test_the_stop_button_cuts_where_it_was_pressed(setup: Setup, page: Page) -> None:
    page.tell("text", text=STORY)
    part = page.until_heard(72_000)
    page.played(*part, 60_000)
    page.tell("interrupt")
    page.until("item", item_id=part[0], interrupted=True)
    assert truncations(setup, part) == [2500]
    assert not shown(page.seen, "clear"), "it is silent already"
    page.tell("text", text="hello")
    page.until("audio_done")
    assert page.texts()[-1][1].startswith("Hello!"), "the talk goes on"


def test_a_call_waits_until_the_user_agrees(page: Page) -> None:
    page.tell("text", text="I want to book a trip")
    page.until("handoff")
    page.until("audio_done")
    for approved, output in [(False, None), (True, "a trip to Rome is booked")]:
        page.tell("text", text="book a trip to Rome")
        call = page.until("tool", state="needs_approval")
        assert (call["name"], call["arguments"], call["agent"]) == (
            "book_trip",
            '{"city": "Rome"}',
            "Booking",
        )
        page.tell("approve", call_id=call["call_id"], approved=approved)
        told = page.until("tool", call_id=call["call_id"])
        assert told["state"] == ("running" if approved else "rejected")
        done = page.until("tool", call_id=call["call_id"])
        assert done["state"] == ("done" if approved else "rejected")
        assert done["output"] is not None
        assert output is None or done["output"] == output
        page.until("audio_done")
    assert [(each["from"], each["to"]) for each in shown(page.seen, "handoff")] == [
        ("Guide", "Booking")
    ]
    page.tell("approve", call_id=call["call_id"], approved=True)
    assert page.until("error")["code"] == "approval"


def test_a_picture_reaches_the_model(setup: Setup, page: Page) -> None:
    page.tell("image", data_url=PNG, text="my photo")
    item = page.until("item", role="user")
    assert (item["text"], item["images"]) == ("my photo", 1)
    page.until("audio_done")
    sent = [each["item"] for each in setup.provider.asked if "item" in each]
    pictures = [each["content"] for each in sent if each.get("role") == "user"]
    assert [
        {"type": "input_text", "text": "my photo"},
        {"type": "input_image", "image_url": PNG},
    ] in pictures


def test_nobody_hears_the_talk_of_another(setup: Setup) -> None:
    cities = ["Rome", "Oslo", "Lima"]
    pages = [Visitor(setup.server, user).open() for user in ("ada", "ben", "ada")]
    for page, city in zip(pages, cities, strict=True):
        page.tell("text", text=f"what is the weather in {city}")
    for page, city in zip(pages, cities, strict=True):
        done = page.until("audio_done")
        page.until("answer", state="ended")
        assert page.texts()[-1][1] == f"It is sunny and 21 degrees in {city}."
        assert bytes(page.sound[done["item_id"], 0]) == setup.provider.audio(done["item_id"])
    assert len({part for page in pages for part in page.sound}) == len(pages)
    for page in pages:
        page.leave()


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ("no json", "bad_message", "was no JSON"),
        ("[]", "bad_message", "had none of the types hello, played"),
        ('{"type": ["text"]}', "bad_message", "had none of the types"),
        ('{"type": "text", "text": " "}', "bad_message", "has no words"),
        ('{"type": "hello", "rate": 24000}', "bad_message", "comes once, and first"),
        ('{"type": "approve", "call_id": "x", "approved": 1}', "bad_message", "true or false"),
        ('{"type": "approve", "call_id": "x", "approved": true}', "approval", "does not wait"),
        ('{"type": "image", "data_url": "data:text/html;base64,AAAA"}', "image", "no image of"),
        (b"\0", "bad_message", "half a sample"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), "bad_message", "a whole WAV file"),
        (bytes(70_000), "bad_message", "70000 bytes at once"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_not_be_meant_is_told(
    page: Page, message: str | bytes, code: str, words: str
) -> None:
    opcode = websocket.ABNF.OPCODE_BINARY if isinstance(message, bytes) else 1
    page.socket.send(message, opcode)
    error = page.until("error")
    assert error["code"] == code
    assert words in error["message"]


def test_a_page_says_hello_first(setup: Setup) -> None:
    visitor = Visitor(setup.server)
    for first, words in [('{"type": "bye"}', "says hello first"), ("?", "no JSON")]:
        socket = visitor.socket(visitor.ask().json()["ticket"])
        socket.send(first)
        opcode, data = socket.recv_data(control_frame=True)
        socket.shutdown()
        assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1008).to_bytes(2, "big"))
        assert words in data.decode(errors="replace")


def test_a_page_without_hello_gives_way_to_the_next(setup: Setup) -> None:
    """Or who has one talk could hold all threads."""
    visitor = Visitor(setup.server)
    talk = visitor.ask().json()
    waiting = visitor.socket(talk["ticket"])
    page = visitor.open(talk["talk"])
    opcode, data = waiting.recv_data(control_frame=True)
    waiting.shutdown()
    assert (opcode, data[2:]) == (
        websocket.ABNF.OPCODE_CLOSE,
        b"another page of this talk has come",
    )
    page.leave()


# -- who may talk ----------------------------------------------------------------------------------


def refused(visitor: Visitor, ticket: str, **options: Any) -> tuple[int, str]:
    """Return how an upgrade is refused."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        visitor.socket(ticket, **options)
    return refusal.value.status_code, refusal.value.resp_body.decode()


def test_a_ticket_is_for_one_socket_of_one_login(setup: Setup) -> None:
    ada, ben, nobody = (Visitor(setup.server, user) for user in ("ada", "ben", None))
    answer = nobody.ask()
    assert (answer.status_code, answer.json()["code"]) == (401, "login_over")
    answer = ada.ask(csrf="forged")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert ada.ask(csrf="").status_code == 403
    deep = {"X-CSRF-Token": ada.csrf, "Content-Type": "application/json"}
    for answer in (ada.ask(talk=7), ada.post("talks", data=b"[" * 60_000, headers=deep)):
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert refused(nobody, ada.ask().json()["ticket"])[0] == 403
    stale = "this ticket is not valid any more; get another one\n"
    assert refused(ben, ada.ask().json()["ticket"]) == (403, stale)
    status, words = refused(ada, ada.ask().json()["ticket"], origin="https://evil.example")
    assert (status, "may not connect here" in words) == (403, True)
    ada.log_out()  # which gives back what the tickets have taken

    ada = Visitor(setup.server)
    ticket = ada.ask().json()["ticket"]
    page = Page(ada.socket(ticket), {})
    assert refused(ada, ticket) == (403, stale)
    page.leave()


def test_a_login_is_for_who_knows_the_password(setup: Setup) -> None:
    visitor = Visitor(setup.server, None)
    answer = visitor.get("")
    assert answer.url.endswith("/login"), "who is not logged in is led there"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    csrf, visitor.csrf = visitor.csrf, "forged"
    assert visitor.post("login", data={"username": "ada", "password": PASSWORD}).status_code == 400
    visitor.csrf = csrf
    assert visitor.log_in("dora").status_code == 401, "there is no such user"
    for _ in range(5):
        assert visitor.log_in("cleo", "guess").status_code == 401
    assert visitor.log_in("cleo").status_code == 429, "even with the right one"
    assert visitor.log_in("ada").status_code == 200
    (cookie,) = visitor.http.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert not cookie.secure, "on this very machine it works without TLS"


def test_who_logs_out_ends_the_talk(setup: Setup) -> None:
    visitor = Visitor(setup.server)
    page = visitor.open()
    assert visitor.post("logout", data={"csrf_token": "forged"}).status_code == 400
    visitor.get("")
    kept = visitor.http.cookies.copy()
    visitor.log_out()
    assert page.until("over")["reason"] == "You have logged out."
    assert page.closed()[0] == 4001
    assert visitor.ask().status_code == 401
    visitor.http.cookies = kept
    assert visitor.ask().status_code == 401, "a copy of the cookie is worth nothing either"


def test_a_talk_is_given_up_without_a_socket(setup: Setup) -> None:
    visitor, other = Visitor(setup.server, "ada"), Visitor(setup.server, "ben")
    page = visitor.open()
    path = f"{visitor.url}/talks/{page.ready['talk']}"
    headers = {"X-CSRF-Token": visitor.csrf}
    assert visitor.http.delete(path, timeout=GUARD_S).status_code == 403
    assert requests.delete(path, headers=headers, timeout=GUARD_S).status_code == 401
    theirs = {"X-CSRF-Token": other.csrf}
    assert other.http.delete(path, headers=theirs, timeout=GUARD_S).status_code == 204
    assert visitor.ask(page.ready["talk"]).status_code == 201, "it was not theirs"
    assert visitor.http.delete(path, headers=headers, timeout=GUARD_S).status_code == 204
    assert page.closed()[0] == 1000


def test_there_is_room_for_so_many(provider: Relay, tmp_path: Path) -> None:
    settings = {"most_talks": 2, "most_per_user": 1, "rejoin_s": 0.1}
    with serving("gthread", tmp_path, provider, **settings) as setup:
        ada, ben = Visitor(setup.server, "ada"), Visitor(setup.server, "ben")
        page = ada.open()
        answer = ada.ask()
        assert (answer.status_code, answer.json()["code"]) == (429, "user_limit")
        assert answer.json()["error"] == (
            "Nobody has more than 1 at a time. End another talk first, "
            "or wait for 0.1 s if you have closed its page."
        )
        other = ben.open()
        cleo = Visitor(setup.server, "cleo")
        answer = cleo.ask()
        assert (answer.status_code, answer.json()["code"]) == (503, "server_full")
        assert answer.headers["Retry-After"] == "10"
        other.leave()
        Guard().until(lambda: cleo.ask().status_code == 201, "room for another")

        page.drop()  # nobody comes back within so many seconds
        gone = page.ready["talk"]
        Guard().until(lambda: ada.ask(gone).status_code == 404, "the end of the talk")
        assert ada.ask(gone).json() == {
            "code": "talk_over",
            "error": "This talk is over. Begin a new one.",
        }
        Guard().until(lambda: ada.ask().status_code == 201, "room for another")


# -- pages that come and go ------------------------------------------------------------------------


def test_a_page_comes_back_after_its_network_was_lost(setup: Setup) -> None:
    visitor = Visitor(setup.server)
    page = visitor.open()
    page.tell("text", text=STORY)
    part = page.until_heard(72_000)
    page.played(*part, 24_000)
    page.tell("text", text="")  # whose answer tells that the report was read
    page.until("error")
    page.drop()
    talk = page.ready["talk"]
    assert Visitor(setup.server, "ben").ask(talk).status_code == 404, "it is somebody else's"

    again = visitor.open(talk, played=[{"item_id": part[0], "content_index": 0, "samples": 30_000}])
    assert again.ready["rejoined"]
    history = again.ready["history"]
    assert [(each["role"], each["text"][:4]) for each in history] == [
        ("user", "plea"),
        ("assistant", "Once"),
    ]
    again.until("audio_done", item_id=part[0])
    assert again.first[part] == 30_000, "where the lost page has stopped to play"
    whole = setup.provider.audio(part[0])
    assert bytes(again.sound[part]) == whole[60_000:]
    again.on_clear = lambda: [(*part, 48_000)]
    again.say(question("stop") + silence(4000))
    again.until("item", item_id=part[0], interrupted=True)
    assert truncations(setup, part) == [2000]
    again.leave()


def test_a_page_comes_back_after_a_reload(setup: Setup) -> None:
    visitor = Visitor(setup.server)
    page = visitor.open()
    page.tell("text", text="I want to book a trip")
    page.until("audio_done")
    page.tell("text", text="book a trip to Rome")
    page.until("tool", state="needs_approval")
    page.socket.close(1001)
    again = visitor.open(page.ready["talk"])
    history = again.ready["history"]
    assert [each["type"] for each in history] == ["item", "handoff", "item", "item", "tool"]
    assert again.ready["agent"] == "Booking"
    call = history[-1]
    assert call["state"] == "needs_approval"
    again.tell("approve", call_id=call["call_id"], approved=True)
    assert again.until("tool", state="done")["output"] == "a trip to Rome is booked"
    again.leave()


def test_the_talk_goes_with_the_page_that_came_last(setup: Setup) -> None:
    visitor = Visitor(setup.server)
    first = visitor.open()
    second = visitor.open(first.ready["talk"])
    assert first.closed() == (4000, "the talk goes on in another tab")
    second.tell("text", text="hello")
    second.until("audio_done")
    second.leave()
    assert visitor.ask(first.ready["talk"]).status_code == 404


def test_a_model_that_can_not_be_reached(tmp_path: Path) -> None:
    nowhere = Relay("http://127.0.0.1:9/v1")
    with serving("gthread", tmp_path, nowhere, most_talks=1) as setup:
        setup.server.faults.extend(["could not begin", "Traceback", "Error"])
        visitor = Visitor(setup.server)
        for _ in range(2):  # the first has left no line occupied
            socket = visitor.socket(visitor.ask().json()["ticket"])
            socket.send('{"type": "hello", "rate": 48000}')
            assert "can't be reached" in socket.recv()
            opcode, data = socket.recv_data(control_frame=True)
            assert (opcode, data[:2]) == (8, (4004).to_bytes(2, "big"))
            socket.shutdown()


@pytest.mark.parametrize("kind", ["werkzeug", "gthread"])
def test_talks_end_before_the_server(kind: str, provider: Relay, tmp_path: Path) -> None:
    has_key = kind == "gthread"  # without one the embedded server is started
    with serving(kind, tmp_path, provider if has_key else None, drain_s=9) as setup:
        visitor = Visitor(setup.server)
        page, lost = visitor.open(), visitor.open()
        lost.drop()
        setup.server.terminate()
        assert page.until("ending")["seconds"] == 9
        page.tell("text", text="hello")
        page.until("audio_done")
        page.leave()


def test_a_talk_that_does_not_end_is_ended(provider: Relay, tmp_path: Path) -> None:
    with serving("gthread", tmp_path, provider) as setup:
        page = Visitor(setup.server).open()
        setup.server.terminate()
        assert page.closed() == (1001, "the server is ending")
