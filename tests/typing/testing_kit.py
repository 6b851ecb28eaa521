"""Tests of a user's, typed: a script, its client, sound and the fixtures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    ScriptError,
    Step,
    Traffic,
    UnconsumedSteps,
    VirtualClock,
    close_link,
    drop_link,
    error,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.voice import VoiceLoop


def react(message: dict[str, Any]) -> Traffic:
    return [*text_answer(str(message["type"])), *drop_link()]


def is_output(message: dict[str, Any]) -> bool:
    return "output" in message.get("item", {})


def ask() -> str:
    server = ScriptedServer(
        [
            Step("session.update"),
            Step({"item": {"type": "function_call_output"}}, error("no", code="bad")),
            Step(is_output, react),
            spoken_answer("Hello.", order="sound_first"),
            one_response(text_answer("Wait."), function_call("f", {"a": 1}, "call_1")),
            [*text_answer("Half.")[:3], *close_link(1011)],
        ],
        session={"instructions": "Be brief."},
        strict=True,
    )
    with server, ScriptedClient(server).realtime.connect() as connection:
        server.emit(user_turn("Hi."), text_answer("Hello."))
        url: str = server.urls[0]
        item: str = server.wait_sent("conversation.item.delete", count=2)["item_id"]
        return (connection.ask("Hi!").text or "") + url + item


def talk(server: ScriptedServer) -> bytes:
    clock = VirtualClock()
    source, sink = MemorySource(rate=16000), MemorySink(rate=16000, clock=clock)
    with ScriptedClient(server).realtime.connect() as connection:
        loop = VoiceLoop(connection, source, sink, clock=clock)
        source.say(bytes(320))
        source.end()
        loop.run()
        sink.wait_written(100, timeout=5)
        clock.advance(0.1)
    return sink.heard("item_a") + sink.played + server.heard


def left(check: Callable[[], None]) -> int:
    try:
        check()
    except UnconsumedSteps as exc:
        return exc.remaining_steps
    except ScriptError:
        return -1
    return 0
