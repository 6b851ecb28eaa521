from __future__ import annotations

import pytest

from realtime_sync.errors import (
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
