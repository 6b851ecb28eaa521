"""A fork as its hook sees it; real ones are in ``integration/test_processes.py``."""

from __future__ import annotations

import pytest

from realtime_sync import _fork
from realtime_sync._fork import Home, HomeLock
from realtime_sync.errors import ConcurrencyError


@pytest.fixture
def fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rest of the test be the child."""
    monkeypatch.setattr(_fork, "_generation", _fork._generation)


def test_a_home_is_left_by_a_fork(fork: None) -> None:
    home = Home()
    home.check()
    assert not home.left
    _fork._count()
    assert home.left
    assert not Home().left
    with pytest.raises(ConcurrencyError, match="belongs to the process that forked"):
        home.check()


def test_a_lock_that_was_held_is_free_in_the_child(fork: None) -> None:
    lock = HomeLock()
    with lock.here():
        assert lock.here().locked()
        _fork._count()
        assert not lock.here().locked()
        with lock.here():
            assert lock.here().locked()
