"""What a voice loop may be given: told at once, with the rule."""

from __future__ import annotations

import time
from typing import Any

import pytest

from realtime_sync.audio import EchoGate
from realtime_sync.errors import ConfigError
from realtime_sync.voice.loop_options import check_options


class Connection:
    """Has what tells an open one from others."""

    def polled(self) -> None: ...


GOOD: dict[str, Any] = {
    "connection": Connection(),
    "on_event": print,
    "unknown_tools": "leave",
    "push_to_talk": True,
    "vad": None,
    "echo": EchoGate(),
    "half_duplex": False,
    "clock": time.monotonic,
}


@pytest.mark.parametrize("changes", [{}, {"on_event": None, "echo": None}])
def test_what_can_be_meant_passes(changes: dict[str, Any]) -> None:
    check_options(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("connection", Connection, "an open connection, .*enter()"),
        ("connection", "ws://a", "an open connection"),
        ("on_event", 7, "on_event must be a function"),
        ("on_event", lambda: None, r"on_event is called with \(event\), and takes \(\)"),
        ("clock", 5, "clock must be a function"),
        ("clock", lambda now: now, r"clock is called with \(\), and takes \(now\)"),
        ("unknown_tools", "ignore", "one of refuse, leave, not 'ignore'"),
        ("unknown_tools", ["leave"], "one of refuse, leave"),
        ("push_to_talk", "yes", "push_to_talk must be True or False"),
        ("half_duplex", 1, "half_duplex must be True or False"),
        ("vad", True, "vad must be an object .*Vad()"),
        ("echo", EchoGate, "echo must be an object .*EchoGate()"),
    ],
)
def test_what_can_not_be_meant_is_named(name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_options(**{**GOOD, name: value})
