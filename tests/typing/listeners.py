"""Listeners as the documents show them: a type in quotes tells which event comes. Only checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typing_extensions import assert_type

from realtime_sync import Local, RealtimeConnection
from realtime_sync.events import (
    ErrorEvent,
    Reconnected,
    ResponseDone,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionUpdated,
)


def wait(connection: RealtimeConnection, name: str) -> None:
    assert_type(connection.wait_for("response.done", timeout=10), ResponseDone)
    assert_type(connection.wait_for("session.updated"), SessionUpdated)
    assert_type(connection.wait_for("reconnected", timeout=None), Reconnected)
    assert_type(connection.wait_for("response.text.delta"), ServerEvent)  # a beta name
    assert_type(connection.wait_for(name), ServerEvent)
    assert_type(connection.wait_for(lambda event: event.type == "error"), ServerEvent)
    print(connection.wait_for("response.done").response.status)


def watch(connection: RealtimeConnection) -> None:
    assert_type(connection.watch("response.done", timeout=10), Iterator[ResponseDone])
    assert_type(connection.watch(lambda event: True), Iterator[ServerEvent])
    for done in connection.watch("response.done"):
        print(done.response.usage)


def handle(connection: RealtimeConnection) -> None:
    @connection.on("response.output_text.delta")
    def show(event: ResponseOutputTextDelta) -> None:
        print(event.delta, end="")

    @connection.once("error")
    def complain(event: ErrorEvent) -> str:
        return event.error.message

    @connection.on("event")
    def count(event: ServerEvent) -> None:
        print(event.type)

    @connection.on("response.text.delta")
    def loose(event: Any) -> None:
        print(event.delta)

    assert_type(complain(ErrorEvent.__new__(ErrorEvent)), str)
    chained = connection.on("error", complain).once("response.done", lambda e: e.response.id)
    assert_type(chained, RealtimeConnection)
    connection.once("response.done", lambda event: connection.close())
    connection.off("error", complain).on("n.1", print)


def before_it_is_open(client: Local) -> None:
    manager = client.realtime.connect()
    manager.on("response.done", lambda event: event.response.id).send({"type": "response.create"})
    connection: RealtimeConnection = manager.enter()
    connection.close()
