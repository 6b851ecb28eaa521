"""Mistakes that a type checker finds: an ignore that is not needed is an error itself."""

from __future__ import annotations

from realtime_sync import OpenAI, RealtimeConnection


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


OpenAI("a key by position")  # type: ignore[call-arg]
