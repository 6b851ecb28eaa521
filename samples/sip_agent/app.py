"""The telephone of a shop, answered by an agent: the web server that the provider's webhooks reach.

    flask --app samples.sip_agent.app run

OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET are needed; see README.md beside this file.
"""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue

from realtime_sync import OpenAI
from realtime_sync.telephony import SipCalls

from .agents import CONFIG, GREETING, agent_for, over, talk

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1 << 16  # read before anybody knows who has sent it
calls = SipCalls(
    agent_for, client=OpenAI(), greeting=GREETING, config=CONFIG, on_call=talk, on_end=over
)


@app.post("/webhook")
def webhook() -> ResponseReturnValue:
    """Take a webhook; it is answered at once, and the call on a thread of its own."""
    return "", calls.handle(request.get_data(), request.headers)


@app.get("/health")
def health() -> ResponseReturnValue:
    """Say how many calls there are."""
    return {"calls": calls.calls, "refused": calls.refused}
