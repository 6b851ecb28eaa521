"""What of the effects goes to the server."""

from __future__ import annotations

from ._voice_connection import VoiceConnection
from .effects import (
    Append,
    CancelResponse,
    ClearInput,
    ClearOutput,
    Commit,
    CreateAside,
    CreateItem,
    CreateResponse,
    DeleteItem,
    Effect,
    SendToolOutput,
    TruncateItem,
    UpdateSession,
    UpdateTurns,
)

__all__ = ["send"]


def send(connection: VoiceConnection, effect: Effect) -> None:
    """Send what ``effect`` says.

    Raises:
        ConnectionClosed: the connection is over.
    """
    item = connection.conversation.item
    match effect:
        case Append(audio):
            connection.input_audio_buffer.append(audio=audio)
        case Commit():
            connection.input_audio_buffer.commit()
        case ClearInput(event_id):
            connection.input_audio_buffer.clear(event_id=event_id)
        case ClearOutput():
            connection.output_audio_buffer.clear()
        case CancelResponse(response_id):
            connection.response.cancel(response_id=response_id)
        case TruncateItem((item_id, index), ms):
            item.truncate(item_id=item_id, content_index=index, audio_end_ms=ms)
        case DeleteItem(item_id):
            item.delete(item_id=item_id)
        case SendToolOutput(call_id, output):
            wire = {"type": "function_call_output", "call_id": call_id, "output": output}
            item.create(item=wire)
        case CreateItem(wire):
            item.create(item=wire)
        case CreateAside(event_id, response):
            connection.response.create(response=response, event_id=event_id)
        case UpdateSession(event_id, session):
            connection.session.update(session=session, event_id=event_id)
        case CreateResponse(event_id, response):
            connection.response.create(response=response, event_id=event_id, when_idle=True)
        case UpdateTurns(event_id, turn_detection):
            settings = {"input": {"turn_detection": turn_detection}}
            session = {"type": "realtime", "audio": settings}
            connection.session.update(session=session, event_id=event_id)
        case _:
            raise AssertionError(f"{effect} is not the server's")
