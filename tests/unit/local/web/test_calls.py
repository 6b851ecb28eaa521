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
