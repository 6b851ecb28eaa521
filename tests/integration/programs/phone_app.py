"""A Flask app that answers calls of Twilio's with the embedded server.

What has happened in each call is at ``/calls``, in the order of their beginnings.
"""

from __future__ import annotations

import os
from typing import Any

import attrs
from flask import Flask, jsonify, request

from realtime_sync import Local
from realtime_sync.telephony import MediaStreams
from realtime_sync.voice import VoiceLoop
from realtime_sync.wsgi import WebSocket, WebSocketLimit, serve

app = Flask(__name__)
limit = WebSocketLimit(24)
client = Local(url=os.environ["PROVIDER_URL"], api_key=os.environ["PROVIDER_KEY"])
calls: list[dict[str, Any]] = []
ULAW: Any = {"format": {"type": "audio/pcmu"}}
SHOWN = ("type", "item_id", "audio_end_ms", "transcript")


@app.get("/page")
def page() -> str:
    return "a page"


@app.get("/calls")
def all_calls() -> Any:
    return jsonify(calls)


@app.route("/talk", websocket=True)
def talk() -> Any:
    return serve(request.environ, talk_on, limit=limit)


def talk_on(socket: WebSocket) -> None:
    with MediaStreams(socket) as call, client.realtime.connect() as connection:
        connection.session.update(
            session={"type": "realtime", "audio": {"input": ULAW, "output": ULAW}}
        )
        seen: dict[str, Any] = {"events": [], "played_ms": {}, "ended_by": None, "stats": None}

        def note(event: Any) -> None:
            told = {name: getattr(event, name, None) for name in SHOWN}
            seen["events"].append(told)
            if told["item_id"]:
                seen["played_ms"][told["item_id"]] = call.sink.played_ms(told["item_id"])

        calls.append(seen)
        VoiceLoop(connection, call.source, call.sink, on_event=note).run()
        seen["ended_by"], seen["stats"] = call.ended_by, attrs.asdict(call.stats)


@app.route("/tones", websocket=True)
def tones() -> Any:
    return serve(request.environ, hang_up_after_keys, limit=limit)


def hang_up_after_keys(socket: WebSocket) -> None:
    with MediaStreams(socket) as call:
        call.send_digits("42#")
        call.read_digit()
        call.sink.drain()
