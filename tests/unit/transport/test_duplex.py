"""Reads, writes and waits on one socket, and when its descriptors are closed."""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from tls import Authority

from realtime_sync.transport import duplex as duplex_module
from realtime_sync.transport.duplex import Duplex, LinkBroken, LinkOver

Ends = tuple[Duplex, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A duplex and its peer."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    duplex = Duplex(ours)
    with theirs:
        yield duplex, theirs
        duplex.release()


def fill(duplex: Duplex) -> bytes:
    """Write until the kernel is full; return what it took."""
    taken = b""
    while count := duplex.write_some(memoryview(b"x" * 65_536)):
        taken += b"x" * count
    return taken


def closed(duplex: Duplex) -> bool:
    return {s.fileno() for s in (duplex._sock, duplex._wake, duplex._waker)} == {-1}


class Pretending:
    """A socket of which one call is the test's."""

    def __init__(self, sock: socket.socket, name: str, call: Callable[..., object]) -> None:
        self._sock = sock
        setattr(self, name, call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


# -- reading ---------------------------------------------------------------------------------------


def test_reading(ends: Ends) -> None:
    duplex, peer = ends
    assert duplex.read(10) is None
    peer.send(b"0123456789")
    assert duplex.read(4) == b"0123"
    buffer = bytearray(4)
    assert duplex.read_into(memoryview(buffer)) == 4
    assert buffer == b"4567"
    assert duplex.read(10) == b"89"
    assert duplex.read_into(memoryview(buffer)) is None
    peer.close()
    assert duplex.read(10) == b""
    assert duplex.read_into(memoryview(buffer)) == 0


def test_waiting_to_read(ends: Ends) -> None:
    duplex, peer = ends
    assert not duplex.wait(0, or_writable=False)
    assert duplex.wait(0, or_writable=True)
    fill(duplex)
    assert not duplex.wait(0, or_writable=True)
    peer.recv(1 << 20)
    assert duplex.wait(None, or_writable=True)
    assert not duplex.wait(0, or_writable=False), "it is watched for no more than was asked for"
    peer.send(b"x")
    assert duplex.wait(None, or_writable=False)


def test_a_nudge_ends_one_wait(ends: Ends) -> None:
    duplex, _ = ends
    for _ in range(3):
        duplex.nudge()
    assert duplex.wait(None, or_writable=False)
    assert not duplex.wait(0, or_writable=False)


def test_nudges_without_number_do_not_block(ends: Ends) -> None:
    duplex, _ = ends
    with suppress(BlockingIOError):
        while True:
            duplex._waker.send(b"\0" * 65_536)
    duplex.nudge()
    assert duplex.wait(None, or_writable=False)


# -- writing ---------------------------------------------------------------------------------------


def test_writing(ends: Ends) -> None:
    duplex, peer = ends
    assert duplex.write_some(memoryview(b"hello")) == 5
    assert peer.recv(10) == b"hello"
    taken = fill(duplex)
    assert duplex.write_some(memoryview(b"x")) == 0
    duplex.wait_to_write(0)
    received = b""
    while len(received) < len(taken):
        received += peer.recv(1 << 20)
    duplex.wait_to_write(None)
    assert duplex.write_some(memoryview(b"x")) == 1


def test_a_peer_that_is_gone(ends: Ends) -> None:
    duplex, peer = ends
    peer.close()
    with pytest.raises(LinkBroken, match="Broken pipe"):
        duplex.write_some(memoryview(b"x"))


@pytest.mark.parametrize("kind", [TimeoutError, InterruptedError, OSError])
def test_what_a_signal_handler_raises_inside_a_call_comes_out(
    ends: Ends, kind: type[OSError]
) -> None:
    duplex, _ = ends

    def struck(*_: object) -> int:
        raise kind("struck")

    sock, waker = duplex._sock, duplex._waker
    duplex._sock = Pretending(sock, "send", struck)  # type: ignore[assignment]
    with pytest.raises(kind, match="struck"):
        duplex.write_some(memoryview(b"x"))
    duplex._sock, duplex._waker = sock, Pretending(waker, "send", struck)  # type: ignore[assignment]
    with pytest.raises(kind, match="struck"):
        duplex.nudge()
    duplex._waker = waker
    duplex.release()
    assert closed(duplex), "whoever was struck is not inside any more"


# -- the end ---------------------------------------------------------------------------------------


def test_what_has_arrived_can_still_be_read_when_it_is_shut(ends: Ends) -> None:
    duplex, peer = ends
    peer.send(b"last words")
    duplex.shut()
    duplex.shut()
    assert duplex.wait(None, or_writable=False)
    assert duplex.read(100) == b"last words"
    assert duplex.read(100) == b""
    assert peer.recv(1) == b""
    with pytest.raises(LinkBroken):
        duplex.write_some(memoryview(b"x"))
    assert not duplex.over


def test_the_end_ends_every_wait(ends: Ends) -> None:
    duplex, peer = ends
    fill(duplex)
    duplex.end()
    duplex.end()
    assert duplex.over
    with pytest.raises(LinkOver):
        duplex.wait(None, or_writable=False)
    with pytest.raises(LinkOver):
        duplex.wait_to_write(None)
    while peer.recv(1 << 20):
        pass
    assert not closed(duplex)


def test_an_end_in_the_middle_of_a_wait(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    duplex, _ = ends
    select, make = duplex._selector.select, duplex_module._selector

    def end_and_select(timeout: float | None) -> object:
        duplex.end()
        return select(timeout)

    monkeypatch.setattr(duplex._selector, "select", end_and_select)
    with pytest.raises(LinkOver):
        duplex.wait(None, or_writable=False)

    def end_and_make(*arguments: Any) -> selectors.BaseSelector:
        duplex.end()
        return make(*arguments)

    duplex.over = False
    monkeypatch.setattr(duplex_module, "_selector", end_and_make)
    with pytest.raises(LinkOver):
        duplex.wait_to_write(None)


def test_the_end_wakes_a_reader_whose_socket_says_nothing(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    duplex, _ = ends
    monkeypatch.setattr(duplex, "shut", lambda: None)
    duplex.end()
    assert duplex._wake.recv(10) == b"\0"


def test_a_peer_that_was_faster_does_not_matter(ends: Ends) -> None:
    duplex, peer = ends
    peer.close()
    duplex._sock.close()
    duplex.shut()
    duplex.end()


def test_descriptors_are_closed_once(ends: Ends) -> None:
    duplex, _ = ends
    closes: list[str] = []
    sock = duplex._sock
    duplex._sock = Pretending(sock, "close", lambda: closes.append("sock") or sock.close())  # type: ignore[func-returns-value,assignment]
    for _ in range(3):
        duplex.release()
    assert closes == ["sock"]
    assert closed(duplex)
    duplex.nudge()
    duplex.shut()
    duplex.end()
    assert closes == ["sock"]


@pytest.mark.parametrize("how", ["nudge", "shut"])
def test_no_descriptor_is_closed_under_a_call(
    ends: Ends, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may already be somebody else's, who would get the byte, or be shut."""
    duplex, _ = ends

    def released_meanwhile(*_: object) -> None:
        duplex.release()  # as by a reader that leaves just now
        duplex.end()  # as by a signal handler, which must not wait for this very call
        duplex.release()
        assert not closed(duplex)
        seen.append(how)

    seen: list[str] = []
    if how == "nudge":
        duplex._waker = Pretending(duplex._waker, "send", released_meanwhile)  # type: ignore[assignment]
        duplex.nudge()
    else:
        monkeypatch.setattr(socket.socket, "shutdown", released_meanwhile)
        duplex.shut()
    assert seen == [how]
    assert closed(duplex), "the last one to leave has closed them"


# -- forks -----------------------------------------------------------------------------------------


def test_a_forked_child_gives_up_its_copies_unnoticed(ends: Ends) -> None:
    duplex, peer = ends
    parents = os.dup(duplex._sock.fileno())
    try:
        duplex.forget()
        with pytest.raises(BlockingIOError):
            peer.recv(1)
        duplex.end()
        duplex.release()
        with pytest.raises(BlockingIOError):
            peer.recv(1)
        os.write(parents, b"x")
        assert peer.recv(1) == b"x"
    finally:
        os.close(parents)
    assert closed(duplex)
    duplex.forget()
    # Where the fork was in a signal handler, the child comes back into the call.
    with pytest.raises(LinkOver):
        duplex.wait(None, or_writable=True)
    with pytest.raises(LinkOver):
        duplex.wait_to_write(None)
    with pytest.raises(LinkBroken):
        duplex.write_some(memoryview(b"x"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        duplex.read(1)


def test_a_child_needs_no_descriptor_to_give_up_its_copies(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    duplex, peer = ends

    def refuse(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    for name in ("open", "dup", "pipe"):
        monkeypatch.setattr(os, name, refuse)
    duplex.forget()
    assert peer.recv(1) == b"", "nobody else has it open"


def test_a_child_forgets_all_links_and_says_nothing(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    duplex, _ = ends
    ours, theirs = socket.socketpair()
    with ours, theirs:
        broken = Duplex(ours)
        monkeypatch.setattr(broken, "forget", lambda: 1 / 0)
        monkeypatch.setattr(duplex_module, "_live", weakref.WeakSet([duplex, broken]))
        duplex_module._forget_all()
        assert closed(duplex)
        broken.release()
    assert capsys.readouterr() == ("", "")


def test_a_child_that_was_forked_while_the_reader_held_the_socket(ends: Ends) -> None:
    """A thread that forked inside a write comes back to it, and must not wait for that reader."""
    duplex, _ = ends
    duplex._writing = duplex._reading  # as over TLS
    with duplex._reading:
        duplex.forget()
        with pytest.raises(LinkBroken):
            duplex.write_some(memoryview(b"x"))


def test_a_child_that_was_forked_while_the_descriptors_were_closed(ends: Ends) -> None:
    duplex, peer = ends
    duplex._closer["first"] = "a thread that the child has not"
    duplex.forget()
    assert peer.recv(1) == b""


@pytest.mark.skipif(not hasattr(selectors, "PollSelector"), reason="this system has no poll")
def test_waiting_takes_no_descriptor(ends: Ends) -> None:
    duplex, _ = ends
    assert isinstance(duplex._selector, selectors.PollSelector)
    with duplex_module._selector(duplex._sock, selectors.EVENT_READ) as selector:
        assert isinstance(selector, selectors.PollSelector)


# -- a server's own socket -------------------------------------------------------------------------


def test_it_is_given_back_shut_down_and_as_it_was() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(7.0)
        duplex = Duplex(ours, owned=False)
        assert ours.gettimeout() == 0.0
        duplex.release()
        assert ours.gettimeout() == 7.0
        assert {s.fileno() for s in (duplex._wake, duplex._waker)} == {-1}
        with pytest.raises(BrokenPipeError):
            ours.send(b"the server's own answer")
        assert theirs.recv(10) == b""


def test_tls_is_put_off_when_it_is_given_back() -> None:
    """A server that then writes finds a shut socket, and no TLS with half a record in it."""
    authority = Authority()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = authority.client().wrap_bio(into, out, server_hostname="localhost")
        with authority.server().wrap_socket(
            ours, server_side=True, do_handshake_on_connect=False
        ) as secure:
            shake_hands(secure, client, theirs, into, out)
            duplex = Duplex(secure, owned=False)
            assert len(fill(duplex)) > 0
            duplex.release()
            with pytest.raises(BrokenPipeError):
                secure.sendall(b"the server's own answer")
            assert secure.recv(10) == b""


def shake_hands(
    secure: ssl.SSLSocket,
    client: ssl.SSLObject,
    theirs: socket.socket,
    into: ssl.MemoryBIO,
    out: ssl.MemoryBIO,
) -> None:
    secure.setblocking(False)
    for _ in range(3):
        for step in (client.do_handshake, secure.do_handshake):
            with suppress(ssl.SSLWantReadError):
                step()
            if data := out.read():
                theirs.sendall(data)
            theirs.setblocking(False)
            with suppress(BlockingIOError):
                into.write(theirs.recv(65_536))


def test_ending_one_direction(ends: Ends) -> None:
    duplex, peer = ends
    duplex.write_some(memoryview(b"last"))
    duplex.shut_writing()
    assert peer.recv(10) == b"last"
    assert peer.recv(10) == b""
    peer.send(b"still heard")
    assert duplex.read(20) == b"still heard"


def test_throwing_away(ends: Ends) -> None:
    duplex, peer = ends
    assert duplex.discard(10) is None
    peer.send(b"0123456789abc")
    assert duplex.discard(10) is True
    assert duplex.discard(10) is True
    assert duplex.discard(10) is None
    peer.close()
    assert duplex.discard(10) is False
