"""The loop of a session's socket, with a socket that the test plays."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from realtime_sync.local.web import session_loop
from realtime_sync.local.web.session_loop import SessionLoop

GONE = {"type": "websocket.disconnect"}


class Socket:
    """A WebSocket whose client sends these messages, and goes when it has so many answers."""

    def __init__(self, *messages: dict[str, Any], answers: int | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._wanted = answers
        self._answered = asyncio.Event()
        self.closed: tuple[int, str | None] | None = None
        self._messages = list(messages)

    async def receive(self) -> dict[str, Any]:
        if self._messages:
            return self._messages.pop(0)
        await self._answered.wait()
        return GONE

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))
        if len(self.sent) == self._wanted:
            self._answered.set()

    async def close(self, code: int, reason: str | None = None) -> None:
        self.closed = (code, reason)


class Session:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def open(self) -> None:
        self.calls.append("open")

    def handle(self, request: Any) -> Iterator[None]:
        self.calls.append(request)
        yield

    def close(self) -> None:
        self.calls.append("close")


def serve(socket: Socket, *, limit_s: float = 600.0) -> Session:
    async def run() -> Session:
        session = Session()
        loop = SessionLoop(socket, session_limit_s=limit_s)  # type: ignore[arg-type]  # as far as it is used
        await loop.run(session)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "no task is left behind"
        return session

    return asyncio.run(run())


def text(value: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": value}


def test_messages_reach_the_session_in_order_until_the_client_goes() -> None:
    session = serve(Socket(text('{"n": 1}'), text("[]"), GONE))
    assert session.calls == ["open", {"n": 1}, [], "close"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (text("{"), "invalid_json"),
        (text('{"a": NaN}'), "invalid_json"),
        (text('{"a": 1e999}'), "invalid_json"),
        (text(f"[{'0,' * 50_001}0]"), "too_many_values"),
        ({"type": "websocket.receive", "bytes": b"{}"}, "invalid_message_type"),
    ],
)
def test_what_is_no_event_is_refused_and_the_session_goes_on(
    message: dict[str, Any], code: str
) -> None:
    socket = Socket(message, text('{"n": 1}'), answers=1)
    session = serve(socket)
    assert socket.sent[0]["error"]["code"] == code
    assert session.calls == ["open", {"n": 1}, "close"]


def test_a_large_message_may_have_few_values_or_many() -> None:
    many = [0] * 50_000
    session = serve(Socket(text(json.dumps(many)), text(json.dumps("x" * 100_000)), GONE))
    assert session.calls == ["open", many, "x" * 100_000, "close"]


def test_waiting_messages_are_taken_one_in_a_turn() -> None:
    async def run() -> list[int]:
        turns, taken_in = 0, []

        class Noting(Session):
            def handle(self, request: Any) -> Iterator[None]:
                taken_in.append(turns)
                return iter(())

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        socket = Socket(*[text("{}"), text("{")] * 10, GONE)
        await SessionLoop(socket, session_limit_s=600).run(Noting(), count())  # type: ignore[arg-type]  # as above
        return taken_in

    taken_in = asyncio.run(run())
    steps = [after - before for before, after in pairwise(taken_in)]
    assert steps == [2] * 9, "one for the event, one for what is none"


def test_nothing_of_a_message_is_held_while_the_next_is_awaited() -> None:
    class Message(dict[str, Any]):
        """One that can be referred to weakly."""

    class Forgetful(Socket):
        last: weakref.ref[Message] = weakref.ref(Message())
        taken = 0

        async def receive(self) -> dict[str, Any]:
            assert self.last() is None, "up to 21 MiB, while the client is silent"
            if self.taken == 2:
                return GONE
            self.taken += 1
            message = Message(text('{"n": 1}') if self.taken == 1 else {"type": "binary"})
            self.last = weakref.ref(message)
            return message

    assert serve(Forgetful()).calls == ["open", {"n": 1}, "close"]


def test_nothing_of_a_session_waits_for_the_garbage_collector() -> None:
    """Its client has gone, with 15 MiB on the way to it; hundreds of clients may do that."""

    class Answer:
        pass

    class Broken(Socket):
        async def send_text(self, text: str) -> None:
            answer = Answer()  # as the text, in this frame
            answers.append(weakref.ref(answer))
            raise WebSocketDisconnect

    async def run() -> None:
        loop = SessionLoop(Broken(), session_limit_s=600)  # type: ignore[arg-type]  # as above
        loop.outbox.put({"type": "answer"})
        await loop.run(Session())
        await asyncio.sleep(0)

    answers: list[weakref.ref[Answer]] = []
    gc.disable()
    try:
        asyncio.run(run())
        assert [answer() for answer in answers] == [None]
    finally:
        gc.enable()


def test_a_session_expires() -> None:
    socket = Socket()
    session = serve(socket, limit_s=0.01)
    assert [event["error"]["code"] for event in socket.sent] == ["session_expired"]
    assert socket.closed is not None
    assert socket.closed[0] == 1001
    assert session.calls == ["open", "close"]


def test_the_end_of_work_beside_it_ends_the_session() -> None:
    async def run() -> None:
        loop = SessionLoop(socket, session_limit_s=600)  # type: ignore[arg-type]  # as above
        never = loop.spawn(asyncio.Event().wait())  # type: ignore[arg-type]  # its result is not used
        await loop.run(session, loop.close(1000, "enough"))
        assert never.cancelled()

    socket, session = Socket(), Session()
    asyncio.run(run())
    assert socket.closed == (1000, "enough")
    assert session.calls == ["open", "close"]


def test_a_failure_beside_it_is_raised_and_the_session_closed() -> None:
    async def fail() -> None:
        raise RuntimeError("no engine")

    async def run() -> None:
        await SessionLoop(Socket(), session_limit_s=600).run(session, fail())  # type: ignore[arg-type]  # as above

    session = Session()
    with pytest.raises(RuntimeError, match="no engine"):
        asyncio.run(run())
    assert session.calls == ["open", "close"]


def test_a_protocol_with_errors_of_its_own() -> None:
    async def run() -> None:
        socket = Socket(text("{"), answers=1)
        loop = SessionLoop(
            socket,  # type: ignore[arg-type]  # as far as it is used
            session_limit_s=600.0,
            error_message=lambda error: {"oh": error.code},
        )
        await loop.run(Session())
        assert socket.sent == [{"oh": "invalid_json"}]

    asyncio.run(run())


def test_a_session_expires_whose_client_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_loop, "_FLUSH_S", 0.01)

    class Full(Socket):
        async def send_text(self, text: str) -> None:
            await asyncio.Event().wait()

        async def close(self, code: int, reason: str | None = None) -> None:
            await asyncio.Event().wait()

    assert serve(Full(), limit_s=0.01).calls == ["open", "close"]
