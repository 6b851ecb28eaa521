from __future__ import annotations

import pytest
from guards import VirtualClock

from realtime_sync import ServerError
from realtime_sync.local.web.calls import OpenCalls


def test_a_call_ends_when_it_has_lasted_too_long(virtual_clock: VirtualClock) -> None:
    calls = OpenCalls(2, limit_s=60, clock=virtual_clock)
    ringing, active = calls.ring(), calls.begin({"type": "realtime"})
    assert (ringing.session, active.session) == (None, {"type": "realtime"})
    with pytest.raises(ServerError, match="keeps 2 calls"):
        calls.ring()
    virtual_clock.advance(59)
    calls.accept(ringing, {"type": "realtime", "model": "m"})
    assert calls.find(ringing.id) is ringing
    assert (ringing.state, ringing.session) == ("active", {"type": "realtime", "model": "m"})
    virtual_clock.advance(1)
    assert calls.find(active.id) is None
    assert active.ended.is_set()
    calls.begin(None)
    assert ringing.ended.is_set()


def test_what_has_become_of_calls_is_known(virtual_clock: VirtualClock) -> None:
    calls = OpenCalls(3, limit_s=60, clock=virtual_clock)
    ringing, active = calls.ring(), calls.begin(None)
    active.joined += 1
    assert calls.state_of(ringing.id) == {"state": "ringing", "joined": 0}
    assert calls.state_of(active.id) == {"state": "active", "joined": 1}
    calls.end(active, "refer", target_uri="tel:+1")
    assert calls.state_of(active.id) == {
        "state": "ended", "joined": 1, "ended_by": "refer", "target_uri": "tel:+1"
    }  # fmt: skip
    virtual_clock.advance(60)
    assert calls.state_of(ringing.id) == {"state": "ended", "joined": 0, "ended_by": "limit"}
    assert calls.state_of("rtc_1") is None


def test_calls_that_are_over_are_forgotten_in_the_end() -> None:
    calls = OpenCalls(3, limit_s=60)
    first = calls.begin(None)
    calls.end(first, "hangup")
    for _ in range(1000):
        assert calls.state_of(first.id) is not None
        calls.end(calls.begin(None), "hangup")
    assert calls.state_of(first.id) is None
