from __future__ import annotations

from realtime_sync.connection.link.backlog import Backlog


def test_of_the_latest_messages_never_more_than_twice_the_limit_is_kept() -> None:
    backlog = Backlog()
    for number in range(100):
        backlog.add_latest(b"%03d" % number * 10, 100)
        assert backlog.size <= 200
    backlog.trim(100)
    assert backlog.empty() == ["097" * 10, "098" * 10, "099" * 10]


def test_up_to_twice_the_limit_nothing_is_dropped() -> None:
    backlog = Backlog()
    for data in (b"a" * 100, b"b" * 100):
        backlog.add_latest(data, 100)
    assert backlog.size == 200
    backlog.add_latest(b"c", 100)
    assert backlog.empty() == ["c"]
