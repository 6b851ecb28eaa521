"""One link: what is settled on it, and when it is cut. The wire is a deque."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync._threads import Attempt
from realtime_sync.distiller import SessionPlace
from realtime_sync.distiller.custom_agents import CustomAgents
from realtime_sync.distiller.distiller_link import DistillerLink
from realtime_sync.distiller.turn_state import TurnState
from realtime_sync.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    DistillerMessageError,
    DistillerTimeoutError,
    RealtimeError,
)
from realtime_sync.transport import memory_pair

CREATED = {"type": "session.created", "capabilities": {"vad_enabled": True}}
PING = {"type": "PING"}


class Bench:
    """A link, the server at its other end, and the clock of both."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.wire, self.peer = memory_pair()
        self.turn = TurnState()
        place = SessionPlace(url="ws://x", headers=dict, account="a", project="p", uuid="u")
        self.agents = CustomAgents(place, {"Tutor": lambda query: f"{query}!"}, clock=clock)
        self.link = DistillerLink(self.wire, turn=self.turn, agents=self.agents, clock=clock)

    def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            self.peer.send(json.dumps(message))

    def begin(self) -> None:
        self.say(CREATED)
        self.link.await_session()

    def read(self) -> list[Any]:
        return [json.loads(message) for message in self.link.read()]

    def heard(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.peer.receive())
        return message


@pytest.fixture
def bench(virtual_clock: VirtualClock) -> Iterator[Bench]:
    made = Bench(virtual_clock)
    yield made
    made.peer.drop()
    with suppress(ConnectionClosed):
        while True:
            made.link.read()  # to its end, and so to that of the thread that watches
    made.agents.close(Deadline(30))


def on_thread(work: Callable[[], object]) -> tuple[threading.Thread, queue.SimpleQueue[object]]:
    outcomes: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put(work())
        except Exception as exc:
            outcomes.put(exc)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcomes


def test_the_session_begins_with_the_greeting(bench: Bench) -> None:
    bench.say({"status": "warming up"}, CREATED, {"type": "response.created"})
    bench.link.await_session()
    assert bench.turn.vad_enabled
    assert bench.turn.created == CREATED
    assert bench.read() == [{"status": "warming up"}, {"type": "response.created"}]


def test_an_error_instead_of_the_greeting_cuts_the_link(bench: Bench) -> None:
    bench.say({"type": "error", "error": "no"})
    with pytest.raises(DistillerMessageError, match="no"):
        bench.link.await_session()
    assert bench.link.closed


def test_an_opening_that_nobody_waits_for_is_cut(bench: Bench, guard: Guard) -> None:
    opening = Attempt(bench.link.await_session, discard=lambda _: None, name="connect")
    opening.leave(RealtimeError("enough"))
    with pytest.raises(RealtimeError, match="enough"):
        opening.wait()
    guard.until(lambda: bench.wire.closed, "the end of the link")


def test_what_is_no_event_is_no_greeting(bench: Bench) -> None:
    bench.peer.send("{")
    bench.peer.send(b"\x00")
    bench.say(CREATED)
    bench.link.await_session()
    assert bench.link.read() == ["{", b"\x00"]


def test_a_greeting_that_does_not_come_for_30_s_cuts_the_link(bench: Bench, guard: Guard) -> None:
    bench.say({"status": "warming up"})
    thread, outcomes = on_thread(bench.link.await_session)
    bench.clock.advance(29)
    assert not bench.link.cut_if_silent()
    bench.clock.advance(1)
    guard.until(bench.link.cut_if_silent, "the end of the wait")
    error = guard.get(outcomes, "the error")
    guard.join(thread)
    assert isinstance(error, DistillerTimeoutError)
    assert "no session.created for 30 s" in str(error)


def test_pings_are_answered_and_agents_asked_unseen(bench: Bench) -> None:
    bench.begin()
    call = {"role": "Tutor", "status": "wait", "request_id": "r", "kwargs": {"query": "x"}}
    bench.say(PING, call, {"type": "response.text.delta", "content": 'say "PING", "wait"'})
    assert [message["type"] for message in bench.read()] == ["response.text.delta"]
    heard = [bench.heard(), bench.heard()]
    assert {"type": "PONG"} in heard
    (answer,) = [message for message in heard if "request_args" in message]
    assert answer["request_args"]["content"] == "x!"


@pytest.mark.parametrize(("pings", "limit"), [(1, 1000), (2, 60)])
def test_a_server_that_stops_pinging_is_lost(
    bench: Bench, guard: Guard, pings: int, limit: float
) -> None:
    bench.begin()
    bench.say(*[PING] * pings)
    thread, outcomes = on_thread(bench.link.read)
    for _ in range(pings):
        assert bench.heard() == {"type": "PONG"}
    bench.clock.advance(limit - 1)
    assert not bench.link.cut_if_silent()
    bench.clock.advance(1)
    assert bench.link.cut_if_silent()
    error = guard.get(outcomes, "the end of the link")
    guard.join(thread)
    assert isinstance(error, ConnectionClosedError)
    assert (error.code, error.closed_by) == (1006, "this side")
    assert error.reason == f"Connection timeout: the server sent no PING for {limit} s"


def test_answers_that_were_not_sent_are_of_no_use_on_another_link(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = '{"account":"a","request_type":"executor"}'
    query = '{"type":"input_text","text":"x"}'
    monkeypatch.setattr(bench.wire, "take_back", lambda: ['{"type":"PONG"}', answer, query])
    assert bench.link.take_back() == [query]


def test_an_answer_after_the_end_of_the_link_goes_nowhere(bench: Bench) -> None:
    bench.begin()
    bench.say(PING)
    bench.link.start_close(1000, "", Deadline(30))
    with pytest.raises(ConnectionClosed):
        bench.link.read()


def test_the_rest_is_the_wires(bench: Bench) -> None:
    bench.begin()
    bench.link.send("{}")
    bench.link.post("{}")
    assert bench.peer.receive() == bench.peer.receive() == "{}"
    assert bench.link.messages_out == bench.wire.messages_out == 2
    assert bench.link.messages_in == bench.wire.messages_in == 1
    assert (bench.link.bytes_in, bench.link.bytes_out) == (bench.wire.bytes_in, 4)
    assert not bench.link.closed
    bench.link.close(timeout=30)
    assert bench.link.closed
