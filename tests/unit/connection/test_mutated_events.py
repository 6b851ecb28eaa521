"""Whatever a server sends is at most one bad event, in every way in which a program takes events.

Only our own errors come out, and the next good event is delivered. The first of several ways of
doing a thing gets every mutation, each other one a sample of its own: each field with each odd
value.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from direct_link import DIALECTS, DirectLink
from mutations import BETA_TYPES, TYPES, Mutation, mutations, sample

from realtime_sync import (
    RealtimeConnection,
    RemoteProtocolError,
    ServerError,
)
from realtime_sync.connection.link.restore import Restoration
from realtime_sync.connection.link.sender import message
from realtime_sync.events import AudioDelta, ServerEvent, parse_event

ALL_TYPES = [*TYPES, *BETA_TYPES]
GOOD_TEXT = '{"type":"rate_limits.updated","event_id":"good","rate_limits":[]}'
LATE_TEXT = GOOD_TEXT.replace("good", "late")
RESPONSE: dict[str, Any] = {"id": "resp_1", "status": "in_progress", "output": []}
COMPLETED = {"status": "completed"}
DONE = {**RESPONSE, **COMPLETED}
DELTA = {"event_id": "d", "response_id": "resp_1", "item_id": "item_1", "content_index": 0}

F = TypeVar("F", bound=Callable[..., None])
of_each_type = pytest.mark.parametrize("type", ALL_TYPES)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of warnings are right here, and cost more than all else."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@contextlib.contextmanager
def naming(mutation: Mutation, way: object = "") -> Iterator[None]:
    """Say which mutation it was, and in which way it was taken."""
    try:
        yield
    except BaseException as exc:
        raise AssertionError(f"{mutation.name}: {exc!r} {way}") from exc


# -- ways of taking events -------------------------------------------------------------------------


class Delivered(BaseException):
    """The good event has reached a handler."""


def is_good(event: ServerEvent) -> bool:
    """Whether it is the good event; what comes behind it must not come before it."""
    assert event.event_id != "late", "the good event was not delivered"
    return event.event_id == "good"


def look_at(event: ServerEvent) -> None:
    """Read what a program may read."""
    assert isinstance(event.type, str)
    assert isinstance(event.to_dict(), dict)


def by_recv(connection: RealtimeConnection) -> None:
    while True:
        with contextlib.suppress(RemoteProtocolError):
            event = connection.recv(timeout=0)
            look_at(event)
            if is_good(event):
                return


def by_iteration(connection: RealtimeConnection) -> None:
    while True:
        with contextlib.suppress(RemoteProtocolError):
            for event in connection:
                look_at(event)
                if is_good(event):
                    return


def by_handlers(connection: RealtimeConnection) -> None:
    def handle(event: ServerEvent) -> None:
        look_at(event)
        if is_good(event):
            raise Delivered

    connection.on("event", handle)
    dispatch(connection)
    connection.off("event", handle)


def by_own_handlers(connection: RealtimeConnection) -> None:
    """Nobody handles errors, which `dispatch_events` raises then."""

    def handle(event: ServerEvent) -> None:
        if is_good(event):
            raise Delivered

    connection.on("rate_limits.updated", handle)
    dispatch(connection)
    connection.off("rate_limits.updated", handle)


def dispatch(connection: RealtimeConnection) -> None:
    with contextlib.suppress(Delivered):
        while True:
            with contextlib.suppress(RemoteProtocolError, ServerError):
                connection.dispatch_events()


def by_bytes(connection: RealtimeConnection) -> None:
    while (data := connection.recv_bytes(timeout=0)) != GOOD_TEXT.encode():
        assert data != LATE_TEXT.encode()


CONSUMERS = [by_recv, by_iteration, by_handlers, by_own_handlers, by_bytes]


def share(type: str, number: int) -> Sequence[Mutation]:
    """Return what the way with this number gets.

    A beta event is one of GA as soon as it is parsed, which is tested with all of them.
    """
    return mutations(type) if number == 0 and type in TYPES else sample(type, number)


def ways(*functions: F) -> list[tuple[F, tuple[str, ...]]]:
    """Return the first function with each dialect, and the others with all dialects by turns."""
    first, *others = functions
    alone = [(first, (dialect,)) for dialect in DIALECTS]
    return [*alone, *((function, tuple(DIALECTS)) for function in others)]


@of_each_type
def test_a_consumer_gets_the_next_good_event(type: str) -> None:
    for number, (consume, dialects) in enumerate(ways(*CONSUMERS)):
        links = [DirectLink(dialect) for dialect in dialects]
        for mutation, link in zip(share(type, number), itertools.cycle(links), strict=False):
            with naming(mutation, consume):
                link.arrive(mutation.text, GOOD_TEXT, LATE_TEXT)
                consume(link.connection)
                assert link.connection.recv(timeout=0).event_id == "late"


@pytest.mark.parametrize("by", ["type", "predicate"])
@of_each_type
def test_an_observer_finds_the_next_good_event(type: str, by: str) -> None:
    wanted: Any = "response.done" if by == "type" else is_good
    good = {"type": "response.done", "event_id": "good", "response": DONE}
    if type == good["type"]:
        wanted = is_good
    arriving: list[str | dict[str, Any]] = []
    link = DirectLink(react=lambda event: link.arrive(*arriving))
    for mutation in sample(type, 1 if by == "type" else 2):
        with naming(mutation):
            arriving[:] = [mutation.text, good, mutation.text]
            link.connection.send({"type": "session.update", "session": {}, "event_id": "mine"})
            # An error that names nothing can only mean what was sent.
            with contextlib.suppress(*([ServerError] if type == "error" else [])):
                assert link.connection.wait_for(wanted, timeout=0).to_dict() == good
            by_recv(link.connection)
            with contextlib.suppress(RemoteProtocolError):
                link.connection.recv(timeout=0)


# -- whole turns -----------------------------------------------------------------------------------


def answering(dialect: str, bad: str) -> DirectLink:
    """Return a connection whose server answers with bad events among the good ones."""

    def react(event: dict[str, Any]) -> None:
        if event["type"] != "response.create":
            return
        response = {**RESPONSE, "metadata": event.get("response", {}).get("metadata")}
        link.arrive(
            {"type": "response.created", "event_id": "c", "response": response},
            {"type": "response.output_text.delta", **DELTA, "delta": "Hel"},
            bad,
            {"type": "response.output_text.delta", **DELTA, "delta": "lo."},
            {"type": "response.output_audio.delta", **DELTA, "delta": "AAECAw=="},
            bad,
            {
                "type": "response.done",
                "event_id": "r",
                "response": {**response, "status": "completed"},
            },
            GOOD_TEXT,
        )

    link = DirectLink(dialect, react)
    return link


def ask(link: DirectLink) -> None:
    reply = link.connection.ask("Hello?", timeout=0)
    assert isinstance(reply.text + reply.transcript, str)
    assert isinstance(reply.audio, bytes)
    assert isinstance(reply.function_calls, list)
    assert repr(reply)


def stream(link: DirectLink) -> None:
    for event in link.connection.stream("Hello?", timeout=0):
        look_at(event)
        if isinstance(event, AudioDelta):
            with contextlib.suppress(RemoteProtocolError):
                event.audio  # noqa: B018  # reading it is what is tested


@of_each_type
def test_a_turn_goes_on(type: str) -> None:
    for number, (turn, dialects) in enumerate(ways(ask, stream)):
        # A turn does not look into a session; its connection does, for consumers as well.
        shared = sample(type, number) if "session." in type else share(type, number)
        for mutation, dialect in zip(shared, itertools.cycle(dialects), strict=False):
            with naming(mutation, turn):
                link = answering(dialect, mutation.text)
                # One that says that the response failed is believed.
                with contextlib.suppress(ServerError):
                    turn(link)
                link.end()
                by_recv(link.connection)


# -- restoring -------------------------------------------------------------------------------------


@of_each_type
def test_what_was_told_can_be_restored(type: str) -> None:
    """The session and the history of a conversation with bad events, on a new link."""
    for number, dialect in enumerate(DIALECTS):
        for mutation in share(type, number):
            with naming(mutation, dialect):
                link = DirectLink(dialect)
                link.arrive({"type": "response.created", "response": RESPONSE}, mutation.text)
                items, lost = link.state.replay()
                assert all(isinstance(item_id, str) for item_id in lost)
                restoration = Restoration(link.state.restorable_session, items, as_recap=False)
                for request in restoration.receive(CREATED):
                    assert message(request, None)


CREATED = parse_event('{"type":"session.created","session":{}}')
UPDATED = parse_event('{"type":"session.updated","session":{}}')
ITEM = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello."}],
}


# Before which of the three good events the bad one comes.
BAD_BEFORE = [(True, False, False), (False, True, False), (False, False, True), (True, True, True)]


@of_each_type
def test_a_restoration_goes_on(type: str) -> None:
    added = parse_event(
        '{"type":"conversation.item.added","item":{"id":"item_1","type":"message"}}'
    )
    for mutation in share(type, 0):
        with naming(mutation), contextlib.suppress(RemoteProtocolError):
            bad = parse_event(mutation.text)
            for places in BAD_BEFORE:
                restoration = Restoration({"instructions": "x"}, [ITEM], as_recap=False)
                good = (CREATED, UPDATED, added)
                with contextlib.suppress(ServerError):  # an error that nobody is named in
                    for is_bad, event in zip(places, good, strict=True):
                        for each in (bad, event) if is_bad else (event,):
                            for request in restoration.receive(each):
                                assert message(request, None)
                    assert restoration.done


def test_a_good_event_that_is_not_delivered_is_seen() -> None:
    """A check that can't fail proves nothing."""
    for consume in CONSUMERS:
        link = DirectLink()
        link.arrive('{"type":"error"}', LATE_TEXT)
        with pytest.raises(AssertionError):
            consume(link.connection)
