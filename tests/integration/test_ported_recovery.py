"""What the `openai` package's tests ask of a connection that is made anew, asked of ours.

They speak to a server of bytes, as those do; that the session and its history come back is shown
elsewhere. The table of all its behaviours is in `test_ported_behaviour`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from guards import Guard
from raw_server import RawPeer
from scripted_server import KEY, client, hang_on, hang_up, hear, say, scripted, target

from realtime_sync import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    QueueFullError,
    RealtimeConnection,
    ReconnectingEvent,
)
from realtime_sync._threads import spawn

GUARD_S = 30.0
CLEAR = {"type": "input_audio_buffer.clear"}
AGAIN: Any = {"model": "m", "initial_delay": 0}


def give_up(event: ReconnectingEvent) -> Mapping[str, Any]:
    return {"abort": True}


def accept_and_close(code: int) -> Any:
    def script(peer: RawPeer) -> None:
        peer.accept()
        hang_up(peer, code)

    return script


def accept_and_say(type: str) -> Any:
    def script(peer: RawPeer) -> None:
        peer.accept()
        say(peer, type)
        hang_on(peer)

    return script


def update(event_id: str, **session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": event_id, "session": session}


@pytest.mark.parametrize("by", ["recv", "iteration"])
@pytest.mark.parametrize(
    ("code", "options"),
    [
        (1011, {}),  # nobody asked for another
        (1011, {"on_reconnecting": give_up}),
        (1008, {"on_reconnecting": lambda event: None}),  # not worth an attempt
    ],
    ids=["off", "given up", "1008"],
)
def test_it_stops_without_another_connection(by: str, code: int, options: Any) -> None:
    with (
        scripted(accept_and_close(code)) as server,
        client(server).realtime.connect(**AGAIN, **options) as connection,
        pytest.raises(ConnectionClosedError) as caught,
    ):
        connection.recv(GUARD_S) if by == "recv" else next(iter(connection))
    assert caught.value.code == code
    assert "the script says so" in caught.value.reason
    assert not caught.value.reconnecting


@pytest.mark.parametrize(("code", "attempts"), [(1000, 0), (1001, 1), (1005, 1), (1012, 1)])
def test_which_closes_are_worth_an_attempt(code: int, attempts: int) -> None:
    told: list[int] = []

    def leave(peer: RawPeer) -> None:
        peer.accept()
        if code == 1005:  # stands for a close frame without a code
            peer.send(8)
            peer.expect_end()
        else:
            hang_up(peer, code)

    others = [accept_and_close(1000)] * attempts
    with (
        scripted(leave, *others) as server,
        client(server).realtime.connect(
            **AGAIN, on_reconnecting=lambda event: told.append(event.close_code)
        ) as connection,
    ):
        types = [event.type for event in connection]
    assert told == [code] * attempts
    assert types == ["reconnected"] * attempts


def test_a_server_that_accepts_complains_and_closes_is_given_up() -> None:
    attempts: list[tuple[int, int, int]] = []

    def complain(peer: RawPeer) -> None:
        peer.accept()
        say(peer, "error", error={"type": "server_error", "code": "busy", "message": "busy"})
        hang_up(peer, 1011)

    def note(event: ReconnectingEvent) -> None:
        attempts.append((event.attempt, event.max_attempts, event.close_code))

    types: list[str] = []
    with (
        scripted(complain, complain, complain) as server,
        client(server).realtime.connect(**AGAIN, max_retries=2, on_reconnecting=note) as connection,
        pytest.raises(ConnectionClosedError),
    ):
        types.extend(event.type for event in connection)
    assert attempts == [(1, 2, 1011), (2, 2, 1011)]


def test_a_new_connection_has_a_fresh_key_and_the_same_options() -> None:
    keys = iter(["one", "two"])
    upgrades: list[tuple[Any, ...]] = []

    def note(peer: RawPeer) -> None:
        peer.accept()
        names = ("Authorization", "X-Mine", "Sec-WebSocket-Extensions")
        upgrades.append((*target(peer), *map(peer.header, names)))

    def first(peer: RawPeer) -> None:
        note(peer)
        hang_up(peer, 1012)

    def second(peer: RawPeer) -> None:
        note(peer)
        say(peer, "n.1")
        assert hear(peer)["event_id"] == "next"
        hang_on(peer)

    with (
        scripted(first, second) as server,
        client(server, api_key=lambda: next(keys)).realtime.connect(
            **AGAIN,
            on_reconnecting=lambda event: None,
            extra_query={"tenant": "t"},
            extra_headers={"X-Mine": "kept"},
        ) as connection,
    ):
        assert [connection.recv(GUARD_S).type for _ in range(2)] == ["reconnected", "n.1"]
        connection.input_audio_buffer.clear(event_id="next")
    same = ("/v1/realtime", {"tenant": ["t"], "model": ["m"]})
    assert upgrades == [
        (*same, "Bearer one", "kept", None),
        (*same, "Bearer two", "kept", None),
    ]


def test_the_program_changes_query_and_headers_and_the_model_stays() -> None:
    def second(peer: RawPeer) -> None:
        peer.accept()
        assert target(peer)[1] == {"model": ["m"], "route": ["retry"]}
        assert (peer.header("X-Route"), peer.header("X-First")) == ("retry", None)
        assert peer.header("Authorization") == f"Bearer {KEY}"
        hang_on(peer)

    changes = {"extra_query": {"route": "retry"}, "extra_headers": {"X-Route": "retry"}}
    with (
        scripted(accept_and_close(1011), second) as server,
        client(server).realtime.connect(
            **AGAIN,
            on_reconnecting=lambda event: changes,
            extra_query={"route": "first"},
            extra_headers={"X-First": "yes"},
        ) as connection,
    ):
        assert connection.recv(GUARD_S).type == "reconnected"


def test_what_was_sent_is_not_sent_again_and_what_came_meanwhile_is() -> None:
    got: list[list[str]] = [[], []]
    raw = '{"type":"synthetic.raw","event_id":"raw","text":"é"}'
    connection: RealtimeConnection

    def first(peer: RawPeer) -> None:
        peer.accept()
        got[0] += [hear(peer)["event_id"] for _ in range(2)]
        hang_up(peer, 1011)

    def second(peer: RawPeer) -> None:
        peer.accept()
        got[1].append(hear(peer)["event_id"])
        assert peer.frame() == (1, raw.encode()), "as it was given, byte by byte"
        say(peer, "n.1")
        hang_on(peer)

    def send_meanwhile(event: ReconnectingEvent) -> None:
        opening.send(update("by the manager"))
        connection.send_raw(raw)

    with scripted(first, second) as server:
        opening = client(server).realtime.connect(**AGAIN, on_reconnecting=send_meanwhile)
        opening.send(update("before it was open"))
        with opening as connection:
            connection.send(update("attempted"))
            assert [connection.recv(GUARD_S).type for _ in range(2)] == ["reconnected", "n.1"]
    assert got == [["before it was open", "attempted"], ["by the manager"]]


def test_what_is_sent_just_before_the_close_goes_out() -> None:
    """The message may still be held for the new link when it is closed: a race, so often."""

    def second(peer: RawPeer) -> None:
        peer.accept()
        assert hear(peer)["event_id"] == "last words"
        hang_on(peer)

    for _ in range(30):
        with (
            scripted(accept_and_close(1012), second) as server,
            client(server).realtime.connect(
                **AGAIN, on_reconnecting=lambda event: None
            ) as connection,
        ):
            assert connection.recv(GUARD_S).type == "reconnected"
            connection.input_audio_buffer.clear(event_id="last words")


@pytest.mark.parametrize("queued_before", [False, True])
def test_the_queue_has_its_limit_while_reconnecting(queued_before: bool) -> None:
    refused: list[str] = []

    def first(peer: RawPeer) -> None:
        peer.accept()
        if queued_before:
            hear(peer)
        hang_up(peer, 1011)

    def second(peer: RawPeer) -> None:
        peer.accept()
        assert hear(peer)["event_id"] == "small"
        say(peer, "n.1")
        hang_on(peer)

    def fill(event: ReconnectingEvent) -> None:
        opening.send(update("small"))
        try:
            opening.send(update("large", instructions="é" * 30))
        except QueueFullError as exc:
            refused.append(str(exc))

    with scripted(first, second) as server:
        opening = client(server).realtime.connect(**AGAIN, max_queue_size=100, on_reconnecting=fill)
        if queued_before:
            opening.send(update("before"))
        with opening as connection:
            assert [connection.recv(GUARD_S).type for _ in range(2)] == ["reconnected", "n.1"]
    assert len(refused) == 1
    assert "max_queue_size is 100" in refused[0]


def test_what_was_not_sent_is_handed_back_when_the_program_gives_up() -> None:
    frames = ['{"type":"session.update"}', '{"type":"input_audio_buffer.clear"}', '{"a":"é"}']
    connection: RealtimeConnection

    def first(peer: RawPeer) -> None:
        peer.accept()
        hear(peer)  # so that the callback finds a connection
        hang_up(peer, 1012)

    def send_and_give_up(event: ReconnectingEvent) -> Mapping[str, Any]:
        for frame in frames:
            connection.send_raw(frame)
        return {"abort": True}

    with (
        scripted(first) as server,
        client(server).realtime.connect(**AGAIN, on_reconnecting=send_and_give_up) as connection,
    ):
        connection.send(update("heard"))
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv(GUARD_S)
    assert sorted(caught.value.unsent) == sorted(frames)
    assert "é" not in repr(str(caught.value)), "the words do not get into a log by the message"


@pytest.mark.parametrize("moment", ["in the callback", "in the handshake"])
def test_a_close_while_reconnecting_is_final(moment: str, guard: Guard) -> None:
    started, closed = threading.Event(), threading.Event()
    results: list[object] = []

    def wait_in_callback(event: ReconnectingEvent) -> None:
        if moment == "in the callback":
            started.set()
            guard.wait(closed, "the close")

    def second(peer: RawPeer) -> None:
        started.set()
        guard.wait(closed, "the close")
        with contextlib.suppress(OSError, EOFError):  # the client may be gone already
            peer.accept()
        peer.expect_end()

    def receive() -> None:
        try:
            results.append(connection.recv())
        except ConnectionClosed as exc:
            results.append(exc)

    scripts = [accept_and_close(1011)] + [second] * (moment == "in the handshake")
    with (
        scripted(*scripts) as server,
        client(server).realtime.connect(**AGAIN, on_reconnecting=wait_in_callback) as connection,
    ):
        receiver = spawn(receive, name="receiver")
        guard.wait(started, "the attempt")
        closer = spawn(connection.close, name="closer")
        guard.until(lambda: connection.closed, "the close to begin")
        closed.set()
        guard.join(closer)
        guard.join(receiver)
        for send in (connection.send, lambda event: connection.send_raw(json.dumps(event))):
            with pytest.raises(ConnectionClosed):
                send(CLEAR)
    assert isinstance(results[0], ConnectionClosedOK)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_of_the_callback_ends_it_and_is_shown(kind: type[BaseException]) -> None:
    failure = kind("from the callback")

    def fail(event: ReconnectingEvent) -> None:
        raise failure

    with (
        scripted(accept_and_close(1011)) as server,
        client(server).realtime.connect(**AGAIN, on_reconnecting=fail) as connection,
    ):
        with pytest.raises(ConnectionClosedError) as caught:
            connection.recv(GUARD_S)
        with pytest.raises(ConnectionClosedError):
            connection.send(CLEAR)
    assert caught.value.code == 1011, "the close that began it"
    assert caught.value.__cause__ is failure
