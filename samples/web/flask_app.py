"""A web service that asks the model: ``POST /ask {"text": "What time is it?"}``.

    gunicorn --worker-class gthread --threads 16 samples.web.flask_app:app

Each request has a connection of its own and closes it: nothing is shared between threads, workers
or users, and a worker may be stopped at any time. Any worker class will do (sync, gthread, gevent).
"""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from realtime_sync import OpenAI, RealtimeError, RealtimeTimeout, ServerError

app = Flask(__name__)
# It holds settings and no connection, so workers that are forked later may use it, too.
client = OpenAI()  # OPENAI_API_KEY, OPENAI_BASE_URL


@app.post("/ask")
def ask() -> tuple[Response, int]:
    """Answer one question with text."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # it is nested too deep
        body = None
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text:
        return jsonify(error='send {"text": "..."}'), 400
    try:
        # A peer that stops reading shall not hold a worker.
        options = {"open_timeout": 5, "close_timeout": 1, "send_timeout": 5}
        with client.realtime.connect(
            model="gpt-realtime-2", websocket_connection_options=options
        ) as connection:
            reply = connection.ask(text, timeout=20, response={"output_modalities": ["text"]})
    except RealtimeTimeout:
        return jsonify(error="no answer in time"), 504
    except ServerError as exc:
        return jsonify(error=exc.message), 502
    except RealtimeError:
        app.logger.exception("no conversation with the model")
        return jsonify(error="the model can't be reached"), 502
    return jsonify(text=reply.text), 200


@app.get("/health")
def health() -> str:
    """Say that the worker lives; talks to nobody."""
    return "ok"
