"""What a link does in each of its states, step by step; its threads run where they are spawned."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync import (
    ConcurrencyError,
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeError,
    ReconnectPolicy,
)
from realtime_sync._deadline import Deadline
from realtime_sync.connection import ConnectionSettings
from realtime_sync.connection.link import link as link_module
from realtime_sync.connection.link.lifecycle import LinkState
from realtime_sync.connection.link.link import Link
from realtime_sync.connection.link.queue import EventQueue, Interruption
from realtime_sync.connection.link.sender import Sender
from realtime_sync.connection.state import ConnectionState
from realtime_sync.errors import ConnectionClosed
from realtime_sync.events import Reconnected, ServerEvent, SessionUpdated
from realtime_sync.transport import MemoryPeer, Transport, memory_pair

LOST = ConnectionClosedError(1006, "lost")
NOW = Deadline(0)


class Bench:
    """A link whose threads are the test's own; what it opens is greeted and taken over at once.

    Attributes:
        no_threads: names of threads that the system refuses.
        peers: the other ends of its links.
    """

    def __init__(self, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.no_threads: set[str] = set()
        self.peers: list[MemoryPeer] = []
        self.opening: Callable[[], None] = lambda: None
        self.clock = clock
        monkeypatch.setattr(link_module, "spawn", self._spawn)
        settings = ConnectionSettings(
            opener=self._open,
            reconnect=ReconnectPolicy(initial_delay=0, max_retries=1, restore=False),
            close_timeout=0.05,
        )
        self.transport, peer = memory_pair()
        self.peers.append(peer)
        self.queue = EventQueue(1 << 20)
        self.state = ConnectionState(clock=clock)
        self.sender = Sender(self.transport, self.queue, self.state, policy=settings.reconnect)
        self.link = Link(
            self.transport, queue=self.queue, state=self.state, sender=self.sender,
            settings=settings,
        )  # fmt: skip
        self.life = self.link.lifecycle

    def _spawn(self, work: Callable[[], None], *, name: str) -> threading.Thread:
        if name in self.no_threads:
            raise RealtimeError("the system gives no thread")
        if name != "reader":  # one would wait for messages
            work()
        return threading.Thread()

    def _open(
        self, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[Transport, None]:
        self.opening()
        transport, peer = memory_pair()
        self.peers.append(peer)
        return transport, None

    def loses(self, end: ConnectionClosed = LOST) -> None:
        """Let the reader's thread end."""
        self.transport.abort()
        self.link._run(lambda: self.link._reader_ended(end), name="ended reader")

    def sent(self, link: int = -1) -> list[str]:
        """The types of what the server of a link was sent."""
        found = []
        peer = self.peers[link]
        while peer._transport._to_peer:
            found.append(json.loads(peer.receive(0))["type"])
        return found

    def items(self) -> list[object]:
        """What the consumer finds."""
        found: list[object] = []
        while not self.queue._entries.empty():
            entry = self.queue._entries.get()
            if entry is not None:
                found.append(entry.item)
        return found


@pytest.fixture
def bench(virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(virtual_clock, monkeypatch)


# -- a loss ----------------------------------------------------------------------------------------


def test_a_loss_interrupts_makes_anew_and_reports(bench: Bench) -> None:
    bench.loses()
    interruption, report = bench.items()
    assert isinstance(interruption, Interruption)
    assert interruption.error.reconnecting
    assert isinstance(report, Reconnected)
    assert bench.life.state is LinkState.OPEN
    bench.sender.send({"type": "n.1"})
    assert bench.sent() == ["n.1"]


@pytest.mark.parametrize("end", [ConnectionClosedOK(1000), ConnectionClosedError(1008, "no")])
def test_an_end_for_good_is_the_end(bench: Bench, end: ConnectionClosed) -> None:
    bench.loses(end)
    assert bench.life.state is LinkState.CLOSED
    assert bench.life.over.is_set
    told = bench.queue.end
    assert told is not None
    assert (type(told), told.code, told.reason) == (type(end), end.code, end.reason)
    assert len(bench.peers) == 1


def test_whatever_the_opener_raises_ends_it(bench: Bench) -> None:
    def fail() -> None:
        raise KeyError("of the program's key function")

    bench.opening = fail
    bench.loses()
    told = bench.queue.end
    assert isinstance(told, ConnectionClosedError)
    assert "could not reconnect" in told.reason
    assert isinstance(told.__cause__, KeyError)


def test_no_thread_at_the_moment_of_loss_ends_it(bench: Bench) -> None:
    bench.no_threads = {"supervisor"}
    bench.loses()
    told = bench.queue.end
    assert isinstance(told, ConnectionClosedError)
    assert "gives no thread" in told.reason
    assert bench.life.state is LinkState.CLOSED


def test_whoever_restarts_is_told_where_no_link_can_be_cut(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("another wire's")

    monkeypatch.setattr(type(bench.transport), "take_back", fail)
    monkeypatch.setattr(type(bench.transport), "abort", fail)
    with pytest.raises(ConnectionClosedError, match="another wire's"):
        bench.link.restart(keep_history=True)


def test_no_thread_for_the_new_reader_ends_it(bench: Bench) -> None:
    bench.no_threads = {"reader"}
    bench.loses()
    told = bench.queue.end
    assert isinstance(told, ConnectionClosedError)
    assert "gives no thread" in told.reason
    assert bench.link._transport.closed, "the new link is not left open"


def test_an_exception_in_adopting_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr(bench.state, "renewed", fail)
    bench.loses()
    told = bench.queue.end
    assert isinstance(told, ConnectionClosedError)
    assert "OverflowError" in told.reason
    assert isinstance(told.__cause__, OverflowError)
    assert bench.link._transport.closed, "the new link is not left open"
    with pytest.raises(ConnectionClosedError):
        bench.sender.send({"type": "n.1"})


def test_an_exception_while_everybody_is_told_still_tells_the_consumer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[str]:
        raise MemoryError

    monkeypatch.setattr(bench.sender, "give_up", fail)
    bench.loses(ConnectionClosedError(1008, "no"))
    assert bench.queue.end is not None
    assert bench.life.over.is_set


# -- a renewal -------------------------------------------------------------------------------------


def renew(bench: Bench) -> None:
    decided: queue.SimpleQueue[None] = queue.SimpleQueue()
    bench.link._run(lambda: bench.link._renew_quietly(decided), name="supervisor")
    decided.get_nowait()


def test_a_renewal_at_a_quiet_moment(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.link._renew_if_quiet()
    assert bench.life.state is LinkState.OPEN
    assert bench.transport.closed
    assert [type(item) for item in bench.items()] == [Reconnected]


def test_no_renewal_while_something_is_under_way(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.sender.send({"type": "response.create"})
    bench.link._renew_if_quiet()
    assert len(bench.peers) == 1


def test_a_message_that_was_quicker_than_the_holding_puts_a_renewal_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was quiet before, and is not after: what went out in between is seen by a second look."""
    bench.clock.advance(10)
    hold = bench.sender.hold

    def send_then_hold(why: Any) -> None:
        bench.sender.send({"type": "response.create"})
        hold(why)

    monkeypatch.setattr(bench.sender, "hold", send_then_hold)
    renew(bench)
    assert len(bench.peers) == 1, "no other link was opened"
    assert bench.life.state is LinkState.OPEN
    bench.sender.send({"type": "n.1"})
    assert bench.sent(0) == ["response.create", "n.1"], "and nothing is held"


def test_what_is_sent_meanwhile_goes_over_the_new_link(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.opening = lambda: bench.sender.send({"type": "n.1"})
    renew(bench)
    assert (bench.sent(0), bench.sent(1)) == ([], ["n.1"])


def test_somebody_who_speaks_meanwhile_puts_a_renewal_off(bench: Bench) -> None:
    bench.clock.advance(10)

    def speak() -> None:
        bench.state.changes += 1
        bench.sender.send({"type": "n.1"})

    bench.opening = speak
    renew(bench)
    assert bench.life.state is LinkState.OPEN
    assert not bench.transport.closed
    assert bench.sent(0) == ["n.1"]
    with pytest.raises(ConnectionClosed):
        bench.peers[1].receive(0)


def test_a_renewal_that_fails_leaves_the_old_link(bench: Bench) -> None:
    bench.clock.advance(10)

    def fail() -> None:
        bench.sender.send({"type": "n.1"})
        raise ConnectError("nobody listens")

    bench.opening = fail
    renew(bench)
    assert bench.life.state is LinkState.OPEN
    assert bench.sent(0) == ["n.1"]
    assert bench.queue.end is None


def test_no_thread_for_a_renewal_leaves_the_old_link(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.no_threads = {"supervisor"}
    bench.link._renew_if_quiet()
    assert bench.life.state is LinkState.OPEN
    bench.sender.send({"type": "n.1"})
    assert bench.sent() == ["n.1"]


def test_a_link_that_is_lost_while_its_renewal_fails_is_made_anew(bench: Bench) -> None:
    bench.clock.advance(10)

    def fail() -> None:
        bench.opening = lambda: None
        bench.loses()
        assert bench.life.state is LinkState.RENEWING_LOST
        raise ConnectError("nobody listens")

    bench.opening = fail
    renew(bench)
    assert bench.life.state is LinkState.OPEN
    assert [type(item) for item in bench.items()] == [Interruption, Reconnected]


def test_a_link_that_is_lost_while_its_renewal_succeeds_is_replaced(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.opening = bench.loses
    renew(bench)
    assert bench.life.state is LinkState.OPEN
    assert [type(item) for item in bench.items()] == [Reconnected]


# -- a restart -------------------------------------------------------------------------------------


def test_a_restart_of_a_closed_link_is_refused(bench: Bench) -> None:
    bench.loses(ConnectionClosedOK(1000))
    with pytest.raises(ConcurrencyError):
        bench.link.restart(keep_history=True)


def test_a_restart_that_can_not_connect_leaves_the_old_link(bench: Bench) -> None:
    def fail() -> None:
        raise ConnectError("nobody listens")

    bench.opening = fail
    with pytest.raises(ConnectError, match="nobody listens"):
        bench.link.restart(keep_history=True)
    assert bench.life.state is LinkState.OPEN
    bench.sender.send({"type": "n.1"})
    assert bench.sent(0) == ["n.1"]


def test_an_exception_in_a_restart_ends_the_connection_for_everybody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(bench.state, "renewed", fail)
    with pytest.raises(ConnectionClosedError, match="too deep"):
        bench.link.restart(keep_history=True)
    assert bench.queue.end is not None
    assert bench.life.state is LinkState.CLOSED


def test_a_restart_that_is_closed_meanwhile(bench: Bench) -> None:
    bench.opening = lambda: bench.link.close(1000, "bye", wait=False)
    with pytest.raises(RealtimeError):
        bench.link.restart(keep_history=True)
    bench.link._reader_ended(ConnectionClosedOK(1000, "bye", closed_by="this side"))
    assert isinstance(bench.queue.end, ConnectionClosedOK)


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        ConnectionClosedError(1006, "the peer ended the link instead of answering our close"),
        ConnectionClosedError(1011, "oops"),
        ConnectionClosedOK(1000, "mine", closed_by="this side"),
    ],
)
def test_our_close_is_a_clean_end(bench: Bench, end: ConnectionClosed) -> None:
    bench.link.close(3000, "mine", wait=False)
    bench.loses(end)
    told = bench.queue.end
    assert type(told) is ConnectionClosedOK
    assert (told.code, told.reason, told.closed_by) == (3000, "mine", "this side")
    if end.code != 1000:
        assert end.reason in told.__notes__[0]


def test_a_close_while_the_link_is_made_anew_gives_back_what_was_held(bench: Bench) -> None:
    def close() -> None:
        bench.sender.send({"type": "n.1", "event_id": "e"})
        bench.link.close(1000, "bye", wait=False)

    bench.opening = close
    bench.loses()
    told = bench.queue.end
    assert type(told) is ConnectionClosedOK
    assert told.unsent == ('{"type":"n.1","event_id":"e"}',)


def test_a_link_that_is_forgotten_ends(bench: Bench) -> None:
    bench.link.abort()
    assert bench.transport.closed
    assert bench.life.closing.is_set


def test_what_a_renewal_reports_of_an_odd_session_is_let_be(bench: Bench) -> None:
    report = SessionUpdated(event_id="e", session={"expires_at": 10**400})  # type: ignore[arg-type]
    odd: list[ServerEvent] = [report]
    bench.state.renewed(odd)  # type: ignore[arg-type]
