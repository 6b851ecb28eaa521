"""A program: forks while a thread stands at a named step of connecting or of sending.

Arguments: the server's base URL, the authority's file, the step, and who forks: "another" thread,
or the one at the step "itself", as a signal handler would; the child then comes back into the call.
In the child the connection refuses every call, and one of its own works. The parent's goes on.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from selectors import DefaultSelector
from typing import Any

import pytest
import websocket._handshake

from realtime_sync import ConcurrencyError, OpenAI, RealtimeConnection
from realtime_sync.transport._writer import FrameWriter
from realtime_sync.transport.duplex import Duplex

GUARD_S = 20.0
HUGE = "x" * (32 << 20)

base_url, authority, step, who = sys.argv[1:]


def guarded() -> None:
    """Show where every thread stands, and end, instead of hanging."""
    faulthandler.dump_traceback_later(GUARD_S, exit=True)


def fork() -> int:
    """Fork between two guards: a child can't cancel one, since it waits for the guard's thread."""
    faulthandler.cancel_dump_traceback_later()
    child = os.fork()
    guarded()
    return child


class Step:
    """Stops the first thread that comes to a function, before it is called.

    Args:
        owner: the module or class of the function.
        name: its name there.
        when: which calls count.
    """

    def __init__(
        self, owner: Any, name: str, when: Callable[..., bool] = lambda *_, **__: True
    ) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.child: int | None = None
        first, call = ["the first"], getattr(owner, name)

        def stopping(*arguments: Any, **options: Any) -> Any:
            if first and when(*arguments, **options):
                first.clear()
                self._stop()
            return call(*arguments, **options)

        setattr(owner, name, stopping)

    def _stop(self) -> None:
        if who == "itself":
            self.child = fork()
            self.reached.set()
        else:
            self.reached.set()
            self.go_on.wait()


def in_worker(name: str) -> Callable[..., bool]:
    return lambda *_, **__: threading.current_thread().name == name


CONNECTING = {
    "name lookup": lambda: Step(
        socket, "getaddrinfo", lambda *_, flags=0, **__: flags == 0 and threading.active_count() > 1
    ),
    "TCP connecting": lambda: Step(DefaultSelector, "select", in_worker("realtime_sync.connect")),
    "TLS handshake": lambda: Step(ssl.SSLSocket, "do_handshake"),
    "upgrade sent": lambda: Step(websocket._handshake, "_get_resp_headers"),
    "upgrade answered": lambda: Step(websocket._handshake, "_validate"),
    "reader thread starting": lambda: Step(
        threading.Thread, "run", in_worker("realtime_sync.reader")
    ),
}
SENDING = {
    "send lock held": lambda: Step(Duplex, "write_some"),
    "inside OpenSSL": lambda: Step(ssl.SSLSocket, "send"),
    "waiting for the kernel": lambda: Step(Duplex, "wait_to_write"),
    "message posted": lambda: Step(FrameWriter, "flush"),
    "close requested": lambda: Step(Duplex, "nudge", in_worker("worker")),
}

options: dict[str, Any] = {"proxy": ""}
if base_url.startswith("https"):
    options["ssl_context"] = ssl.create_default_context(cafile=authority)
client = OpenAI(api_key="sk-test", base_url=base_url, **options)
manager = client.realtime.connect(model="m")


def transport_of(connection: RealtimeConnection) -> Any:
    return connection._link._transport


def refuses(connection: RealtimeConnection) -> None:
    for call in (
        connection.recv,
        lambda: connection.recv(timeout=0),
        lambda: connection.send({"type": "response.create"}),
        lambda: connection.send_raw("{}"),
        lambda: connection.wait_for("error"),
        lambda: connection.ask("hello"),
        connection.close,
        transport_of(connection).read,
        lambda: transport_of(connection).post("{}"),
        transport_of(connection).take_back,
    ):
        with pytest.raises(ConcurrencyError, match="belongs to the process that forked"):
            call()
    transport_of(connection).abort()
    assert connection.closed


def in_the_child() -> None:
    if manager._opened is not None:
        refuses(manager._opened)
    with client.realtime.connect(model="m") as own:
        own.send_raw("from the child")
    sys.exit(0)


def find_the_kernel_full_once() -> None:
    """Have the next write take nothing: a quick peer may never let the kernel be full."""
    write_some = Duplex.write_some

    def takes_nothing(duplex: Duplex, data: memoryview) -> int:
        Duplex.write_some = write_some  # type: ignore[method-assign]
        return 0

    Duplex.write_some = takes_nothing  # type: ignore[method-assign]


def work() -> None:
    """Come to the step, on a thread."""
    if step in CONNECTING:
        manager.enter()
        return
    assert manager._opened is not None
    if step == "message posted":
        transport_of(manager._opened).post("at the step")
    elif step == "close requested":
        manager._opened.close()
    elif step == "waiting for the kernel":
        find_the_kernel_full_once()
        manager._opened.send_raw(HUGE)
    else:
        manager._opened.send_raw("at the step")


def worker() -> None:
    try:
        work()
    except ConcurrencyError:
        if at.child == 0:
            os._exit(0)  # as it should be
        raise
    finally:
        if at.child == 0:
            os._exit(1)


guarded()
if step in CONNECTING:
    at = CONNECTING[step]()
else:
    manager.enter()
    at = SENDING[step]()
thread = threading.Thread(target=worker, name="worker")
thread.start()
at.reached.wait()
child = at.child
if child is None:
    child = fork()
    if not child:
        in_the_child()
assert os.waitpid(child, 0)[1] == 0
at.go_on.set()
thread.join()
connection = manager._opened
assert connection is not None
if step != "close requested":
    connection.send_raw("from the parent")
connection.close()
print("closed by the parent", flush=True)
