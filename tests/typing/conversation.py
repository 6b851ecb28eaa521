"""User code as the README shows it: never run, only checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from realtime_sync import Local, OpenAI, RealtimeConnection, Reply
from realtime_sync.tools import CallContext, function_schema


def follow(connection: RealtimeConnection) -> str:
    """``event.type`` narrows to the class that has the field."""
    said = ""
    for event in connection:
        if event.type == "response.output_audio_transcript.delta":
            said += event.delta
        elif event.type == "response.output_audio.delta":
            chunk: bytes = event.audio
            said += f"({len(chunk)} bytes)"
        elif event.type == "error":
            said += event.error.message
        elif event.type == "response.done":
            usage = event.response.usage
            said += f"{usage.total_tokens if usage else 0} tokens"
            break
    return said


def read_one(connection: RealtimeConnection) -> str | None:
    event = connection.recv(timeout=1.0)
    raw: bytes = connection.recv_bytes()
    same = connection.parse_event(raw)
    return event.event_id or same.to_json()


def start_one(responder: str | None, folder: Path) -> Local:
    return Local(
        responder=responder,
        grammar=["stop"] if responder else "commands.txt",
        models=("my-model",),
        projects=folder,
        session_limit=60,
        tls_cert=None,
    )


def converse(client: OpenAI | Local) -> Reply:
    with client.realtime.connect(model="gpt-realtime-2") as connection:
        connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {"input": {"turn_detection": None}, "output": {"voice": "marin"}},
            }
        )
        connection.input_audio_buffer.append(audio=b"\0\0" * 480)
        connection.input_audio_buffer.commit()
        connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello!"}],
            }
        )
        connection.response.create(response={"output_modalities": ["text"]})
        connection.send({"type": "response.cancel"})
        return connection.ask("What time is it?", timeout=30)


def read_aloud(connection: RealtimeConnection) -> str:
    """Whatever `stream` yields has a ``delta``."""
    words = ""
    for event in connection.stream("What time is it?", timeout=30):
        delta: str = event.delta
        words += delta if event.type == "response.output_text.delta" else ""
    return words


def print_calls(reply: Reply) -> None:
    for call in reply.function_calls:
        print(call.name, call.arguments, call.call_id)


def get_weather(city: str, call: CallContext, days: int = 1) -> dict[str, object]:
    return {"city": city, "days": days, "cancelled": call.cancelled}


class Desk:
    def book(self, seats: int) -> str:
        return f"{seats} seats"


def ask_with_functions(connection: RealtimeConnection, more: Sequence[Callable[[str], str]]) -> str:
    """One function, several, or by name; methods and lambdas, too."""
    said = connection.ask("Is it raining?", tools=get_weather).text
    said += connection.ask("And here?", tools=[get_weather, Desk().book], timeout=30).text
    said += connection.ask("And there?", tools={"book": Desk().book, "now": lambda: "noon"}).text
    for event in connection.stream("And then?", tools=more):
        said += event.delta
    connection.session.update(
        session={"type": "realtime", "tools": [function_schema(get_weather, name="weather")]}
    )
    return said


def fresh_key() -> str:
    return "key"


key: Callable[[], str] = fresh_key
converse(OpenAI(api_key=key, base_url="http://127.0.0.1:8765/v1"))
