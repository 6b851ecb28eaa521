"""What callers are told, and what the agent is told to be."""

from __future__ import annotations

GREETING = "Hello, this call is recorded. How can I help you?"
INSTRUCTIONS = """\
You answer the telephone of a small shop. Be friendly, and answer in one or two short sentences.
It is open from nine to five, on every day but Sunday.
When the caller wants to end the call, call hang_up, and then say goodbye.
"""
TRANSFERS = (
    "When the caller wants to talk to a person, say so and call transfer, to one of: {names}.\n"
)
PRESSED = "The caller pressed {digit}."

STILL_THERE = "Are you still there?"
BUSY = "All our lines are busy. Please call again in a few minutes."
BROKEN = "I am sorry, something has gone wrong on our side."
PUT_THROUGH = "One moment, please."

# Of tools, for the model:
SAY_GOODBYE = "Say goodbye in one short sentence; after it the line is closed."
NOBODY_THERE = "I am sorry, there is nobody to put you through to."
NOT_PUT_THROUGH = "I am sorry, I can't put you through at the moment."
