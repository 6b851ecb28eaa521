"""Rows of attempts, on a clock that the test moves; no threads but those of the recovery."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from guards import GUARD_S, VirtualClock

from realtime_sync import ConnectError, ConnectionClosedError, RateLimitError, ReconnectPolicy
from realtime_sync._signal_safe import Latch
from realtime_sync.connection import ConnectionSettings
from realtime_sync.connection.link.recovery import Recovery
from realtime_sync.connection.reconnect import ReconnectingEvent
from realtime_sync.connection.state import ConnectionState
from realtime_sync.transport import Transport, memory_pair

LOST = ConnectionClosedError(1006, "lost")


class Rows:
    """A recovery with links that need no restoration, and what the program is told."""

    def __init__(self, clock: VirtualClock, **policy: Any) -> None:
        self.told: list[ReconnectingEvent] = []
        self.good_events = 0
        self.failures: list[Exception] = []
        self.closing = Latch()
        settings = ConnectionSettings(
            opener=self._open,
            reconnect=ReconnectPolicy(**{"initial_delay": 0, "max_retries": 3, **policy}),
            on_reconnecting=self._note,
        )
        self.recovery = Recovery(
            ConnectionState(clock=clock),
            settings,
            good_events=lambda: self.good_events,
            clock=clock,
        )

    def _note(self, event: ReconnectingEvent) -> None:
        self.told.append(event)

    def _open(
        self, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[Transport, None]:
        if self.failures:
            raise self.failures.pop(0)
        return memory_pair()[0], None

    def reopen(self) -> int:
        return self.recovery.reopen(LOST, self.closing).attempts


def test_rows_add_up_until_something_good_comes(virtual_clock: VirtualClock) -> None:
    rows = Rows(virtual_clock)
    assert [rows.reopen(), rows.reopen(), rows.reopen()] == [1, 2, 3]
    with pytest.raises(ConnectionClosedError, match="3 attempts in a row were in vain"):
        rows.reopen()
    rows.good_events += 1
    assert rows.reopen() == 1


def test_a_link_that_held_for_a_minute_was_good(virtual_clock: VirtualClock) -> None:
    rows = Rows(virtual_clock)
    for _ in range(10):
        virtual_clock.advance(61)
        assert rows.reopen() == 1
    virtual_clock.advance(59)
    assert rows.reopen() == 2


def test_the_last_failure_is_told(virtual_clock: VirtualClock) -> None:
    rows = Rows(virtual_clock)
    rows.failures = [ConnectError(f"no {number}") for number in range(3)]
    with pytest.raises(ConnectError, match="no 2"):
        rows.reopen()


@pytest.mark.parametrize(("asked", "waited"), [(None, 0.0), (0.001, 0.001), (10_000.0, 60.0)])
def test_a_server_may_ask_for_patience_within_reason(
    virtual_clock: VirtualClock, asked: float | None, waited: float
) -> None:
    rows = Rows(virtual_clock, max_retries=2)
    rows.failures = [RateLimitError("slow down", 429, retry_after_s=asked)]
    if waited > 1:

        def close(event: ReconnectingEvent) -> None:
            rows.told.append(event)
            if event.delay:
                rows.closing.set()  # nobody waits a minute in a test

        rows.recovery._on_reconnecting = close
        with pytest.raises(ConnectionClosedError, match="closed while reconnecting"):
            rows.reopen()
    else:
        rows.reopen()
    assert [event.delay for event in rows.told] == [0.0, waited]


def test_a_callback_that_hangs_is_left_by_whoever_closes(virtual_clock: VirtualClock) -> None:
    rows = Rows(virtual_clock)
    hang = threading.Event()

    def close_and_hang(event: ReconnectingEvent) -> None:
        rows.closing.set()
        rows.recovery.abort()
        hang.wait(GUARD_S)

    rows.recovery._on_reconnecting = close_and_hang
    with pytest.raises(ConnectionClosedError, match="closed while reconnecting"):
        rows.reopen()
    assert not hang.is_set(), "nobody waited for it"
    hang.set()


def test_what_the_program_says_holds_for_the_next_attempts(virtual_clock: VirtualClock) -> None:
    rows = Rows(virtual_clock)
    answers: list[Any] = [{"extra_query": {"a": 1}}, None, {"extra_headers": {"b": "2"}}, {}]

    def answer(event: ReconnectingEvent) -> Any:
        rows.told.append(event)
        return answers.pop(0)

    rows.recovery._on_reconnecting = answer
    rows.failures = [ConnectError("no")]
    rows.reopen()
    rows.good_events += 1
    rows.reopen()
    rows.reopen()
    assert [dict(event.extra_query) for event in rows.told] == [{}, {"a": 1}, {"a": 1}, {"a": 1}]
    assert dict(rows.told[-1].extra_headers) == {"b": "2"}
