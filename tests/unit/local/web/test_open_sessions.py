"""The door in front of the application, with connections that the test plays."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from guards import GUARD_S
from seconds import turns

from realtime_sync.local.web.open_sessions import Doorkeeper, OpenSessions

Message = dict[str, Any]


class Client:
    """The far end of a connection, as the server's protocol class shows it."""

    def __init__(self, *, lost: bool = False) -> None:
        self.sent: list[Message] = []
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self._lost = lost

    async def receive(self) -> Message:
        return await self.messages.get()

    async def send(self, message: Message) -> None:
        if self._lost and message["type"] == "websocket.close":
            raise OSError("gone")
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.leave(message["code"])

    def leave(self, code: int) -> None:
        self.messages.put_nowait({"type": "websocket.disconnect", "code": code})


async def session(scope: Message, receive: Any, send: Any) -> None:
    """An application that sends a message for each that it receives."""
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": "and you?"})
    await send({"type": "websocket.send", "text": "too late"})


async def answer(scope: Message, receive: Any, send: Any) -> None:
    """An application that serves requests."""
    await send({"type": "http.response.start", "status": 200})


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), GUARD_S))


def enter(
    sessions: OpenSessions,
    client: Client,
    *,
    app: Any = session,
    hide: Callable[[str], str] = str,
    type: str = "websocket",
    **scope: Any,
) -> asyncio.Task[None]:
    scope = {"type": type, "path": "/v1/realtime", "client": ("::1", 5), **scope}
    door = Doorkeeper(app, sessions, hide)
    return asyncio.ensure_future(door(scope, client.receive, client.send))


def kinds(client: Client) -> list[str]:
    return [message["type"] for message in client.sent]


def test_sessions_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "realtime_sync.local")

    async def scene() -> None:
        sessions = OpenSessions()
        clients = [Client(), Client()]
        tasks = [enter(sessions, client) for client in clients]
        await turns()
        assert len(sessions) == 2
        ended = asyncio.ensure_future(sessions.none_open())
        clients[0].messages.put_nowait({"type": "websocket.receive", "text": "hello"})
        clients[0].leave(1000)
        await tasks[0]
        assert kinds(clients[0])[:2] == ["websocket.accept", "websocket.send"]
        assert len(sessions) == 1
        assert not ended.done()
        clients[1].leave(1006)
        await asyncio.gather(*tasks, ended)

    play(scene)
    lines = caplog.messages
    assert lines[0] == "session 1 opened: '/v1/realtime' from ::1:5 (1 open)"
    assert lines[1] == "session 2 opened: '/v1/realtime' from ::1:5 (2 open)"
    assert lines[2].startswith("session 1 closed with 1000 after 0.")
    assert lines[3].startswith("session 2 closed with 1006 after 0.")
    assert lines[3].endswith(" (0 open)")


def test_all_are_closed_and_their_clients_answer_is_awaited() -> None:
    async def scene() -> None:
        sessions = OpenSessions()
        client = Client()
        task = enter(sessions, client)
        await turns()
        ending = asyncio.ensure_future(sessions.end_all(1001, "bye"))
        await turns()
        assert client.sent[-1] == {"type": "websocket.close", "code": 1001, "reason": "bye"}
        assert not ending.done()
        assert len(sessions) == 1
        client.leave(1005)  # the connection is closed
        await asyncio.gather(ending, task)
        assert kinds(client) == ["websocket.accept", "websocket.close"], "nothing after the close"
        assert not sessions

    play(scene)


def test_a_client_that_has_just_gone_is_not_awaited() -> None:
    async def scene() -> None:
        sessions = OpenSessions()
        client = Client(lost=True)
        task = enter(sessions, client)
        await turns()
        ending = asyncio.ensure_future(sessions.end_all(1001, "bye"))
        await turns()
        client.leave(1006)
        await asyncio.gather(ending, task)

    play(scene)


def test_one_that_closes_itself_is_not_closed_again() -> None:
    async def closes(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1011})
        await receive()
        await receive()

    async def scene() -> None:
        sessions = OpenSessions()
        client = Client()
        task = enter(sessions, client, app=closes)
        await turns()
        ending = asyncio.ensure_future(sessions.end_all(1001, "bye"))
        client.leave(1005)
        await asyncio.gather(ending, task)
        assert [message.get("code") for message in client.sent] == [None, 1011]

    play(scene)


def test_a_session_that_fails_is_over() -> None:
    async def fails(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise ZeroDivisionError

    async def scene() -> None:
        sessions = OpenSessions()
        with pytest.raises(ZeroDivisionError):
            await enter(sessions, Client(), app=fails)
        assert not sessions
        await sessions.none_open()

    play(scene)


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({}, 503),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/client_secrets"}, 503),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/calls"}, 503),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/calls/c/accept"}, 503),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/calls/c/hangup"}, 200),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/calls/c/reject"}, 200),
        ({"type": "http", "method": "POST", "path": "/v1/realtime/calls/c/refer"}, 200),
        ({"type": "http", "method": "GET", "path": "/healthz"}, 200),
        ({"type": "http", "method": "OPTIONS", "path": "/v1/realtime/client_secrets"}, 200),
    ],
)
def test_what_is_refused_while_it_drains(scope: dict[str, str], status: int) -> None:
    async def scene() -> None:
        sessions = OpenSessions()
        client = Client()
        await enter(sessions, client, app=answer, **scope)  # type: ignore[arg-type]  # a path and so on
        assert client.sent[0]["status"] == 200
        sessions.draining = True
        client = Client()
        await enter(sessions, client, app=answer, **scope)  # type: ignore[arg-type]
        assert client.sent[0]["status"] == status
        if status == 503:
            assert json.loads(client.sent[1]["body"])["error"]["code"] == "server_shutting_down"
        assert not sessions

    play(scene)


def test_what_is_served_and_refused_is_told_without_the_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "realtime_sync.local")

    async def refuses(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401})

    async def scene() -> None:
        query = {"query_string": b"api_key=sk-1", "headers": [(b"authorization", b"Bearer sk-2")]}
        await enter(OpenSessions(), Client(), app=refuses, path="/v1/\n" + "x" * 300, **query)
        await enter(OpenSessions(), Client(), app=answer, type="http", method="GET", **query)

    play(scene)
    refused, served = caplog.records
    assert refused.levelname == "INFO"
    assert refused.getMessage() == (
        "answered 401: WebSocket " + repr("/v1/\n" + "x" * 195) + " from ::1:5"
    )
    assert served.levelname == "DEBUG"
    assert served.getMessage() == "answered 200: GET '/v1/realtime' from ::1:5"


def test_a_key_in_a_path_is_not_told_either_whole_or_in_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "realtime_sync.local")

    async def scene() -> None:
        path = "/" + "x" * 190 + "/the-key-of-all"
        client = Client()
        client.leave(1000)

        def hide(text: str) -> str:
            return text.replace("the-key-of-all", "***")

        await enter(OpenSessions(), client, path=path, hide=hide)

    play(scene)
    opened, closed = caplog.messages
    assert "xxx/***' from" in opened
    assert "key" not in opened + closed
