"""What goes wrong with a Distiller session, and what a program learns of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from distiller_peer import DistillerLine, DistillerPeer, just_begin
from guards import Guard, VirtualClock
from http_recorder import reply

from realtime_sync import AuthenticationError, ReconnectPolicy
from realtime_sync.audio import VirtualMicrophone, VirtualSpeaker
from realtime_sync.distiller import DistillerEvent, DistillerSession, open_session
from realtime_sync.distiller.distiller_link import DistillerLink
from realtime_sync.errors import (
    ConnectError,
    DeviceError,
    DistillerConnectionError,
    DistillerMessageError,
    DistillerTimeoutError,
    UserAlreadyConnectedError,
)

IDLE = "Connection timeout (Idle for 10 minutes)"
TAKEN = "User is already connected"


# -- before the session ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"error_detail": {"message": "no such project: proj_1"}},
        {"error": "no such project: proj_1"},
        {"error": {"message": "no such project: proj_1"}},
    ],
)
def test_an_error_before_the_session_is_raised_at_once_with_the_servers_text(
    fields: dict[str, Any],
) -> None:
    def talk(line: DistillerLine) -> None:
        line.event("error", **fields)

    with DistillerPeer(talk) as peer, pytest.raises(DistillerMessageError, match="no such project"):
        open_session(peer.place())


def test_a_user_who_is_connected_already_is_told_at_once() -> None:
    with DistillerPeer(lambda line: line.close(1011, TAKEN)) as peer:
        with pytest.raises(UserAlreadyConnectedError, match=TAKEN) as caught:
            open_session(peer.place())
        assert len(peer.lines) == 1
    assert caught.value.status == 409


def test_a_link_that_ends_before_the_session_is_no_session() -> None:
    with (
        DistillerPeer(lambda line: line.cut()) as peer,
        pytest.raises(DistillerConnectionError, match="the session has ended"),
    ):
        open_session(peer.place())


def test_a_rejected_key_is_an_authentication_error() -> None:
    with DistillerPeer() as peer:
        place = peer.place()
        peer.replies["/distiller/realtime/org-123/proj_1/ann"] = reply(401, {"detail": "bad key"})
        with pytest.raises(AuthenticationError):
            open_session(place)


def test_a_server_that_is_not_there_is_a_connect_error() -> None:
    with DistillerPeer() as peer:
        place = peer.place()
    with pytest.raises(ConnectError):
        open_session(place)


def test_what_came_with_the_greeting_is_the_programs() -> None:
    def talk(line: DistillerLine) -> None:
        line.send({"status": "warming up"}, {"type": "PING"}, {"type": "session.created"})
        line.event("response.done")

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        events = [dict(event) for event in session.get_responses()]
    assert events == [
        {"type": "session.created"}, {"status": "warming up"}, {"type": "response.done"},
    ]  # fmt: skip


def test_an_opening_that_fails_leaves_no_link_so_that_the_next_one_succeeds(guard: Guard) -> None:
    ended = threading.Event()

    def first(line: DistillerLine) -> None:
        line.event("error", error="not now")
        line.wait_closed()
        ended.set()

    with DistillerPeer(first, just_begin) as peer:
        with pytest.raises(DistillerMessageError):
            open_session(peer.place())
        guard.wait(ended, "the end of the first link")
        open_session(peer.place()).close()


class HandlerError(Exception):
    """What a signal handler raises."""


@contextmanager
def striking(signal_number: int) -> Iterator[None]:
    """Have a signal raise in the main thread, as Ctrl-C does."""

    def strike(*_: object) -> None:
        raise HandlerError

    before = signal.signal(signal_number, strike)
    try:
        yield
    finally:
        signal.signal(signal_number, before)


def test_an_opening_that_a_signal_handler_breaks_off_leaves_nothing(guard: Guard) -> None:
    ended = threading.Event()

    def talk(line: DistillerLine) -> None:
        line.event("PING")
        line.expect("PONG")  # so the client waits for the greeting
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        line.wait_closed()
        ended.set()

    with striking(signal.SIGUSR1), DistillerPeer(talk) as peer:
        with pytest.raises(HandlerError):
            open_session(peer.place())
        guard.wait(ended, "the end of the link")


# -- within the session ----------------------------------------------------------------------------


def test_an_error_ends_the_session_for_every_later_call_too() -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.event("error", error_detail={"message": "the model is gone"})

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        responses = session.get_responses()
        assert next(responses)["type"] == "session.created"
        with pytest.raises(DistillerMessageError, match="the model is gone"):
            next(responses)
        with pytest.raises(DistillerMessageError, match="the model is gone"):
            next(session.get_responses())
        with pytest.raises(DistillerMessageError, match="the model is gone"):
            session.send_text_query("hello")


@pytest.mark.parametrize("code", [1000, 1001, 1011])
@pytest.mark.parametrize(
    ("reason", "error"), [(IDLE, DistillerTimeoutError), (TAKEN, UserAlreadyConnectedError)]
)
def test_what_the_server_ends_a_session_for_is_told_and_not_tried_again(
    reason: str, error: type[Exception], code: int
) -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.close(code, reason)

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        responses = session.get_responses()
        next(responses)
        with pytest.raises(error, match=reason.partition(" (")[0]):
            next(responses)
        assert len(peer.lines) == 1


@pytest.mark.parametrize("clean", [True, False])
def test_a_link_that_ends_in_the_middle_of_an_answer_ends_the_session(clean: bool) -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_text")
        line.answer("Once upon", done=False)
        line.close(1000) if clean else line.cut()

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        session.send_text_query("a story")
        with pytest.raises(DistillerConnectionError, match="in the middle of a turn"):
            list(session.get_responses())
        assert len(peer.lines) == 1


def test_what_was_received_comes_before_the_end() -> None:
    cut = threading.Event()

    def talk(line: DistillerLine) -> None:
        line.begin()
        line.answer("Once upon", done=False)
        line.cut()
        cut.set()

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        assert cut.wait(30)
        responses = session.get_responses()
        seen = [next(responses)["type"] for _ in range(6)]
        with pytest.raises(DistillerConnectionError):
            next(responses)
    assert seen[-1] == "response.audio.done"


def test_a_clean_close_ends_an_iteration_quietly_and_is_an_error_after_it() -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.close(1000, "good night")

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        assert [event["type"] for event in session.get_responses()] == ["session.created"]
        with pytest.raises(DistillerConnectionError, match="good night"):
            next(session.get_responses())


@pytest.mark.parametrize("code", [1006, 1001, 1011])
def test_a_link_that_ends_between_two_turns_is_made_anew(code: int) -> None:
    def first(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_text")
        line.answer("one")
        if code == 1006:
            line.cut()
        else:
            line.close(code)

    def second(line: DistillerLine) -> None:
        line.begin(vad=True)
        line.expect("input_text")
        line.answer("two")

    with DistillerPeer(first, second) as peer, open_session(peer.place()) as session:
        session.send_text_query("one")
        list(session.get_responses())
        created = session.poll(30)
        assert created is not None
        assert created["type"] == "session.created"
        assert session.vad_enabled
        session.send_text_query("two")
        events = list(session.get_responses())
        assert [event["content"] for event in events if event.content] == ["two"]
        assert len(peer.lines) == 2


def test_while_the_link_is_made_anew_text_waits_and_sound_is_refused(guard: Guard) -> None:
    begin = threading.Event()

    def first(line: DistillerLine) -> None:
        line.begin()
        line.cut()

    def second(line: DistillerLine) -> None:
        guard.wait(begin, "the word to begin")
        line.begin()
        assert line.receive() == {"type": "input_text", "text": "hello"}
        line.answer("hello")

    with DistillerPeer(first, second) as peer, open_session(peer.place()) as session:
        guard.until(lambda: session._connection.reconnecting, "the loss of the link")
        assert session.send_audio_chunk(b"\0\0") is False
        session.send_text_query("hello")
        begin.set()
        events = list(session.get_responses(30))
    assert [event["content"] for event in events if event.content] == ["hello"]


def test_a_server_that_has_not_forgotten_the_old_link_is_asked_again() -> None:
    def first(line: DistillerLine) -> None:
        line.begin()
        line.cut()

    def busy(line: DistillerLine) -> None:
        line.close(1011, TAKEN)

    def third(line: DistillerLine) -> None:
        line.begin()
        line.answer("welcome back")

    with DistillerPeer(first, busy, third) as peer, open_session(peer.place()) as session:
        assert list(session.get_responses())[-1]["type"] == "response.done"
        assert len(peer.lines) == 3


def test_a_server_that_greets_and_hangs_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.cut()

    monkeypatch.setattr(ReconnectPolicy, "delay", lambda *_: 0.0)
    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        with pytest.raises(DistillerConnectionError, match="8 attempts in a row were in vain"):
            list(session.get_responses())
        assert len(peer.lines) == 9


def link_of(session: DistillerSession) -> DistillerLink:
    link = session._connection._link._transport
    assert isinstance(link, DistillerLink)
    return link


def test_a_server_that_stops_pinging_in_a_turn_ends_the_session(
    virtual_clock: VirtualClock,
) -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.ping()
        line.ping()
        line.event("response.created")
        line.wait_closed()

    with DistillerPeer(talk) as peer, open_session(peer.place(), clock=virtual_clock) as session:
        responses = session.get_responses()
        assert [next(responses)["type"] for _ in range(2)][-1] == "response.created"
        virtual_clock.advance(60)
        assert link_of(session).cut_if_silent()
        with pytest.raises(DistillerTimeoutError, match="no PING for 60 s"):
            next(responses)


def test_a_server_that_stops_pinging_between_two_turns_is_asked_anew(
    virtual_clock: VirtualClock,
) -> None:
    def first(line: DistillerLine) -> None:
        line.begin()
        line.event("response.done")
        line.wait_closed()

    def second(line: DistillerLine) -> None:
        line.begin()
        line.answer("here again")

    with (
        DistillerPeer(first, second) as peer,
        open_session(peer.place(), clock=virtual_clock) as session,
    ):
        list(session.get_responses())
        virtual_clock.advance(1000)
        assert link_of(session).cut_if_silent()
        events = list(session.get_responses())
    assert events[0]["type"] == "session.created"
    assert [event["content"] for event in events if event.content] == ["here again"]


def test_a_session_that_can_not_be_opened_anew_has_ended() -> None:
    def first(line: DistillerLine) -> None:
        line.begin()
        peer.replies[line.target] = reply(403, {"detail": "no more"})
        line.cut()

    with DistillerPeer(first) as peer, open_session(peer.place()) as session:
        responses = session.get_responses()
        next(responses)
        with pytest.raises(DistillerConnectionError, match="no more"):
            next(responses)


# -- agents ----------------------------------------------------------------------------------------


def agents_of(*names: str, kind: str = "CustomAgent", **config: Any) -> dict[str, Any]:
    return {
        "utility_agents": [
            {"agent_name": name, "agent_class": kind, "config": config} for name in names
        ]
    }


def test_an_agent_answers_while_nobody_iterates_and_is_shown_to_nobody() -> None:
    answers: list[dict[str, Any]] = []
    answered = threading.Event()

    def talk(line: DistillerLine) -> None:
        line.begin()
        line.call_agent("Weather", query="Oslo", env_variable={"a": 1}, chat_history=[])
        answers.append(line.expect_answer())
        answered.set()
        line.answer("rain")

    def weather(query: str, env_variable: dict[str, Any]) -> dict[str, Any]:
        env_variable["b"] = 2
        return {"answer": query}

    with (
        DistillerPeer(talk, config=agents_of("Weather")) as peer,
        open_session(
            peer.place(project_version="3"), executor_dict={"Weather": weather}
        ) as session,
    ):
        assert answered.wait(30)
        events = list(session.get_responses())
    assert answers == [
        {
            "account": "org-123",
            "request_type": "executor",
            "project": "proj_1:3",
            "uuid": "ann",
            "request_args": {
                "query": "",
                "image": None,
                "content": '{"answer": "Oslo"}',
                "memory_updates": {"env_variable": {"b": 2}},
            },
            "role": "Weather",
            "request_id": "req-1",
        }
    ]
    assert all(event.status is None for event in events)


def test_an_agent_that_raises_and_one_that_is_unknown_are_answered() -> None:
    contents: list[str] = []

    def talk(line: DistillerLine) -> None:
        line.begin()
        for role in ("Broken", "Stranger"):
            line.call_agent(role, request_id=f"req-{role}")
            contents.append(line.expect_answer()["request_args"]["content"])
        line.event("response.done")

    def broken() -> None:
        raise SystemExit("boom")

    with (
        DistillerPeer(talk, config=agents_of("Broken")) as peer,
        open_session(peer.place(), executor_dict={"Broken": broken}) as session,
    ):
        list(session.get_responses())
    assert "SystemExit: boom" in contents[0]
    assert "no function for 'Stranger'" in contents[1]
    assert "req-Stranger" in contents[1]


def test_an_agent_that_hangs_is_answered_after_600_s(
    virtual_clock: VirtualClock, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    runs, release = threading.Event(), threading.Event()
    contents: list[str] = []

    def talk(line: DistillerLine) -> None:
        line.begin()
        line.call_agent("Slow")
        contents.append(line.expect_answer()["request_args"]["content"])
        release.set()
        line.event("response.done")

    def slow() -> None:
        runs.set()
        release.wait(30)

    with (
        DistillerPeer(talk, config=agents_of("Slow")) as peer,
        open_session(peer.place(), executor_dict={"Slow": slow}, clock=virtual_clock) as session,
    ):
        guard.wait(runs, "the call")
        virtual_clock.advance(600)
        session._agents.expire()
        list(session.get_responses())
    assert '"timeout_sec": 600' in contents[0]
    assert "timed out after 600 seconds" in caplog.text


def test_a_forgotten_session_says_so_and_leaves_nothing() -> None:
    with DistillerPeer() as peer, pytest.warns(ResourceWarning, match="unclosed"):
        open_session(peer.place())


def test_closing_does_not_wait_for_an_agent_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    runs, release = threading.Event(), threading.Event()

    def talk(line: DistillerLine) -> None:
        line.begin()
        line.call_agent("Slow")
        line.wait_closed()

    def slow() -> None:
        runs.set()
        release.wait(30)

    with DistillerPeer(talk, config=agents_of("Slow")) as peer:
        session = open_session(peer.place(), executor_dict={"Slow": slow})
        assert runs.wait(30)
        session.close()
        assert session.closed
        release.set()
    assert "has not returned" in caplog.text


def test_a_close_that_a_signal_handler_breaks_off_still_ends_the_agents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def strike(*_: object) -> None:
        raise HandlerError

    asked: list[str] = []
    with DistillerPeer() as peer:
        session = open_session(peer.place())
        with monkeypatch.context() as patch:
            patch.setattr(session._connection, "close", strike)
            with pytest.raises(HandlerError):
                session.close()
        request = DistillerEvent({"status": "wait", "role": "Anybody"})
        session._agents.call(request, asked.append)
        session.close()
    assert asked == []


# -- while the session is spoken over --------------------------------------------------------------


def listen(session: DistillerSession, source: VirtualMicrophone | None = None) -> None:
    """Take one spoken turn, in a room where a user speaks and an answer takes no time."""
    with VirtualSpeaker(pace="fast") as sink, source or VirtualMicrophone() as microphone:
        session.listen_and_respond(source=microphone, sink=sink)


def heard(then: Callable[[DistillerLine], object], **begin: Any) -> Callable[[DistillerLine], None]:
    """Return what begins a session, and does something as soon as it hears the user."""

    def talk(line: DistillerLine) -> None:
        line.begin(**begin)
        line.expect("input_audio_buffer.append")
        then(line)

    return talk


def cut_in_the_answer(line: DistillerLine) -> None:
    line.answer("Once upon", done=False)
    line.cut()


@pytest.mark.parametrize("vad", [False, True])
@pytest.mark.parametrize(
    ("then", "error", "words"),
    [
        (lambda line: line.close(1000, IDLE), DistillerTimeoutError, "Connection timeout"),
        (lambda line: line.close(1011, TAKEN), UserAlreadyConnectedError, TAKEN),
        (lambda line: line.event("error", error="no model"), DistillerMessageError, "no model"),
        (cut_in_the_answer, DistillerConnectionError, "in the middle of a turn"),
    ],
    ids=["idle", "connected-already", "error", "cut"],
)
def test_the_end_of_a_session_ends_a_talk_with_the_same_error(
    vad: bool, then: Callable[[DistillerLine], object], error: type[Exception], words: str
) -> None:
    with (
        DistillerPeer(heard(then, vad=vad)) as peer,
        open_session(peer.place()) as session,
        pytest.raises(error, match=words),
    ):
        listen(session)
    assert len(peer.lines) == 1


def test_a_link_that_is_made_anew_between_two_turns_costs_a_talk_nothing() -> None:
    """To a server with VAD sound alone is no turn: the microphone is always open."""
    first = heard(lambda line: line.cut(), vad=True)
    second = heard(lambda line: line.answer("here again"), vad=True)
    with DistillerPeer(first, second) as peer, open_session(peer.place()) as session:
        listen(session)
        assert len(peer.lines) == 2


def test_a_server_that_stops_pinging_ends_a_talk(virtual_clock: VirtualClock) -> None:
    def silence(line: DistillerLine) -> None:
        line.event("response.created")
        line.ping()
        line.ping()
        virtual_clock.advance(60)
        link_of(sessions[0]).cut_if_silent()

    sessions: list[DistillerSession] = []
    with (
        DistillerPeer(heard(silence)) as peer,
        open_session(peer.place(), clock=virtual_clock) as session,
    ):
        sessions.append(session)
        with pytest.raises(DistillerTimeoutError, match="no PING for 60 s"):
            listen(session)


def test_odd_messages_do_not_end_a_talk(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(line: DistillerLine) -> None:
        line.send({"content": None}, {"type": None}, {"type": "response.audio_transcript.done"})
        line.send({"type": "response.text.delta", "content": None, "role": None})
        line.send({"type": "response.audio.delta", "audio": None}, {"type": 5}, {"type": "new"})
        line.send_text("no JSON")
        line.answer("All is well")

    with DistillerPeer(heard(answer)) as peer, open_session(peer.place()) as session:
        listen(session)
    assert "Tutor: All is well" in capsys.readouterr().out


def test_agents_that_raise_or_hang_or_are_unknown_do_not_end_a_talk(
    virtual_clock: VirtualClock, guard: Guard
) -> None:
    contents: list[str] = []
    hangs, release = threading.Event(), threading.Event()

    def ask_agents(line: DistillerLine) -> None:
        for role in ("Broken", "Stranger", "Slow"):
            line.call_agent(role)
            if role == "Slow":
                guard.wait(hangs, "the call")
                virtual_clock.advance(600)
                sessions[0]._agents.expire()
            contents.append(line.expect_answer()["request_args"]["content"])
        release.set()
        line.answer("without them")

    def broken() -> None:
        raise ValueError("boom")

    def slow() -> None:
        hangs.set()
        release.wait(30)

    sessions: list[DistillerSession] = []
    agents = {"Broken": broken, "Slow": slow}
    with (
        DistillerPeer(heard(ask_agents), config=agents_of("Broken", "Slow")) as peer,
        open_session(peer.place(), executor_dict=agents, clock=virtual_clock) as session,
    ):
        sessions.append(session)
        listen(session)
    kinds = ["exception", "not_found", "timeout"]
    assert all(f'"type": "{kind}"' in each for kind, each in zip(kinds, contents, strict=True))


class SlowSpeaker(VirtualSpeaker):
    """One whose device takes the sound only when it may."""

    def __init__(self) -> None:
        super().__init__(pace="fast")
        self.is_asked, self.may_play = threading.Event(), threading.Event()

    def write(self, audio: Any, *, item_id: str | None = None, content_index: int = 0) -> None:
        self.is_asked.set()
        assert self.may_play.wait(30)
        super().write(audio, item_id=item_id, content_index=content_index)


def test_playback_delays_no_pong(guard: Guard) -> None:
    speaker = SlowSpeaker()

    def answer(line: DistillerLine) -> None:
        line.answer("A word", done=False)
        guard.wait(speaker.is_asked, "the playback")
        line.ping()
        speaker.may_play.set()
        line.event("response.done")

    with (
        DistillerPeer(heard(answer)) as peer,
        open_session(peer.place()) as session,
        VirtualMicrophone() as microphone,
        speaker,
    ):
        session.listen_and_respond(source=microphone, sink=speaker)


class BrokenMicrophone(VirtualMicrophone):
    """One whose device goes away at once."""

    def __iter__(self) -> Iterator[bytes]:
        raise DeviceError("the microphone went away")


def test_a_microphone_that_fails_ends_the_talk_and_not_the_session() -> None:
    def talk(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_text")
        line.answer("still here")

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        with pytest.raises(DeviceError, match="went away"):
            listen(session, BrokenMicrophone())
        session.send_text_query("Are you there?")
        assert [each.content for each in session.get_responses() if each.content] == ["still here"]


@pytest.mark.parametrize("vad", [False, True])
def test_a_talk_that_a_signal_handler_breaks_off_leaves_a_session_that_goes_on(vad: bool) -> None:
    def strike(line: DistillerLine) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        line.expect("input_text")
        line.answer("going on")

    with (
        striking(signal.SIGUSR1),
        DistillerPeer(heard(strike, vad=vad)) as peer,
        open_session(peer.place()) as session,
    ):
        with pytest.raises(HandlerError):
            listen(session)
        session.send_text_query("Go on.")
        assert [each.content for each in session.get_responses() if each.content] == ["going on"]


def test_an_iteration_that_a_signal_handler_breaks_off_is_taken_up_again(guard: Guard) -> None:
    listening, struck = threading.Event(), threading.Event()

    def strike_once(*_: object) -> None:
        if not struck.is_set():
            struck.set()
            raise HandlerError

    def talk(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_text")
        guard.wait(listening, "the program iterates")  # a message that is struck breaks the link
        # One that comes just before the wait is noticed only when that ends.
        while not struck.wait(0.05):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        line.expect("playback.started")
        line.answer("at last")

    def listen(session: DistillerSession) -> None:
        session.send_text_query("ask")
        for _ in session.get_responses():
            listening.set()  # by session.created; nothing comes behind it

    with (
        striking(signal.SIGUSR1),
        DistillerPeer(talk) as peer,
        open_session(peer.place()) as session,
    ):
        signal.signal(signal.SIGUSR1, strike_once)  # `striking` restores what was before
        with pytest.raises(HandlerError):
            listen(session)
        session.notify_playback_started()
        assert [each.content for each in session.get_responses() if each.content] == ["at last"]
