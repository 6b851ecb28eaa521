"""A Flask app with a WebSocket for each case.

What the functions of the sockets have seen is at ``/outcomes``, in the order of their ends.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, jsonify, request

from realtime_sync import ConnectionClosed
from realtime_sync.wsgi import WebSocket, WebSocketLimit, WebSocketRefused, accept, serve

app = Flask(__name__)
app.register_error_handler(WebSocketRefused, lambda refused: refused)
everyone = WebSocketLimit(5000)
few = WebSocketLimit(2)
outcomes: list[dict[str, Any]] = []
go = threading.Event()

faulthandler.register(signal.SIGUSR2)
if seconds := os.environ.get("DRAIN_S"):
    everyone.drain_at_sigterm(float(seconds))


def reported(handler: Callable[[WebSocket], object]) -> Callable[[WebSocket], None]:
    """Note what a function saw, and how the connection ended for it."""

    def report(socket: WebSocket) -> None:
        outcome = {"name": handler.__name__, "saw": None, "end": None}
        try:
            outcome["saw"] = handler(socket)
        except ConnectionClosed as exc:
            outcome["end"] = [exc.code, exc.reason, exc.closed_by]
            raise
        finally:
            outcomes.append(outcome)

    return report


@app.get("/page")
def page() -> str:
    return "a page"


@app.get("/outcomes")
def all_outcomes() -> Any:
    return jsonify(outcomes=outcomes, open=everyone.open, few=few.open)


@app.get("/forget")
def forget() -> str:
    outcomes.clear()
    return "forgotten"


@app.get("/go")
def let_go() -> str:
    go.set()
    return "gone"


@reported
def echo(socket: WebSocket) -> int:
    count = 0
    for message in socket:
        socket.send(message)
        count += 1
    return count


@reported
def half_open(socket: WebSocket) -> None:
    """Waits for a client that says nothing, not even to a ping."""
    socket.recv()


@reported
def crowd(socket: WebSocket) -> None:
    """Three threads send, while this one echoes: text, small and large bytes."""
    count = int(str(socket.recv()))

    def send(who: str, size: int) -> None:
        for number in range(count):
            message = f"{who}{number:06}" + "x" * size
            socket.send(message if who == "a" else message.encode())

    threads = [
        threading.Thread(target=send, args=args) for args in [("a", 100), ("b", 640), ("c", 20_000)]
    ]
    for thread in threads:
        thread.start()
    for _ in range(count):
        socket.send(socket.recv())
    for thread in threads:
        thread.join()


@reported
def closed_elsewhere(socket: WebSocket) -> None:
    """Another thread closes while this one waits for a message."""
    started = threading.Event()

    def close() -> None:
        started.wait()
        socket.close(4000, "enough")

    thread = threading.Thread(target=close)
    thread.start()
    started.set()
    try:
        socket.recv()
    finally:
        thread.join()


@reported
def slow(socket: WebSocket) -> int:
    """Reads nothing until it is let go."""
    socket.send("ready")
    go.wait()
    go.clear()
    return sum(len(message) for message in socket)


@reported
def flood(socket: WebSocket) -> None:
    """Sends to a client that does not read."""
    while True:
        socket.send(b"\0" * 65_536)


@reported
def talks_on(socket: WebSocket) -> None:
    """Leaves while the client is still sending."""
    socket.recv()


def fails(socket: WebSocket) -> None:
    raise ValueError("a fault of the program")


@app.route("/<name>", websocket=True)
def websocket(name: str) -> Any:
    options: dict[str, Any] = {"limit": everyone}
    if name == "flood":
        options["send_timeout"] = 0.2
    if name == "half_open":
        options.update(ping_interval=0.1, ping_timeout=0.1)
    return serve(request.environ, globals()[name], **options)


@app.route("/limited", websocket=True)
def limited() -> Any:
    with accept(request.environ, limit=few, origins=["https://here.test"]) as socket:
        for message in socket:
            socket.send(message)
    return socket.response
