"""The bridge of `phone_bench`: calls of Twilio's in a Flask app, or of Asterisk's in a program.

``PROVIDER`` is the base URL of the load server, ``PLAN`` what it is to hold, and ``CORE`` where the
bridge may run. The app's figures are at ``/figures``; the program prints its port, and its figures
when its standard input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

import attrs
from flask import Flask, jsonify, request

from realtime_sync import ConnectionClosed, OpenAI
from realtime_sync.telephony import AudioSocket, AudioSocketServer, MediaStreams, PhoneCall
from realtime_sync.telephony.in_flight import FRAME_S
from realtime_sync.telephony.phone_sink import PhoneSink
from realtime_sync.voice import VoiceLoop
from realtime_sync.wsgi import WebSocket, serve

if core := os.environ.get("CORE"):
    os.sched_setaffinity(0, {int(core)})

app = Flask(__name__)
client = OpenAI(api_key="key", websocket_base_url=os.environ["PROVIDER"])
late: list[float] = []  # of each moment when frames were due: how late the last of them was sent
stats: list[dict[str, Any]] = []
_lock = threading.Lock()  # guards both


class Watch:
    """Notes how late a sink is when it has sent what was due."""

    def __init__(self, sink: PhoneSink) -> None:
        self.late: list[float] = []
        self._sink = sink
        self._advance = sink.advance
        sink.advance = self  # type: ignore[method-assign]

    def __call__(self) -> float:
        due = self._due()
        sent = self._sink.sent_frames
        wait = self._advance()
        if due is not None and self._sink.sent_frames > sent:
            self.late.append(time.monotonic() - due)
        return wait

    def _due(self) -> float | None:
        began, ticks = self._sink._began, self._sink._ticks
        return None if began is None else began + ticks * FRAME_S


def hold(call: PhoneCall) -> None:
    """Hold a call as a program does, until the load server has ended the conversation."""
    watch = Watch(call.sink)
    with client.realtime.connect(model=os.environ["PLAN"]) as connection:
        loop = VoiceLoop(connection, call.source, call.sink)
        with contextlib.suppress(ConnectionClosed):  # the provider has ended it
            loop.run()
    with _lock:
        late.extend(watch.late)
        stats.append(attrs.asdict(call.stats))


def figures() -> dict[str, Any]:
    """Return what was measured so far."""
    with _lock:
        return {"late": late, "stats": stats}


@app.route("/call", websocket=True)
def talk() -> Any:
    return serve(request.environ, on_socket)


def on_socket(socket: WebSocket) -> None:
    with MediaStreams(socket) as call:
        hold(call)


@app.get("/figures")
def show() -> Any:
    return jsonify({**figures(), "pid": os.getpid()})


def on_asterisk(call: AudioSocket) -> None:
    hold(call)


if __name__ == "__main__":
    with AudioSocketServer(on_asterisk, port=0) as server:
        print(server.port, flush=True)
        sys.stdin.read()
        print(json.dumps(figures()), flush=True)
