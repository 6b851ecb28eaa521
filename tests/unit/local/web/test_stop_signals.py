from __future__ import annotations

import signal

import pytest

from realtime_sync.local.web.stop_signals import stop_signals

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGHUP"), reason="this system has other signals"
)


def test_only_sigterm_leaves_time() -> None:
    asked: list[bool] = []
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with stop_signals(asked.append, child=False):
        for number in numbers:
            signal.raise_signal(number)
    assert asked == [True, False, False]
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_terminal_is_the_affair_of_a_childs_parent() -> None:
    asked: list[bool] = []
    with stop_signals(asked.append, child=True):
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(number)
    assert asked == [True]


def test_nohup_is_obeyed() -> None:
    asked: list[bool] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals(asked.append, child=False):
            signal.raise_signal(signal.SIGHUP)
            assert asked == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
