"""How long a server may be silent, on a virtual clock."""

from __future__ import annotations

import pytest
from guards import VirtualClock

from realtime_sync.distiller.server_pings import ServerPings


def begun(clock: VirtualClock, *, pings: int = 0) -> ServerPings:
    server = ServerPings(clock)
    server.begin()
    for _ in range(pings):
        clock.advance(10)
        server.note()
    return server


def test_a_session_begins_within_30_s(virtual_clock: VirtualClock) -> None:
    server = ServerPings(virtual_clock)
    virtual_clock.advance(29)
    assert server.remaining() == 1
    virtual_clock.advance(1)
    assert server.remaining() == 0
    assert server.words() == "Connection timeout: the server sent no session.created for 30 s"


@pytest.mark.parametrize(("pings", "limit"), [(0, 1000), (1, 1000), (2, 60), (3, 60)])
def test_the_limit_is_60_s_once_two_pings_were_seen(
    virtual_clock: VirtualClock, pings: int, limit: float
) -> None:
    server = begun(virtual_clock, pings=pings)
    virtual_clock.advance(limit - 1)
    assert server.remaining() == 1
    virtual_clock.advance(1)
    assert server.remaining() == 0
    assert server.words() == f"Connection timeout: the server sent no PING for {limit:g} s"


def test_time_in_which_nobody_reads_does_not_count(virtual_clock: VirtualClock) -> None:
    server = begun(virtual_clock, pings=2)
    virtual_clock.advance(40)
    server.pause()
    virtual_clock.advance(500)
    assert server.remaining() == 20
    server.resume()
    assert server.remaining() == 20
    virtual_clock.advance(20)
    assert server.remaining() == 0
    server.pause()
    assert server.remaining() == 1  # whoever watches is not to look all the time
