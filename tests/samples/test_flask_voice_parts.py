"""The rules of samples/flask_voice, without sockets: the wire, what was heard, limits, logins."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from guards import Guard, VirtualClock

from realtime_sync import ConnectionClosedError
from realtime_sync.agents import RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer
from samples.flask_voice import messages
from samples.flask_voice.app import Settings, create_app
from samples.flask_voice.login import Attempts, EndedLogins, Users
from samples.flask_voice.messages import BadMessageError, parse
from samples.flask_voice.page_line import Line
from samples.flask_voice.playback import PageTracker, Piece, Silencing, Unheard
from samples.flask_voice.talks import Refused, Talks
from samples.flask_voice.view import Latency

PART = ("item_1", 0)


# -- the wire --------------------------------------------------------------------------------------


def image(kind: str = "image/png", data: bytes = b"\x89PNG\r\n\x1a\n") -> str:
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return json.dumps({"type": "image", "data_url": url})


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        (b"\1\0", messages.Sound(b"\1\0")),
        (b"", messages.Sound(b"")),
        ('{"type": "hello", "rate": 8000}', messages.Hello(8000)),
        (
            json.dumps(
                {
                    "type": "hello",
                    "rate": 192_000,
                    "played": [{"item_id": "a", "content_index": 0, "samples": 7}],
                }
            ),
            messages.Hello(192_000, (messages.Played("a", 0, 7),)),
        ),
        ('{"type": "cleared", "n": 2}', messages.Cleared(2)),
        ('{"type": "interrupt", "later": 1}', messages.Interrupt()),
        ('{"type": "text", "text": " hi "}', messages.Text("hi")),
        (json.dumps({"type": "text", "text": "x" * 4000}), messages.Text("x" * 4000)),
        (
            '{"type": "approve", "call_id": "c", "approved": false, "always": true}',
            messages.Approve("c", approved=False, always=True),
        ),
        ('{"type": "bye"}', messages.Bye()),
        (image(), messages.Image("data:image/png;base64,iVBORw0KGgo=", "")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_page_means(message: str | bytes, meant: messages.FromPage) -> None:
    assert parse(message) == meant


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"\0", "half a sample"),
        (bytes(65_538), "65538 bytes at once"),
        ("[" * 100_000, "no JSON"),
        ("7", "none of the types"),
        ('{"type": "nonsense"}', "none of the types"),
        ('{"type": "hello"}', "'rate' is a whole number"),
        ('{"type": "hello", "rate": true}', "'rate' is a whole number"),
        ('{"type": "hello", "rate": 7999}', "7999 Hz is not from 8000 to 192000"),
        ('{"type": "hello", "rate": 192001}', "192001 Hz"),
        ('{"type": "hello", "rate": 48000, "played": {}}', "is a list of 64 at most"),
        ('{"type": "hello", "rate": 48000, "played": [1]}', "is an object"),
        ('{"type": "played", "item_id": "", "content_index": 0, "samples": 1}', "'item_id'"),
        ('{"type": "played", "item_id": "a", "content_index": -1, "samples": 1}', "0 or more"),
        ('{"type": "played", "item_id": "a", "content_index": 0, "samples": 1.5}', "'samples'"),
        ('{"type": "cleared"}', "'n' is a whole number"),
        ('{"type": "text", "text": 1}', "'text' is a text"),
        ('{"type": "text", "text": "  "}', "has no words"),
        (json.dumps({"type": "text", "text": "x" * 4001}), "4000 characters at most"),
        ('{"type": "approve", "call_id": 1, "approved": true}', "'call_id' is an id"),
        ('{"type": "approve", "call_id": "c"}', "true or false"),
        ('{"type": "image"}', "no image of the kinds PNG, JPEG, GIF, WEBP"),
        (image("image/svg+xml", b"<svg>"), "no image of the kinds"),
        (image("image/tiff"), "no image of the kinds"),
        (image("image/jpeg"), "says that it is image/jpeg, and is not"),
        ('{"type": "image", "data_url": "data:image/png;base64,AAAAA"}', "came damaged"),
        (image(data=bytes(messages.MAX_IMAGE_BYTES + 6)), "more than 4 MiB"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_not_be_meant(message: str | bytes, words: str) -> None:
    with pytest.raises(BadMessageError) as refusal:
        parse(message)
    assert words in str(refusal.value)
    assert refusal.value.code == ("image" if "image" in str(message)[:20] else "bad_message")


def test_half_of_an_emoji_is_replaced() -> None:
    """A browser cuts a text after so many UTF-16 units, and sends the half as an escape."""
    assert parse('{"type": "text", "text": "cut \\ud83d"}') == messages.Text("cut \ufffd")
    assert parse('{"type": "text", "text": "\\ude00 \\ud83d\\ude00"}') == messages.Text("\ufffd 😀")


def test_the_largest_picture_fits_into_a_message() -> None:
    data = b"\x89PNG\r\n\x1a\n" + bytes(messages.MAX_IMAGE_BYTES - 8)
    message = image(data=data)
    assert isinstance(parse(message), messages.Image)
    assert len(message) + 6 * 4000 < messages.MAX_MESSAGE_BYTES


# -- what was heard --------------------------------------------------------------------------------


def test_what_was_not_heard_is_there_for_a_new_page() -> None:
    unheard = Unheard()
    assert unheard.add(PART, "r", b"abc") == Piece(PART, "r", 0, b"ab"), "whole samples"
    assert unheard.add(PART, "r", b"def") == Piece(PART, "r", 1, b"cdef")
    assert unheard.add(("item_2", 0), "r", b"xy") == Piece(("item_2", 0), "r", 0, b"xy")
    assert unheard.waiting_bytes == 8
    assert [unheard.heard(PART, samples) for samples in (1, 1, 0, 2)] == [1, 0, 0, 1]
    assert unheard.heard(("item_3", 0), 5) == 0, "of which nothing was sent"
    assert unheard.complete(PART)
    assert not unheard.complete(("item_3", 0))
    assert [*unheard.again()] == [
        (Piece(PART, "r", 2, b"ef"), True),
        (Piece(("item_2", 0), "r", 0, b"xy"), False),
    ]
    assert unheard.heard(PART, 10**9) == 1, "no more than there is"
    assert [piece.part for piece, _ in unheard.again()] == [("item_2", 0)]
    assert unheard.waiting_bytes == 2


def test_nothing_more_comes_of_what_was_silenced() -> None:
    unheard = Unheard()
    unheard.add(PART, "r", b"abcd")
    unheard.close()
    assert unheard.add(PART, "r", b"ef") is None
    assert unheard.heard(PART, 1) == 1, "what the page had played is still to be told"
    unheard.cut()
    assert unheard.heard(PART, 2) == 0
    assert unheard.waiting_bytes == 0
    assert unheard.add(PART, "r", b"gh") is None
    assert unheard.add(("item_2", 0), "r", b"gh") is not None
    assert unheard.is_closed(PART)
    assert not unheard.is_closed(("item_2", 0))


def test_only_so_many_parts_are_remembered() -> None:
    unheard = Unheard()
    for number in range(70):
        unheard.add((f"item_{number}", 0), "r", b"ab")
    assert len([*unheard.again()]) == 64
    assert unheard.waiting_bytes == 128


def test_an_interruption_asks_the_page_first() -> None:
    tracker = PageTracker(lambda: tracker.heard(PART, 12_000))
    tracker.heard(PART, 12_001)
    tracker.on_interrupted()
    assert tracker.played_ms(PART) == 1000
    assert tracker.get_state()["current_item_id"] is None


def test_only_the_newest_question_is_answered() -> None:
    silencing = Silencing()
    first, second = silencing.ask(), silencing.ask()
    silencing.answer(first)
    assert not silencing.wait(0)
    silencing.answer(second)
    assert silencing.wait(0)
    silencing.ask()
    assert not silencing.wait(0)


def test_the_latency_of_an_answer(virtual_clock: VirtualClock) -> None:
    latency = Latency(virtual_clock)
    latency.audio_goes_out()
    assert latency.heard() is None, "nobody has asked anything"
    latency.user_is_done()
    virtual_clock.advance(0.3)
    assert latency.heard() is None, "that is of the answer before"
    latency.audio_goes_out()
    virtual_clock.advance(0.1)
    latency.audio_goes_out()
    assert latency.heard() == {"type": "latency", "first_audio_ms": 300, "first_heard_ms": 400}
    assert latency.heard() is None, "once"
    latency.user_is_done()
    latency.audio_goes_out()
    latency.user_speaks()
    assert latency.heard() is None


# -- a page that does not take what is sent --------------------------------------------------------


class StuckSocket:
    """Takes one message when it is let go, and notes all."""

    def __init__(self) -> None:
        self.got: list[object] = []
        self.is_sending = threading.Event()
        self.go = threading.Event()
        self.breaks = False

    def send(self, message: str | bytes, /) -> None:
        self.is_sending.set()
        self.go.wait()
        if self.breaks:
            raise ConnectionClosedError(1006, "gone", closed_by="the network")
        self.got.append(message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.got.append((code, reason))


def test_a_page_gets_everything_in_order_and_then_the_close(guard: Guard) -> None:
    socket = StuckSocket()
    line = Line(socket)
    line.tell({"type": "ä"})
    line.sound(b"ab")
    line.end(4001, "over")
    line.end(1000, "again")
    line.sound(b"too late")
    socket.go.set()
    line.join()
    assert socket.got == ['{"type":"ä"}', b"ab", (4001, "over")]


def test_a_page_that_is_told_nothing_is_told_that_the_line_is_there(guard: Guard) -> None:
    socket = StuckSocket()
    line = Line(socket, most_bytes=10, alive_s=0.001)
    socket.go.set()
    guard.until(lambda: len(socket.got) > 3, "some signs of life")
    assert set(socket.got) == {'{"type":"alive"}'}
    line.sound(b"0123456789x")  # they were none of what waits, and make no room
    line.join()
    assert socket.got[-1] == (4008, "the page takes too long to take what is sent")


def test_a_page_that_takes_too_long_is_given_up(guard: Guard) -> None:
    socket = StuckSocket()
    line = Line(socket, most_bytes=10)
    line.sound(b"0123")
    guard.wait(socket.is_sending, "the first message")
    line.sound(b"456789")  # with the one that is being sent these are ten
    line.sound(b"x")
    line.sound(b"y")
    line.end(1000, "")
    socket.go.set()
    line.join()
    assert socket.got == [b"0123", (4008, "the page takes too long to take what is sent")]


def test_a_page_that_is_gone_keeps_nobody_waiting(guard: Guard) -> None:
    socket = StuckSocket()
    socket.breaks = True
    socket.go.set()
    line = Line(socket, most_bytes=10)
    line.sound(b"0123")
    line.join()
    line.sound(bytes(100))
    line.end(1000, "")
    assert socket.got == []


# -- limits and tickets ----------------------------------------------------------------------------


def no_session(tracker: PageTracker) -> RealtimeSession[Any]:
    raise AssertionError("no page has joined")


def code_of(talks: Talks, *args: Any) -> str:
    with pytest.raises(Refused) as refusal:
        talks.ticket(*args)
    return f"{refusal.value.status} {refusal.value.code}"


def test_tickets_count_until_nobody_uses_them(virtual_clock: VirtualClock, guard: Guard) -> None:
    talks = Talks(no_session, most=3, most_per_user=2, rejoin_s=5, clock=virtual_clock)
    tickets = [talks.ticket("ada", "login_1") for _ in range(2)]
    assert code_of(talks, "ada", "login_2") == "429 user_limit"
    talks.ticket("ben", "login_3")
    assert code_of(talks, "cleo", "login_4") == "503 server_full"
    assert code_of(talks, "ben", "login_3", tickets[0][1]) == "404 talk_over"
    assert code_of(talks, "ben", "login_3", "no such talk") == "404 talk_over"
    with pytest.raises(Refused, match="not valid any more"):
        talks.redeem(tickets[0][0], "login_2")
    with pytest.raises(Refused, match="not valid any more"):
        talks.redeem(tickets[0][0], "login_1")  # it was shown to somebody who had stolen it
    assert talks.redeem(tickets[1][0], "login_1").id == tickets[1][1]
    again, _ = talks.ticket("ada", "login_2", tickets[1][1])
    virtual_clock.advance(30)
    with pytest.raises(Refused, match="not valid any more"):
        talks.redeem(again, "login_2")
    guard.until(lambda: not len(talks), "the end of talks that nobody has begun")
    talks.ticket("ada", "login_1")
    talks.end_all("login_2")
    assert len(talks) == 1
    talks.end_all("login_1")
    assert not len(talks)
    _, begun = talks.ticket("ada", "login_1")
    talks.give_up("ben", begun)
    talks.give_up("ada", "no such talk")
    assert len(talks) == 1, "a talk is its user's"
    talks.give_up("ada", begun)
    assert not len(talks)
    talks.close()


def test_a_server_that_ends_gives_no_tickets(virtual_clock: VirtualClock) -> None:
    ending = False
    talks = Talks(
        no_session,
        most=1,
        most_per_user=1,
        rejoin_s=5,
        is_ending=lambda: ending,
        clock=virtual_clock,
    )
    talks.ticket("ada", "login")
    ending = True
    assert code_of(talks, "ada", "login") == "503 ending"
    talks.close()
    assert not len(talks)


# -- logins and settings ---------------------------------------------------------------------------


def test_of_logins_that_are_over_the_last_ones_are_known() -> None:
    ended = EndedLogins(most=2)
    for login_id in ("a", "b", "c"):
        ended.add(login_id)
    assert [each in ended for each in ("a", "b", "c", "d", None)] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_passwords_can_not_be_guessed_quickly(virtual_clock: VirtualClock) -> None:
    attempts = Attempts(most=2, within_s=60, clock=virtual_clock)
    for _ in range(2):
        assert attempts.begin("ada here")
        virtual_clock.advance(10)
    assert not attempts.begin("ada here")
    assert attempts.begin("ada elsewhere")
    virtual_clock.advance(40)
    assert attempts.begin("ada here"), "the first one was a minute ago"
    attempts.succeeded("ada here")
    assert attempts.begin("ada here"), "who knows the password is no failure"
    assert not attempts.begin("ada here")


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The application, whose model nobody asks."""
    file = tmp_path / "users"
    runner = create_app(client=ScriptedClient(ScriptedServer([]))).test_cli_runner()
    added = runner.invoke(args=["add-user", "ada", str(file)], input="secret\nsecret\n")
    assert added.exit_code == 0, added.output
    for name in ("a:b", "", " a", "a\nb"):
        refused = runner.invoke(args=["add-user", name, str(file)], input="secret\nsecret\n")
        assert "a name has no colon" in refused.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert Users.in_file(file).has("ada", "secret")
    assert not Users.in_file(file).has("ada", "Secret")
    settings = Settings(users=str(file), proxies=1)
    return create_app(settings, ScriptedClient(ScriptedServer([])))


def test_a_user_is_added_behind_a_line_without_an_end(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(file.read_text().rstrip())
    app.test_cli_runner().invoke(args=["add-user", "bob", str(file)], input="word\nword\n")
    users = Users.in_file(file)
    assert users.has("ada", "secret")
    assert users.has("bob", "word")


def test_cookies_go_over_https_alone(app: Flask) -> None:
    browser = app.test_client()
    here = browser.get("/login", base_url="http://127.0.0.1:5000")
    assert "Secure" not in here.headers["Set-Cookie"]
    assert "without HTTPS" not in here.text
    elsewhere = browser.get("/login", base_url="http://talk.example")
    assert "Secure" in elsewhere.headers["Set-Cookie"]
    assert "without HTTPS" in elsewhere.text
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "talk.example"}
    behind_a_proxy = browser.get("/login", headers=forwarded, base_url="http://10.0.0.1:8000")
    assert "without HTTPS" not in behind_a_proxy.text
    assert "wss://talk.example" in behind_a_proxy.headers["Content-Security-Policy"]


def test_settings_come_from_the_environment() -> None:
    given = {"FLASK_VOICE_MOST_TALKS": "7", "FLASK_VOICE_REJOIN_S": "1.5", "FLASK_VOICE_USERS": ""}
    assert Settings.from_environment(given) == Settings(most_talks=7, rejoin_s=1.5)
    for name, wrong in (("MOST_TALKS", "many"), ("MOST_TALKS", "-1"), ("REJOIN_S", "nan")):
        with pytest.raises(ValueError, match=f"FLASK_VOICE_{name} is '{wrong}'; give a"):
            Settings.from_environment({f"FLASK_VOICE_{name}": wrong})


def test_a_talk_lives_in_one_process(app: Flask) -> None:
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie.update(login="id", user="ada", csrf="token")
    options: Any = {"json": {"talk": None}, "headers": {"X-CSRF-Token": "token"}}
    answer = browser.post("/talks", environ_overrides={"wsgi.multiprocess": True}, **options)
    assert answer.status_code == 503
    assert "--workers 1" in answer.json["error"]
    assert answer.headers["Retry-After"] == "10"
    assert browser.post("/talks", **options).status_code == 201
    app.extensions["talks"].close()
