"""An agent on the telephone, over Twilio's media streams: a web server for Flask.

    flask --app samples.ported.agents_twilio run

OPENAI_API_KEY is needed. In Twilio's console, a call of the number comes to https://…/incoming-call;
the address must be reachable from outside, with TLS in front of it.
"""

from __future__ import annotations

import time
from html import escape

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue

from realtime_sync import OpenAI
from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionModelSettings,
    function_tool,
)
from realtime_sync.telephony import MediaStreams
from realtime_sync.wsgi import WebSocket, WebSocketLimit, serve

SETTINGS: RealtimeSessionModelSettings = {
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "turn_detection": {"type": "semantic_vad", "interrupt_response": True, "create_response": True},
}


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


@function_tool
def get_current_time() -> str:
    """Tell what time it is."""
    return time.strftime("It is %H:%M.")


agent = RealtimeAgent[None](
    name="Telephone Agent",
    instructions=(
        "You are a friendly voice on the telephone. Begin with a greeting of your own making, and "
        "keep your answers short."
    ),
    tools=[get_weather, get_current_time],
)

app = Flask(__name__)
client = OpenAI()
limit = WebSocketLimit(20)  # below the threads of the server


@app.get("/")
def root() -> ResponseReturnValue:
    """Say that the server is there."""
    return {"message": "media streams are taken here"}


@app.route("/incoming-call", methods=["GET", "POST"])
def incoming_call() -> ResponseReturnValue:
    """Have Twilio say something, and then stream the call to this server."""
    stream = escape(f"wss://{request.host}/media-stream")
    return Response(
        "<Response>"
        "<Say>You are being connected to an assistant. You can speak now.</Say>"
        f'<Connect><Stream url="{stream}"/></Connect>'
        "</Response>",
        mimetype="text/xml",
    )


@app.route("/media-stream", websocket=True)
def media_stream() -> ResponseReturnValue:
    """Take a call's sound."""
    return serve(request.environ, answer, limit=limit)


def answer(socket: WebSocket) -> None:
    """Hold one call; it is over when this returns."""
    with MediaStreams(socket) as call:
        runner = RealtimeRunner(agent, client=client, config={"model_settings": SETTINGS})
        with runner.run(audio=(call.source, call.sink)) as session:
            print(f"{call.start.call_sid} has begun", flush=True)
            show(session)
        print(f"{call.start.call_sid} was ended by {call.ended_by}", flush=True)


def show(session: RealtimeSession[None]) -> None:
    """Print what happens in a call, and at its end what was said and heard."""
    for event in session:
        if event.type == "tool_end":
            print(f"{event.tool.name} returns {event.output}", flush=True)
        elif event.type == "raw_model_event" and event.data.type == "raw_server_event":
            if event.data.data["type"] == "conversation.item.truncated":
                print(f"interrupted: {event.data.data['audio_end_ms']} ms were heard", flush=True)
        elif event.type == "error":
            print(f"error: {event.error}", flush=True)
    for item in session.history:
        if item.type == "message" and item.role != "system":
            words = [getattr(part, "transcript", None) for part in item.content]
            print(f"{item.role}: {' '.join(filter(None, words))}", flush=True)
