"""An app of decorators, typed: every kind of sender, receiver and tool."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from realtime_sync import OpenAI, Realtime, ReconnectPolicy
from realtime_sync.app import (
    Context,
    OpenAIRealtimeTool,
    RealtimeTool,
    async_input,
    record,
    record_as_stream,
)
from realtime_sync.audio import Sound, play


def format_book(title: str, author: str) -> str:
    return f"{title} by {author}"


class FormatBook(RealtimeTool):
    title: str

    def call(self) -> str:
        return self.title


app = Realtime(
    "gpt-realtime",
    client=OpenAI(api_key="k"),
    context={"a": 1},
    modalities=["text", "audio"],
    turn_detection=None,
    tools=[format_book, FormatBook],
    connection_options={"reconnect": ReconnectPolicy()},
)


@app.sender(wait_for_text_response=True, tools=[format_book])
def send_text(context: Context) -> str | tuple[str, list[Any]]:
    return async_input("You: "), [format_book]


@app.sender()
def send_audio(context: Context) -> BytesIO:
    return record(lambda: async_input("Enter "))


@app.sender(wait_for_audio_transcript_response=True)
def stream_audio(context: Context) -> Iterator[BytesIO]:
    yield from record_as_stream()


@app.receiver("text")
def receive_text(response: str, context: Context) -> None:
    print(response.upper())


@app.receiver("audio")
def receive_audio(response: Sound, context: Context) -> None:
    response.save(Path("a.wav"))
    play(response)


@app.receiver("tool")
def receive_tool(response: OpenAIRealtimeTool, context: Context) -> None:
    print(response.title, response.args, response.call())


@app.receiver("text_chunk")
def receive_chunk(response: dict[str, Any], context: Context) -> None:
    print(response["delta"])


@app.receiver(None)
def receive_all(response: dict[str, Any], context: Context) -> None:
    print(response["type"], app.connection.conversation.history)


@app.function_call(FormatBook)
def answer(tool: FormatBook, context: Context) -> str:
    return tool.title


def main() -> None:
    app.run()
    app.stop()
    assert not app.is_running()
    text: str = send_text(app.context)[0]
    print(text)
