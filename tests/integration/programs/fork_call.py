"""A fork beside a call of Asterisk's: the child's copy of it is dead, and the parent's goes on."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

from realtime_sync import ConcurrencyError
from realtime_sync.telephony import AudioSocket, AudioSocketServer

SOUND = b"\x10\x01\x40" + bytes(320)


def in_the_child(call: AudioSocket, server: AudioSocketServer) -> None:
    """Try everything: nothing may wait for a thread that is not there."""
    calls: list[Callable[[], object]] = [
        lambda: next(iter(call.source)),
        lambda: call.sink.write(bytes(320)),
        call.sink.drain,
        call.read_digit,
        call.wait_ended,
        server.wait,
    ]
    for each in calls:
        try:
            each()
        except ConcurrencyError:
            continue
        raise AssertionError("a forked child can use its parent's call")
    call.close()
    server.close()


def answer(call: AudioSocket) -> None:
    child = os.fork()
    if not child:
        try:
            in_the_child(call, server)
        except BaseException as exc:
            print(repr(exc), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert call.read_digit(30) == "5"
    call.sink.write(b"\1\0" * 160)
    call.sink.flush()
    assert call.sink.drain(30)


with (
    AudioSocketServer(answer, port=0) as server,
    socket.create_connection(("127.0.0.1", server.port)) as far,
):
    far.sendall(b"\x01\x00\x10" + bytes(16) + SOUND + b"\x03\x00\x015")
    stream = b"".join(iter(lambda: far.recv(4096), b""))
assert stream == b"\x10\x01\x40" + b"\1\0" * 160 + b"\0\0\0", stream
print("the parent goes on")
