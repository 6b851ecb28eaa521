"""Mistakes that a type checker finds: an ignore that is not needed is an error itself."""

from __future__ import annotations

from realtime_sync import AsyncOpenAI as Unported  # type: ignore[attr-defined]
from realtime_sync import Local, OpenAI, RealtimeConnection
from realtime_sync.events import ErrorEvent
from realtime_sync.events import ResponseDonneEvent as Misspelt  # type: ignore[attr-defined]


def wrong(connection: RealtimeConnection) -> None:
    connection.session.update(session={"type": "realtime", "voice": 7})  # type: ignore[arg-type]
    connection.response.create(response={"output_modalities": ["smell"]})  # type: ignore[arg-type]
    connection.input_audio_buffer.append(audio=12)  # type: ignore[arg-type]
    connection.ask("Go", tools=7)  # type: ignore[arg-type]
    connection.ask("Go", tools=["get_weather"])  # type: ignore[list-item]
    connection.close("bye")  # type: ignore[arg-type]
    for event in connection:
        if event.type == "response.output_audio.delta":
            print(event.transcript)  # type: ignore[attr-defined]
        print(event.delta)  # type: ignore[union-attr]


def wrong_listeners(connection: RealtimeConnection) -> None:
    print(connection.wait_for("response.done").delta)  # type: ignore[attr-defined]
    connection.wait_for(5)  # type: ignore[call-overload]
    connection.wait_for("response.done", 5)  # type: ignore[call-overload]
    for event in connection.watch("response.done"):
        print(event.delta)  # type: ignore[attr-defined]

    @connection.on("response.done")  # type: ignore[arg-type]
    def complain(event: ErrorEvent) -> None: ...


def wrong_options() -> None:
    Local(respond="echo")  # type: ignore[call-arg]
    Local(port="8765")  # type: ignore[arg-type]
    Local(models=7)  # type: ignore[arg-type]


def not_opened(client: OpenAI) -> None:
    connection = client.realtime.connect(model="gpt-realtime-2")
    connection.recv()  # type: ignore[attr-defined]
    connection.session.update(session={"type": "realtime"})  # type: ignore[attr-defined]
    for _ in connection:  # type: ignore[attr-defined]
        pass


async def ported_in_part(client: OpenAI) -> None:
    print(Unported, Misspelt)
    print(client.beta.realtime)  # type: ignore[attr-defined]
    print(client.realtime.sessions)  # type: ignore[attr-defined]
    async with client.realtime.connect(model="m") as opened:  # type: ignore[attr-defined]
        print(opened)
    with client.realtime.connect(model="gpt-realtime-2") as connection:
        await connection.recv()  # type: ignore[misc]
        await connection.response.create()  # type: ignore[misc,func-returns-value]
        async for event in connection:  # type: ignore[attr-defined]
            print(event)


OpenAI("a key by position")  # type: ignore[call-arg]
