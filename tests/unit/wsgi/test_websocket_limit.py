"""How many WebSockets there may be, and their common end; without threads and sockets."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard

from realtime_sync import ConfigError, LocalProtocolError
from realtime_sync.wsgi import WebSocketLimit, WebSocketRefused, websocket_limit


class Member:
    """What a limit knows of a WebSocket; it ends when it is told to."""

    def __init__(self, limit: WebSocketLimit) -> None:
        self.told: list[tuple[int, str]] = []
        self._limit = limit
        limit._enter(self)  # type: ignore[arg-type]  # as good as one

    def _start_close(self, code: int, reason: str) -> None:
        self.told.append((code, reason))
        self.leave()

    def leave(self) -> None:
        self._limit._leave(self)  # type: ignore[arg-type]


def test_it_counts() -> None:
    limit = WebSocketLimit(2)
    first, second = Member(limit), Member(limit)
    assert repr(limit) == "WebSocketLimit(2, open=2)"
    with pytest.raises(WebSocketRefused, match="all 2 WebSockets of this server are taken") as full:
        Member(limit)
    assert (full.value.status, full.value.headers) == (503, (("Retry-After", "5"),))
    second.leave()
    second.leave()
    third = Member(limit)
    assert limit.open == 2
    del first, third
    gc.collect()
    assert limit.open == 0, "one that was forgotten does not count"


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "20", None])
def test_a_wrong_number(most: Any) -> None:
    with pytest.raises(ConfigError, match="a WebSocketLimit must be a whole number, 1 or more"):
        WebSocketLimit(most)


def test_refusing_new_ones() -> None:
    limit = WebSocketLimit(2)
    member = Member(limit)
    assert not limit.refuses_new
    limit.refuse_new()
    assert limit.refuses_new
    with pytest.raises(WebSocketRefused, match="is ending") as refused:
        Member(limit)
    assert refused.value.status == 503
    assert limit.open == 1
    assert member.told == []


def test_waiting() -> None:
    limit = WebSocketLimit(2)
    assert limit.wait(0)
    member = Member(limit)
    assert not limit.wait(0)
    member.leave()
    assert Guard().call(limit.wait, "that nothing is open")


def test_closing_all() -> None:
    limit = WebSocketLimit(3)
    members = [Member(limit) for _ in range(3)]
    with pytest.raises(LocalProtocolError):
        limit.close_all(1005)
    assert limit.open == 3
    limit.close_all(1012, "new version")
    assert [member.told for member in members] == [[(1012, "new version")]] * 3
    assert limit.open == 0


def test_draining() -> None:
    limit = WebSocketLimit(3)
    member = Member(limit)
    assert limit.drain(0)
    assert member.told == [(1001, "the server is ending")]
    assert limit.refuses_new


def test_draining_what_stays() -> None:
    limit = WebSocketLimit(3)
    member = Member(limit)
    member.leave, leave = lambda: None, member.leave  # type: ignore[method-assign]
    assert not limit.drain(0, close_timeout=0)
    leave()


def test_draining_when_all_end_by_themselves() -> None:
    limit = WebSocketLimit(3)
    member = Member(limit)
    limit.wait = lambda timeout=None: member.leave() or True  # type: ignore[method-assign,func-returns-value]
    assert limit.drain(5)
    assert member.told == []


@pytest.mark.parametrize("times", [{"timeout": -1}, {"timeout": 0, "close_timeout": -1}])
def test_draining_needs_seconds_and_does_nothing_else(times: dict[str, float]) -> None:
    limit = WebSocketLimit(3)
    member = Member(limit)
    with pytest.raises(ConfigError):
        limit.drain(**times)
    assert (limit.refuses_new, member.told) == (False, [])


# -- SIGTERM ---------------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Threads run in the place where they are started; yields their names."""
    names: list[str] = []

    def spawn(target: Callable[[], object], *, name: str) -> None:
        names.append(name)
        target()

    monkeypatch.setattr(websocket_limit, "spawn", spawn)
    before = signal.getsignal(signal.SIGTERM)
    yield names
    signal.signal(signal.SIGTERM, before)


def test_sigterm_drains_and_does_what_it_did(at_once: list[str]) -> None:
    seen: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    limit = WebSocketLimit(2)
    member = Member(limit)
    limit.drain_at_sigterm(0)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    assert seen == [signal.SIGTERM] * 2
    assert at_once == ["websocket-drain"], "once"
    assert member.told == [(1001, "the server is ending")]


def test_sigterm_that_ends_the_process_does_so_after_draining(
    at_once: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    limit = WebSocketLimit(2)
    limit.drain_at_sigterm(0)
    handler = signal.getsignal(signal.SIGTERM)
    kills: list[object] = []
    monkeypatch.setattr(
        os, "kill", lambda *args: kills.append((*args, signal.getsignal(signal.SIGTERM)))
    )
    assert callable(handler)
    handler(signal.SIGTERM, None)
    assert kills == [(os.getpid(), signal.SIGTERM, signal.SIG_DFL)], "else it would be lost"


def test_sigterm_that_is_ignored_still_drains(at_once: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    limit = WebSocketLimit(2)
    limit.drain_at_sigterm(0)
    os.kill(os.getpid(), signal.SIGTERM)
    assert limit.refuses_new


def test_sigterm_needs_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_limit.threading, "current_thread", lambda: None)
    with pytest.raises(ConfigError, match="only the main thread"):
        WebSocketLimit(2).drain_at_sigterm(1)


def test_sigterm_needs_seconds() -> None:
    with pytest.raises(ConfigError, match="timeout is 'long'"):
        WebSocketLimit(2).drain_at_sigterm("long")  # type: ignore[arg-type]
