"""How a connection that we close ends: cleanly, and within its time."""

from __future__ import annotations

import threading

import pytest
from guards import GUARD_S, Guard
from raw_server import CLOSE, RawPeer, close_payload
from scripted_links import Running
from scripted_server import client, say, scripted

from realtime_sync import ConnectionClosed, ConnectionClosedOK


@pytest.mark.parametrize(
    ("peer_does", "note"),
    [
        ("answers", "the peer answered the close with code 3000: mine"),
        ("stays silent", "the peer did not answer our close in time"),
        ("ends TCP", "the peer ended the link instead of answering our close"),
        ("takes nothing", "the peer took no data while we closed"),
        ("closes otherwise", "the peer answered the close with code 1011: oops"),
    ],
)
def test_our_own_close_is_a_clean_end_whatever_the_peer_does(
    guard: Guard, peer_does: str, note: str
) -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        say(peer, "first")
        if peer_does == "takes nothing":
            over.wait(GUARD_S)
            return
        while peer.frame()[0] != CLOSE:
            pass
        if peer_does == "answers":
            peer.send(CLOSE, close_payload(3000, "mine"))
        elif peer_does == "closes otherwise":
            peer.send(CLOSE, close_payload(1011, "oops"))
        elif peer_does == "stays silent":
            over.wait(GUARD_S)
        if peer_does != "ends TCP":
            peer.expect_end()

    def accept(peer: RawPeer) -> None:
        peer.accept()
        script(peer)

    with scripted(accept) as server:
        options = {"close_timeout": GUARD_S if peer_does == "answers" else 0.3}
        connection = (
            client(server).realtime.connect(model="m", websocket_connection_options=options).enter()
        )
        assert connection.recv(GUARD_S).type == "first"
        sender = None
        if peer_does == "takes nothing":
            sender = Running(lambda: connection.send_raw("x" * (32 << 20)))
            guard.until(lambda: connection.stats.bytes_sent > 0, "the sender's first bytes")
        connection.close(3000, "mine")
        assert list(connection) == [], "the iteration ends quietly"
        with pytest.raises(ConnectionClosedOK) as caught:
            connection.recv(GUARD_S)
        if sender is not None:
            assert isinstance(sender.result(), ConnectionClosed), "told in its own thread"
        over.set()
    closed = caught.value
    assert (closed.code, closed.reason, closed.closed_by) == (3000, "mine", "this side")
    assert note in closed.__notes__[0]
