"""WebSockets of several libraries, through one door."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from guards import Guard

from realtime_sync.errors import ConfigError
from realtime_sync.telephony._socket_door import SocketDoor


class Link:
    """What is behind every kind below: messages, and an end that raises."""

    def __init__(self, *messages: Any) -> None:
        self.messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for message in messages:
            self.messages.put(message)
        self.sent: list[str] = []
        self.closed = 0

    def send(self, message: str) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed += 1
        self.messages.put(EOFError("closed"))

    def take(self, timeout: float | None) -> Any:
        message = self.messages.get(timeout=timeout)
        if isinstance(message, Exception):
            raise message
        return message


class WithTimeout(Link):
    """As websockets' threading server."""

    def recv(self, timeout: float | None = None) -> Any:
        try:
            return self.take(timeout)
        except queue.Empty:
            raise TimeoutError from None


class WithNone(Link):
    """As simple-websocket, whose `close` does not wake `receive` either."""

    def receive(self, timeout: float | None = None) -> Any:
        try:
            return self.take(timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        self.closed += 1


class Plain(Link):
    """As websocket-client."""

    def recv(self) -> Any:
        return self.take(None)


KINDS = [WithTimeout, WithNone, Plain]


def received(door: SocketDoor) -> Any:
    """Return what `receive` returns; it never does where a fault keeps it waiting."""
    return Guard().call(door.receive, "a message, or the end of the link")


@pytest.mark.parametrize("kind", KINDS)
def test_messages_come_in_order_until_the_link_is_over(kind: type[Link]) -> None:
    door = SocketDoor(kind("a", b"b", OSError("gone")))  # type: ignore[arg-type]
    assert [received(door) for _ in range(3)] == ["a", b"b", None]


@pytest.mark.parametrize("kind", KINDS)
def test_binary_messages_of_any_type_are_messages(kind: type[Link]) -> None:
    link = kind(b"one", bytearray(b"two"), memoryview(b"three"), OSError("gone"))
    door = SocketDoor(link)  # type: ignore[arg-type]
    assert list(iter(door.receive, None)) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("kind", KINDS)
def test_closing_ends_whoever_reads(kind: type[Link], guard: Guard) -> None:
    link = kind()
    door = SocketDoor(link)  # type: ignore[arg-type]
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(door.receive()), daemon=True)
    thread.start()
    door.close()
    guard.join(thread)
    door.close()
    assert (found, link.closed, received(door)) == ([None], 1, None)


def test_the_end_of_a_link_that_says_so_by_none() -> None:
    assert received(SocketDoor(Plain(None))) is None
    assert received(SocketDoor(Plain(TimeoutError()))) is None


def test_sending_says_whether_the_link_still_stands() -> None:
    class Broken(Plain):
        def send(self, message: str) -> None:
            if self.sent:
                raise BrokenPipeError
            super().send(message)

        def close(self) -> None:
            raise BrokenPipeError

    link = Broken()
    door = SocketDoor(link)
    assert door.send("a")
    assert not door.send("b", "c")
    door.close()
    assert link.sent == ["a"]


def test_messages_that_belong_together_are_not_torn_apart(guard: Guard) -> None:
    """Two threads send pairs; the first waits within its pair until the second has tried."""
    inside, tried = threading.Event(), threading.Event()

    class Slow(Plain):
        def send(self, message: str) -> None:
            self.sent.append(message)
            if message == "a1":
                inside.set()
                tried.wait(0.05)

    link = Slow()
    door = SocketDoor(link)
    first = threading.Thread(target=lambda: door.send("a1", "a2"))
    first.start()
    guard.wait(inside, "the first message")
    second = threading.Thread(target=lambda: (door.send("b1", "b2"), tried.set()))
    second.start()
    guard.join(first)
    guard.join(second)
    assert link.sent == ["a1", "a2", "b1", "b2"]


# -- a far end that has gone -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [WithTimeout, WithNone])
def test_silence_is_an_end_where_it_is_limited(
    kind: type[Link], caplog: pytest.LogCaptureFixture
) -> None:
    door = SocketDoor(kind("a"), silence_timeout=0.05)  # type: ignore[arg-type]
    assert [received(door), received(door)] == ["a", None]
    assert "nothing has come from the far end of a call for 0.05 s" in caplog.text


def test_silence_is_counted_from_the_last_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait has the whole time, in pieces short enough to see a close."""
    waits = []

    class Slow(WithTimeout):
        def recv(self, timeout: float | None = None) -> Any:
            waits.append(timeout)
            return super().recv(0)

    door = SocketDoor(Slow("a", "b"), silence_timeout=1e6)
    assert [received(door), received(door)] == ["a", "b"]
    assert waits == [0.5, 0.5]


def test_silence_can_not_be_seen_on_a_socket_without_a_timeout() -> None:
    with pytest.raises(ConfigError, match=r"recv\(\) of 'Plain' objects takes no timeout"):
        SocketDoor(Plain(), silence_timeout=30)


class Stuck(WithTimeout):
    """A WebSocket as most are: `send` waits for a far end that takes nothing, and `close` for it.

    The far end is another end of a pair, which never reads.
    """

    def __init__(self, *messages: Any) -> None:
        super().__init__(*messages)
        self.socket, self.far = socket.socketpair()
        self.entered = threading.Event()
        self._mutex = threading.Lock()

    def send(self, message: str) -> None:
        with self._mutex:
            self.entered.set()
            self.socket.sendall(bytes(1 << 24))

    def close(self) -> None:
        with self._mutex:
            super().close()

    def forget(self) -> None:
        """Let whoever still sends go, and close both ends."""
        self.far.close()
        self.socket.close()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    link = Stuck()
    yield link
    link.forget()


@pytest.mark.parametrize("ended_by", ["reader", "close"])
def test_a_far_end_that_takes_nothing_is_given_up(
    ended_by: str, stuck: Stuck, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    door = SocketDoor(stuck, send_timeout=0.05 if ended_by == "reader" else None)
    sent: list[bool] = []
    sending = threading.Thread(target=lambda: sent.append(door.send("a")))
    with caplog.at_level(logging.WARNING):
        sending.start()
        guard.wait(stuck.entered, "the send")
        if ended_by == "reader":
            assert received(door) is None
            guard.join(sending)
        door.close()
        guard.join(sending)
    assert sent == [False]
    assert ("has taken nothing for 0.05 s" in caplog.text) == (ended_by == "reader")
    assert stuck.closed == 1


def test_a_send_that_took_its_time_is_none_that_hangs() -> None:
    door = SocketDoor(WithTimeout("a"), send_timeout=1e-9)
    assert door.send("x")
    assert received(door) == "a"


class NoSend:
    def recv(self) -> str:
        return ""

    def close(self) -> None: ...


class Async(Plain):
    async def recv(self) -> str:  # type: ignore[override]
        return ""


@pytest.mark.parametrize("socket", [7, object(), NoSend(), None])
def test_what_is_no_websocket_is_refused(socket: Any) -> None:
    with pytest.raises(ConfigError, match=r"are no WebSockets: give one that has send\(\)"):
        SocketDoor(socket)


def test_an_async_websocket_is_refused() -> None:
    with pytest.raises(ConfigError, match="'Async' objects are async"):
        SocketDoor(Async())
