"""One talk of samples/flask_voice, moment by moment: its session and its page are ours."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import GUARD_S, Guard, VirtualClock

from realtime_sync import ConnectError, ConnectionClosedError, QueueFullError
from realtime_sync.agents import (
    AssistantAudio,
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeEventInfo,
    RealtimeHistoryUpdated,
    RealtimeModelAudioEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeRawModelEvent,
    RunContextWrapper,
)
from samples.flask_voice.playback import PageTracker
from samples.flask_voice.talk import Talk
from samples.flask_voice.view import Latency, View

INFO = RealtimeEventInfo(RunContextWrapper[Any](None))
AGENT = RealtimeAgent[Any](name="Guide")


def audio(item_id: str, pcm: bytes) -> RealtimeAudio:
    return RealtimeAudio(RealtimeModelAudioEvent(pcm, "resp", item_id, 0), item_id, 0, INFO)


class Session:
    """What a talk knows of a session; events come when the test says so."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.calls: list[str] = []
        self.on_enter: Callable[[], object] = list
        self.on_interrupt: Callable[[], object] = list
        self.on_message: Callable[[], object] = list
        self.current_agent = AGENT
        self.is_closed = False

    def enter(self) -> None:
        self.on_enter()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.events.put(None)

    def send_message(self, message: Any) -> None:
        self.on_message()

    def interrupt(self) -> None:
        self.calls.append("interrupt")
        self.on_interrupt()

    def __iter__(self) -> Iterator[Any]:
        while (event := self.events.get(timeout=GUARD_S)) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


class Socket:
    """The page's end of a socket."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.say("hello", rate=24_000)

    def say(self, kind: str, **fields: Any) -> None:
        self.said.put(json.dumps({"type": kind, **fields}))

    def recv(self, timeout: float | None = None) -> str:
        text: str = self.said.get(timeout=timeout)
        return text

    def __iter__(self) -> Iterator[Any]:
        while (message := self.said.get(timeout=GUARD_S)) is not None:
            yield message

    def send(self, message: str | bytes, /) -> None:
        self.told.put(message if isinstance(message, bytes) else json.loads(message))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.told.put((code, reason))
        self.said.put(None)


class Room:
    """A talk, its session, and the tracker that the session was given."""

    def __init__(self, clock: VirtualClock) -> None:
        self.session = Session()
        self.over: list[Talk] = []
        self.tracker: PageTracker | None = None
        self.threads: list[threading.Thread] = []
        self.talk = Talk(
            "id",
            user="ada",
            login="login",
            open_session=self._open,
            on_over=self.over.append,
            expires_at=clock() + 30.0,
            rejoin_s=5.0,
            clock=clock,
        )

    def _open(self, tracker: PageTracker) -> Any:
        self.tracker = tracker
        return self.session

    def join(self) -> Socket:
        """Have a page join; a thread is its request's."""
        socket = Socket()
        self.spawn(lambda: self.talk.hold(socket))  # type: ignore[arg-type]  # as good as one
        return socket

    def open(self) -> Socket:
        """Have a page join, and wait until it has."""
        page = self.join()
        until(page, "ready")
        return page

    def spawn(self, target: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=target)
        thread.start()
        self.threads.append(thread)
        return thread

    def interruption(self) -> threading.Thread:
        """Let the session's engine ask how much was heard."""
        assert self.tracker is not None
        return self.spawn(self.tracker.on_interrupted)


@pytest.fixture
def room(virtual_clock: VirtualClock, guard: Guard) -> Iterator[Room]:
    room = Room(virtual_clock)
    yield room
    room.talk.end()
    room.talk.join()
    for thread in room.threads:
        guard.join(thread)


def until(socket: Socket, kind: str) -> list[Any]:
    """Return what the page was told, up to a message of a type; sound as bytes."""
    told = []
    while True:
        told.append(Guard().get(socket.told, kind))
        if isinstance(told[-1], dict) and told[-1]["type"] == kind:
            return told


def sync(room: Room, socket: Socket) -> list[Any]:
    """Return what the page was told by now of the session's events."""
    room.session.events.put(RealtimeAgentEndEvent(AGENT, INFO))
    return until(socket, "answer")[:-1]


def test_nothing_comes_of_an_answer_behind_its_clear(room: Room, guard: Guard) -> None:
    page = room.open()
    room.session.events.put(audio("a", bytes(4800)))
    assert sync(room, page)[-1] == bytes(4800)
    interruption = room.interruption()
    (clear,) = until(page, "clear")
    room.session.events.put(audio("a", bytes(4800)))  # this thread had it already
    assert sync(room, page) == []
    page.say("played", item_id="a", content_index=0, samples=1200)
    page.say("cleared", n=clear["n"])
    guard.join(interruption)
    assert room.tracker is not None
    assert room.tracker.played_ms(("a", 0)) == 50
    room.session.events.put(audio("b", b"ab"))
    assert sync(room, page)[-1] == b"ab", "another answer is heard"


def test_an_answer_that_was_passed_on_too_late_is_taken_back(room: Room, guard: Guard) -> None:
    page = room.open()
    guard.join(room.interruption())  # the page has nothing, so nobody asks it
    room.session.events.put(audio("a", b"ab"))
    room.session.events.put(RealtimeAudioInterrupted(INFO, "a", 0))
    assert [message["type"] for message in sync(room, page) if isinstance(message, dict)] == [
        "audio",
        "clear",
    ]
    room.session.events.put(audio("a", b"cd"))
    assert sync(room, page) == []


def test_nothing_is_passed_on_while_the_stop_button_is_obeyed(room: Room, guard: Guard) -> None:
    page = room.open()
    began, go = threading.Event(), threading.Event()
    room.session.on_interrupt = lambda: (began.set(), go.wait())
    page.say("interrupt")
    guard.wait(began, "the interruption")
    room.session.events.put(audio("late", b"ab"))
    assert sync(room, page) == []
    go.set()
    page.say("text", text="")  # whose answer tells that the button was obeyed
    until(page, "error")
    room.session.events.put(audio("next", b"cd"))
    assert sync(room, page)[-1] == b"cd"


def test_an_answer_that_nobody_hears_ends_after_five_minutes(room: Room) -> None:
    page = room.open()
    page.said.put(None)  # it leaves, and the session speaks on
    interrupted = threading.Event()
    room.session.on_interrupt = interrupted.set
    for _ in range(5):
        room.session.events.put(audio("a", bytes(60 * 48_000)))
    again = room.open()
    sync(room, again)
    assert not interrupted.is_set()
    room.session.events.put(audio("a", b"ab"))
    Guard().wait(interrupted, "an interruption")


def test_a_page_that_comes_back_is_told_of_its_sound_anew(room: Room) -> None:
    first = room.open()
    room.session.events.put(audio("a", b"abcd"))
    sync(room, first)
    second = room.join()
    told = until(second, "audio")
    assert told[0]["type"] == "ready"
    assert told[0]["rejoined"]
    assert told[1]["from"] == 0
    assert Guard().get(second.told, "the sound") == b"abcd"
    room.session.events.put(audio("a", b"ef"))
    assert sync(room, second) == [b"ef"], "the part is the same"
    while not isinstance(end := Guard().get(first.told, "its close"), tuple):
        pass
    assert end == (4000, "the talk goes on in another tab")


def test_a_talk_waits_for_its_page(room: Room, virtual_clock: VirtualClock) -> None:
    now = virtual_clock()
    assert not room.talk.is_due(now + 29.9)
    assert room.talk.is_due(now + 30.0), "nobody has joined"
    page = room.open()
    assert not room.talk.is_due(now + 10**6)
    virtual_clock.advance(100)
    page.said.put(None)
    Guard().until(lambda: room.talk.is_due(now + 105.01), "the page's end")
    assert not room.talk.is_due(now + 104.9)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (ConnectionClosedError(1006, "lost", closed_by="the network"), "has ended the talk"),
        (ZeroDivisionError("a fault of the program"), "has ended the talk"),
        (None, "The talk is over."),
    ],
)
def test_the_page_is_told_of_the_sessions_end(
    room: Room, failure: Exception | None, words: str
) -> None:
    page = room.open()
    room.session.events.put(failure)
    assert words in until(page, "over")[-1]["reason"]
    code, reason = Guard().get(page.told, "the close")
    assert (code, words in reason) == (4002, True)
    room.talk.join()
    assert room.over == [room.talk]
    assert room.session.is_closed
    late = room.join()
    assert words in until(late, "over")[-1]["reason"]


def test_what_the_session_does_not_take_is_no_end(room: Room) -> None:
    def fail() -> None:
        raise QueueFullError("the link is being made anew")

    page = room.open()
    room.session.on_message = fail
    page.say("text", text="Hello!")
    assert "did not take that" in until(page, "error")[-1]["message"]
    room.session.on_message = list
    page.say("nonsense")
    assert until(page, "error")[-1]["code"] == "bad_message", "the talk goes on"


def test_a_fault_of_the_program_is_told_from_the_end_of_the_talk(room: Room, guard: Guard) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a fault of the program")

    def hold() -> None:
        with pytest.raises(ZeroDivisionError):
            room.talk.hold(page)  # type: ignore[arg-type]  # as good as one

    page = Socket()
    request = room.spawn(hold)
    until(page, "ready")
    room.session.on_message = fail
    page.say("text", text="Hello!")
    assert Guard().get(page.told, "the close")[0] == 1011, "with which pages come back"
    guard.join(request)
    assert until(room.join(), "ready")[-1]["rejoined"]


def test_a_talk_without_a_session_is_over(room: Room) -> None:
    def fail() -> None:
        raise ConnectError("nobody is there")

    room.session.on_enter = fail
    page = room.join()
    assert "can't be reached" in until(page, "over")[-1]["reason"]
    assert Guard().get(page.told, "the close")[0] == 4004
    assert room.over


def test_a_talk_may_be_ended_while_it_begins(room: Room) -> None:
    room.session.on_enter = lambda: room.talk.end(4001, "You have logged out.")
    page = room.join()
    assert until(page, "over")[-1]["reason"] == "You have logged out."
    assert Guard().get(page.told, "the close")[0] == 4001
    Guard().until(lambda: room.session.is_closed, "the end of the session")


def test_of_an_answer_that_was_cut_the_heard_words_are_shown() -> None:
    view = View(tools=frozenset(), heard=lambda _: "Once", latency=Latency())

    def said(words: str) -> RealtimeHistoryUpdated:
        content = [AssistantAudio(transcript=words)]
        return RealtimeHistoryUpdated([AssistantMessageItem(item_id="a", content=content)], INFO)

    def words(delta: str) -> RealtimeRawModelEvent:
        return RealtimeRawModelEvent(RealtimeModelTranscriptDeltaEvent("a", delta, "resp"), INFO)

    assert [message["text"] for message in view.take(said("Once upon"))] == ["Once upon"]
    assert view.take(words(" a")) == [{"type": "words", "item_id": "a", "delta": " a"}]
    assert view.take(said("Once upon a")) == [], "the page knows that"
    (cut,) = view.take(RealtimeAudioInterrupted(INFO, "a", 0))
    assert (cut["text"], cut["interrupted"], cut["final"]) == ("Once", True, True)
    assert view.take(words(" time")) == [], "nobody has heard them"
    assert view.take(said("Once upon a time")) == []
    assert view.history == [cut]
    assert view.take(RealtimeHistoryUpdated([], INFO)) == [{"type": "gone", "item_id": "a"}]
    assert view.history == []


def test_a_page_is_told_whether_an_answer_is_under_way() -> None:
    view = View(tools=frozenset(), heard=str, latency=Latency())
    said = [view.is_answering]
    for event in (RealtimeAgentStartEvent(AGENT, INFO), RealtimeAgentEndEvent(AGENT, INFO)):
        view.take(event)
        said.append(view.is_answering)
    assert said == [False, True, False]
