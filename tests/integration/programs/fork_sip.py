"""Forks beside a SIP call, as ``gunicorn --preload`` does: the child begins without calls."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "support"))

from scripted_calls import sip_client, webhook

from realtime_sync import ConcurrencyError
from realtime_sync.telephony import Reject, SipCall, SipCalls
from realtime_sync.testing import ScriptedServer

ringing: queue.SimpleQueue[SipCall] = queue.SimpleQueue()
go = threading.Event()


def agent_for(call: SipCall) -> Reject:
    ringing.put(call)
    assert go.wait(30)
    return Reject(486)


def in_the_child(call: SipCall) -> None:
    """Leave the parent's call alone, and take others, also under its id."""
    uses: list[Callable[[], object]] = [
        call.hang_up,
        call.wait_ended,
        call.wait_spoken,
        lambda: call.refer("tel:+14155550123"),
    ]
    for use in uses:
        try:
            use()
        except ConcurrencyError:
            continue
        raise AssertionError("a forked child can use its parent's call")
    assert (calls.calls, provider.done) == (0, [])
    assert calls.handle(*webhook()) == 200
    assert ringing.get(timeout=30).id == "rtc_1"
    assert calls.calls == 1
    go.set()
    assert calls.drain(30)
    assert provider.names() == ["reject"]


client, provider = sip_client(ScriptedServer())
calls = SipCalls(agent_for, client=client)
calls.handle(*webhook())
call = ringing.get(timeout=30)
child = os.fork()
if not child:
    in_the_child(call)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert (calls.calls, provider.done) == (1, [])
go.set()
assert calls.drain(30)
assert call.ended_by == "reject"
print("the parent goes on")
