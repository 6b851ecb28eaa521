"""The agent that talks, and what it can do with the call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from realtime_sync import Local, OpenAI
from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunConfig,
    RunContextWrapper,
    ToolContext,
    TransportConfig,
    function_tool,
)
from realtime_sync.audio.base import SinkLike
from realtime_sync.telephony import TwilioCalls
from realtime_sync.voice import IdleRule

from . import texts

__all__ = ["CONFIG", "FOLDER", "LINK", "Talk", "agent_for", "provider"]

FOLDER = Path(__file__).parent
_LAST_WORDS_S = 20.0

CONFIG: RealtimeRunConfig = {
    "model_settings": {
        # The telephone's own format, in both directions: nothing is converted.
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
    },
    "idle": IdleRule(after_s=20, say=texts.STILL_THERE, end_after_s=10),
}

# A caller waits: so a provider that does not answer, or is silent, is soon given up.
LINK: TransportConfig = {"handshake_timeout": 8.0, "ping_interval": 5.0, "ping_timeout": 5.0}


@dataclass
class Talk:
    """One call, as its tools see it.

    Attributes:
        call_sid: Twilio's name of the call.
        twilio: does what is to be done with it.
        transfer_to: numbers by their names.
        sink: what the caller hears.
        transferred: Twilio was asked to connect the caller with somebody else.
    """

    call_sid: str
    twilio: TwilioCalls
    transfer_to: Mapping[str, str]
    sink: SinkLike
    transferred: bool = field(default=False, init=False)

    def hear_out(self) -> None:
        """Wait until the caller has heard what was said."""
        self.sink.drain(_LAST_WORDS_S)


@function_tool
def hang_up() -> str:
    """End the call, when the caller wants that."""
    return texts.SAY_GOODBYE  # `calls` closes the line after it


def _not_put_through(context: RunContextWrapper[Talk], error: Exception) -> str:
    return texts.NOT_PUT_THROUGH


@function_tool(failure_error_function=_not_put_through)
def transfer(context: ToolContext[Talk], to: str) -> str:
    """Put the caller through to a person.

    Args:
        to: the name of whom to put through to.
    """
    talk = context.context
    number = talk.transfer_to.get(to.strip().lower())
    if number is None:
        return texts.NOBODY_THERE
    talk.hear_out()
    talk.transferred = True  # before Twilio ends the stream
    try:
        talk.twilio.transfer(talk.call_sid, to=number)
    except BaseException:
        talk.transferred = False
        raise
    return texts.PUT_THROUGH


def agent_for(transfer_to: Mapping[str, str]) -> RealtimeAgent[Talk]:
    """Return the agent; it puts callers through where there is somebody."""
    if not transfer_to:
        return RealtimeAgent[Talk](name="Shop", instructions=texts.INSTRUCTIONS, tools=[hang_up])
    instructions = texts.INSTRUCTIONS + texts.TRANSFERS.format(names=", ".join(transfer_to))
    return RealtimeAgent[Talk](name="Shop", instructions=instructions, tools=[hang_up, transfer])


def provider(environment: Mapping[str, str] = os.environ) -> OpenAI | Local:
    """Return ``OpenAI()`` where there is a key, else the embedded server with its script."""
    if environment.get("OPENAI_API_KEY"):
        return OpenAI()
    return Local(responder=f"scripted:{FOLDER / 'desk.yaml'}", grammar=FOLDER / "phrases.txt")
