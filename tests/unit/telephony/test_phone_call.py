"""What calls of every kind refuse: copies, and the use of a call in a forked child."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from guards import Guard
from twilio_socket import SPEECH, all_of, started

from realtime_sync import _fork
from realtime_sync.errors import ConcurrencyError, ConfigError
from realtime_sync.telephony import AudioSocketServer, MediaStreams
from realtime_sync.telephony.phone_call import require_patience

CALLS: dict[str, Callable[[MediaStreams], object]] = {
    "enter": lambda call: call.__enter__(),
    "stats": lambda call: call.stats,
    "wait_ended": lambda call: call.wait_ended(),
    "read_digit": lambda call: call.read_digit(),
    "on_digit": lambda call: call.on_digit(print),
    "send_digits": lambda call: call.send_digits("1"),
    "iterate": all_of,
    "write": lambda call: call.sink.write(SPEECH),
    "flush": lambda call: call.sink.flush(),
    "clear": lambda call: call.sink.clear(),
    "pause": lambda call: call.sink.pause(),
    "resume": lambda call: call.sink.resume(),
    "drain": lambda call: call.sink.drain(),
    "played_ms": lambda call: call.sink.played_ms("a"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_forked_child_can_not_use_the_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copies of the locks may be held for ever, and of the threads it has none."""
    socket = started()
    with MediaStreams(socket) as call:
        with monkeypatch.context() as child:
            child.setattr(_fork, "_generation", _fork._generation + 1)
            with call.sink._lock, call.source._lock, pytest.raises(ConcurrencyError, match="fork"):
                Guard().call(lambda: CALLS[name](call), f"what {name} raises")
            call.close()
            assert call.ended_by is None, "the parent's call goes on"
        socket.say("dtmf", {"digit": "5"})
        assert call.read_digit(30) == "5"


def test_a_forked_child_can_not_use_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with AudioSocketServer(print, port=0) as server, monkeypatch.context() as child:
        child.setattr(_fork, "_generation", _fork._generation + 1)
        for use in (server.start, server.wait, lambda: server.calls):
            with pytest.raises(ConcurrencyError, match="fork"):
                use()


@pytest.mark.parametrize("what", [lambda c: c, lambda c: c.source, lambda c: c.sink])
def test_nothing_of_a_call_is_copied_or_pickled(what: Callable[[MediaStreams], Any]) -> None:
    with MediaStreams(started()) as call:
        for take in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(ConcurrencyError, match="can't be copied or pickled"):
                take(what(call))


@pytest.mark.parametrize("value", [0, -1, True, "5", float("nan"), float("inf")])
def test_what_is_no_time_to_wait(value: object) -> None:
    with pytest.raises(ConfigError, match="a_timeout must be a number of seconds greater than 0"):
        require_patience(value, "a_timeout")


@pytest.mark.parametrize("value", [None, 1, 0.01])
def test_what_is(value: float | None) -> None:
    require_patience(value, "a_timeout")
