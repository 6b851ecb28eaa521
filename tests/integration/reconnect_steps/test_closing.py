"""Closing a connection while its link is made anew."""

from __future__ import annotations

import threading
import time

import pytest
from guards import Guard
from scripted_links import AT_ONCE, LATER, Running, ScriptedLinks, wait

from realtime_sync import (
    ConnectionClosed,
    ConnectionClosedOK,
    RealtimeConnection,
)


def closes(connection: RealtimeConnection, where: str) -> None:
    receiving = Running(connection.recv)
    begun = time.monotonic()
    connection.close(4000, "enough")
    print(f"close() {where} took {1000 * (time.monotonic() - begun):.0f} ms")
    end = receiving.result()
    assert type(end) is ConnectionClosedOK, end
    assert (end.code, end.reason) == (4000, "enough")
    with pytest.raises(ConnectionClosed):
        connection.send({"type": "too.late"})


def test_close_during_the_delay(links: ScriptedLinks, guard: Guard) -> None:
    told = threading.Event()
    connection, link = links.connect(reconnect=LATER, on_reconnecting=lambda _: told.set())
    link.peer.drop()
    guard.wait(told, "the attempt")
    closes(connection, "during the delay")
    assert links.opened == 1


def test_close_during_an_attempt_to_connect(links: ScriptedLinks, guard: Guard) -> None:
    connecting, gate = threading.Event(), threading.Event()

    def hang() -> None:
        connecting.set()
        wait(gate)

    connection, link = links.connect(reconnect=AT_ONCE)
    links.before_opening = hang
    link.peer.drop()
    guard.wait(connecting, "the attempt")
    closes(connection, "during an attempt to connect")
    gate.set()
    late = links.next()
    with pytest.raises(ConnectionClosed):
        late.receive()  # what came too late is thrown away


def test_close_during_the_restoration(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.peer.drop()
    half = links.next()
    half.greet()
    half.receive("session.update")
    closes(connection, "during the restoration")
    with pytest.raises(ConnectionClosed):
        half.receive()
