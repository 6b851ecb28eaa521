from __future__ import annotations

import pytest

from realtime_sync import _fork
from realtime_sync._deadline import Deadline
from realtime_sync.errors import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
    RealtimeTimeout,
)
from realtime_sync.transport import memory_pair


def test_messages_both_ways() -> None:
    transport, peer = memory_pair()
    peer.send("one")
    peer.send(b"two")
    assert transport.read() == ["one", b"two"]
    transport.send("three")
    transport.send("vier ü".encode())
    assert peer.receive() == "three"
    assert peer.receive() == "vier ü"
    assert (transport.messages_in, transport.bytes_in) == (2, 6)
    assert (transport.messages_out, transport.bytes_out) == (2, 12)
    with pytest.raises(RealtimeTimeout):
        peer.receive(timeout=0)


def test_what_is_sent_may_be_given_to_a_function() -> None:
    taken: list[str] = []
    transport, peer = memory_pair(on_send=taken.append)
    transport.send("one")
    transport.post(b"two")
    assert taken == ["one", "two"]
    assert (transport.messages_out, transport.bytes_out) == (2, 6)
    with pytest.raises(RealtimeTimeout):
        peer.receive(timeout=0)
    peer.close()
    with pytest.raises(ConnectionClosedOK):
        transport.send("three")
    assert taken == ["one", "two"]


def test_messages_come_before_the_end() -> None:
    transport, peer = memory_pair()
    peer.send("last")
    peer.close(1011, "out of order")
    assert transport.closed
    assert transport.read() == ["last"]
    for _ in range(2):
        with pytest.raises(ConnectionClosedError) as caught:
            transport.read()
        assert (caught.value.code, caught.value.reason) == (1011, "out of order")
    with pytest.raises(ConnectionClosedError):
        transport.send("x")
    with pytest.raises(ConnectionClosedError):
        peer.send("x")
    with pytest.raises(ConnectionClosedError):
        peer.receive()


def test_normal_codes_are_no_errors() -> None:
    transport, peer = memory_pair()
    peer.close(1001, "going away")
    with pytest.raises(ConnectionClosedOK):
        transport.read()


def test_close_is_answered() -> None:
    transport, peer = memory_pair()
    transport.send("x")
    transport.close(4000, "enough", timeout=30)
    transport.close(timeout=30)
    with pytest.raises(ConnectionClosedOK) as caught:
        transport.read()
    assert (caught.value.code, caught.value.reason) == (4000, "enough")
    assert peer.receive() == "x"
    with pytest.raises(ConnectionClosedError, match="4000"):
        peer.receive()


def test_close_that_is_not_answered() -> None:
    transport, peer = memory_pair(answer_close=False)
    transport.close(timeout=0)
    with pytest.raises(ConnectionClosedError, match="did not answer"):
        transport.read()
    with pytest.raises(ConnectionClosedOK):
        peer.receive()


def test_drop_and_abort() -> None:
    transport, peer = memory_pair()
    peer.drop()
    with pytest.raises(ConnectionClosedError, match="1006"):
        transport.read()
    transport, peer = memory_pair()
    transport.abort()
    transport.abort()
    with pytest.raises(ConnectionClosedError, match="aborted"):
        transport.read()
    with pytest.raises(ConnectionClosedError):
        peer.receive()


def test_bad_close_code() -> None:
    transport, _ = memory_pair()
    with pytest.raises(LocalProtocolError):
        transport.close(1006, timeout=1)
    assert not transport.closed


# -- without blocking ------------------------------------------------------------------------------


def test_a_posted_message_goes_before_what_is_sent_after_it() -> None:
    transport, peer = memory_pair()
    transport.post("posted")
    transport.send("sent")
    transport.post("vier ü".encode())
    transport.start_close(1000, "", Deadline(None))
    assert [peer.receive() for _ in range(3)] == ["posted", "sent", "vier ü"]
    assert (transport.messages_out, transport.bytes_out) == (3, 17)
    assert transport.take_back() == []
    with pytest.raises(ConnectionClosedOK):
        transport.post("too late")
    with pytest.raises(ConnectionClosedOK):
        peer.receive()


def test_start_close_is_answered() -> None:
    transport, peer = memory_pair()
    peer.send("on its way")
    transport.start_close(4000, "enough", Deadline(None))
    transport.start_close(1000, "another", Deadline(0))
    assert transport.closed
    assert transport.read() == ["on its way"]
    with pytest.raises(ConnectionClosedOK) as caught:
        transport.read()
    assert (caught.value.code, caught.value.reason) == (4000, "enough")


def test_start_close_waits_for_nothing_and_the_reader_keeps_to_its_deadline() -> None:
    transport, peer = memory_pair(answer_close=False)
    transport.start_close(4000, "enough", Deadline(0))
    transport.start_close(1000, "another", Deadline(None))
    for call in (transport.send, transport.post):
        with pytest.raises(ConnectionClosedOK, match="enough"):
            call("refused")
    peer.send("on its way")
    assert transport.read() == ["on its way"]
    with pytest.raises(ConnectionClosedError, match="did not answer our close in time"):
        transport.read()


def test_start_close_is_answered_later() -> None:
    transport, peer = memory_pair(answer_close=False)
    transport.start_close(4000, "enough", Deadline(None))
    with pytest.raises(ConnectionClosedError, match="4000"):
        peer.receive()
    peer.close()
    with pytest.raises(ConnectionClosedOK, match="enough"):
        transport.read()


def test_start_close_after_the_end_changes_nothing() -> None:
    transport, peer = memory_pair()
    peer.close(1011, "out of order")
    transport.start_close(1000, "", Deadline(0))
    with pytest.raises(ConnectionClosedError, match="out of order"):
        transport.read()


def test_a_forked_child_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    transport, _ = memory_pair()
    monkeypatch.setattr(_fork, "_generation", _fork._generation + 1)
    for call in (
        lambda: transport.post("x"),
        lambda: transport.send("x"),
        transport.read,
        transport.take_back,
        lambda: transport.start_close(1000, "", Deadline(0)),
        lambda: transport.close(timeout=0),
    ):
        with pytest.raises(ConcurrencyError):
            call()
    transport.abort()
    assert transport.closed
