"""A telephone service by SIP: a web server for Flask that takes the provider's webhooks.

    flask --app samples.ported.agents_twilio_sip run

OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET are needed. An Elastic SIP Trunk of Twilio's leads to
the provider; in the provider's, the webhook for ``realtime.call.incoming`` leads to
https://…/openai/webhook. The agents are those of agents_sip_agents.py.
"""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue

from realtime_sync import OpenAI
from realtime_sync.agents import AssistantMessageItem, RealtimeModelSendRawMessage, RealtimeSession
from realtime_sync.telephony import SipCall, SipCalls

from .agents_sip_agents import SETTINGS, WELCOME, get_starting_agent


def observe(call: SipCall, session: RealtimeSession[SipCall]) -> None:
    """Greet the caller, and print what is said until the call ends."""
    greeting = {"instructions": f"Say exactly '{WELCOME}' now, before all else."}
    session.model.send_event(
        RealtimeModelSendRawMessage(
            message={"type": "response.create", "other_data": {"response": greeting}}
        )
    )
    for event in session:
        if event.type == "history_added" and isinstance(event.item, AssistantMessageItem):
            print(f"{call.id}: {event.item.role} says something", flush=True)
        elif event.type == "error":
            print(f"{call.id}: error: {event.error}", flush=True)


app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1 << 16  # read before anybody knows who has sent it
calls = SipCalls(
    lambda call: get_starting_agent(),
    client=OpenAI(),
    config={"model_settings": SETTINGS},
    on_call=observe,
    on_end=lambda call: print(f"{call.id} was ended by {call.ended_by}", flush=True),
)


@app.get("/")
def root() -> ResponseReturnValue:
    """Say that the server is there."""
    return {"status": "ok"}


@app.post("/openai/webhook")
def webhook() -> ResponseReturnValue:
    """Take a webhook."""
    return "", calls.handle(request.get_data(), request.headers)
