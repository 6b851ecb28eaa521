"""What is held, set aside and sent in the end, with links that fail on command."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync import ConnectionClosedError, ConnectionClosedOK, QueueFullError, ReconnectPolicy
from realtime_sync._threads import spawn
from realtime_sync.connection.link.queue import EventQueue
from realtime_sync.connection.link.sender import Sender
from realtime_sync.connection.state import ConnectionState
from realtime_sync.errors import ConnectionClosed, LocalProtocolError
from realtime_sync.events import UnknownEvent, parse_event
from realtime_sync.transport.memory import MemoryTransport

LINK_BOUND = [
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
    "response.cancel",
    "conversation.item.truncate",
    "session.input_audio_buffer.append",
]


class Link(MemoryTransport):
    """Notes what is sent; ``fail`` says what happens instead."""

    def __init__(self) -> None:
        super().__init__(answer_close=True)
        self.sent: list[str | bytes] = []
        self.fail: Callable[[], ConnectionClosed] | None = None

    def send(self, text: str | bytes) -> None:
        if self.fail is not None:
            raise self.fail()
        self.sent.append(text)

    @property
    def types(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.sent]


def sender_on(link: Link, *, policy: ReconnectPolicy | None = None, **options: Any) -> Sender:
    queue, state = EventQueue(1000), ConnectionState()
    return Sender(link, queue, state, policy=policy, **options)


POLICY = ReconnectPolicy()


def test_a_held_message_is_sent_later_in_its_place() -> None:
    old, new = Link(), Link()
    sender = sender_on(old, policy=POLICY)
    sender.send({"type": "n.1"})
    sender.hold("lost")
    sender.send({"type": "n.2"})
    assert sender.adopt(new, None) == []
    sender.send({"type": "n.3"})
    assert (old.types, new.types) == (["n.1"], ["n.2", "n.3"])


@pytest.mark.parametrize("kind", LINK_BOUND)
def test_what_was_the_lost_links_is_handed_back(kind: str) -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("lost")
    sender.send({"type": kind, "event_id": "mine"})
    assert [json.loads(text)["event_id"] for text in sender.adopt(new, None)] == ["mine"]
    assert new.sent == []


@pytest.mark.parametrize("kind", LINK_BOUND)
def test_in_a_renewal_nothing_is_the_old_links(kind: str) -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("renewal")
    sender.send({"type": kind})
    assert sender.adopt(new, None) == []
    assert new.types == [kind]


def test_a_renewal_that_becomes_a_loss() -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("renewal")
    for kind in ("n.1", "response.cancel", "n.2"):
        sender.send({"type": kind})
    sender.hold("lost")
    assert [json.loads(text)["type"] for text in sender.adopt(new, None)] == ["response.cancel"]
    assert new.types == ["n.1", "n.2"]


def test_of_long_speech_that_was_set_aside_the_end_is_kept() -> None:
    sender = sender_on(Link(), policy=POLICY, max_queue_size=1000)
    sender.hold("lost")
    for number in range(100):
        sender.send({"type": "input_audio_buffer.append", "event_id": f"{number}"})
    kept = [int(json.loads(text)["event_id"]) for text in sender.adopt(Link(), None)]
    assert kept == list(range(kept[0], 100))
    assert kept[0] > 0


def test_the_bound_counts_bytes_and_says_what_to_do() -> None:
    sender = sender_on(Link(), policy=POLICY, max_queue_size=10)
    sender.hold("lost")
    sender.send_raw("é" * 4)
    with pytest.raises(QueueFullError, match=r"8 bytes wait .* max_queue_size is 10"):
        sender.send_raw("éé")
    sender.send_raw("é")


def test_a_message_that_a_dying_link_did_not_take_waits_for_the_next() -> None:
    old, new = Link(), Link()
    old.fail = lambda: ConnectionClosedError(1006, "gone")
    sender = sender_on(old, policy=POLICY)
    sender.send({"type": "n.1"})
    sender.adopt(new, None)
    assert new.types == ["n.1"]


@pytest.mark.parametrize(
    ("policy", "closed"),
    [
        (None, ConnectionClosedError(1006, "gone")),
        (POLICY, ConnectionClosedError(1008, "no")),
        (POLICY, ConnectionClosedOK(1000, "bye")),
    ],
)
def test_an_end_for_good_is_told_to_who_sends(
    policy: ReconnectPolicy | None, closed: ConnectionClosed
) -> None:
    link = Link()
    link.fail = lambda: closed
    sender = sender_on(link, policy=policy)
    with pytest.raises(type(closed)) as caught:
        sender.send({"type": "n.1"})
    assert caught.value is closed


@pytest.mark.parametrize("policy", [None, POLICY])
def test_a_send_that_hung_in_a_link_that_was_replaced_goes_to_its_successor(
    policy: ReconnectPolicy | None,
) -> None:
    """The new link is in use when the old one's send gives up: nobody else would wake it."""
    old, new = Link(), Link()
    sender = sender_on(old, policy=policy)

    def fail() -> ConnectionClosed:
        sender.hold("renewal")
        sender.adopt(new, None)
        return ConnectionClosedError(1006, "gone")

    old.fail = fail
    sender.send({"type": "n.1"})
    sender.send({"type": "n.2"})
    assert new.types == ["n.1", "n.2"]


def test_a_link_that_is_lost_while_held_messages_are_sent() -> None:
    first, second = Link(), Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("lost")
    for number in (1, 2, 3):
        sender.send({"type": f"n.{number}"})

    def fail_at_the_second() -> ConnectionClosed:
        return ConnectionClosedError(1006, "gone")

    send = first.send

    def send_one(text: str | bytes) -> None:
        send(text)
        first.fail = fail_at_the_second

    first.send = send_one  # type: ignore[method-assign]
    sender.adopt(first, None)
    sender.send({"type": "n.4"})
    sender.hold("lost")
    sender.adopt(second, None)
    assert (first.types, second.types) == (["n.1"], ["n.2", "n.3", "n.4"])


def test_what_a_lost_link_was_given_and_did_not_send_goes_first() -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("lost")
    sender.send({"type": "n.2"})
    sender.take_back(['{"type":"n.1"}', '{"type":"response.cancel"}'])
    sender.adopt(new, None)
    assert new.types == ["n.1", "n.2"], "and what only the lost link had is of no use"


OUTPUT: dict[str, Any] = {
    "type": "conversation.item.create",
    "event_id": "mine",
    "item": {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
}


def told_again(state: ConnectionState) -> list[str]:
    return [item["call_id"] for item in state.replay()[0]]


@pytest.mark.parametrize("way", ["hold", "fail"])
def test_what_was_held_is_told_again_by_a_link_that_is_lost_in_its_turn(way: str) -> None:
    old, queue, state = Link(), EventQueue(1000), ConnectionState()
    sender = Sender(old, queue, state, policy=POLICY)
    if way == "hold":
        sender.hold("lost")
    old.fail = lambda: ConnectionClosedError(1006, "gone")
    sender.send(OUTPUT)
    sender.hold("lost")
    state.link_lost(state.requested)
    assert told_again(state) == [], "it is sent over the next link"
    second = Link()
    sender.adopt(second, None)
    assert second.types == ["conversation.item.create"]
    sender.hold("lost")
    state.link_lost(state.requested)
    assert told_again(state) == ["call_1"]
    third = Link()
    sender.adopt(third, None)
    assert third.types == []


class LostMeanwhile(Link):
    """A link that takes a message, and is found lost before the sender comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: Callable[[], object] = lambda: None

    def send(self, text: str | bytes) -> None:
        super().send(text)
        self.lost()


@pytest.mark.parametrize(
    ("event", "goes_on"), [(OUTPUT, True), ({"type": "input_audio_buffer.commit"}, False)]
)
@pytest.mark.parametrize("replaced", [False, True])
def test_a_link_that_is_lost_before_the_sender_comes_back(
    event: dict[str, Any], *, goes_on: bool, replaced: bool
) -> None:
    old, new, queue, state = LostMeanwhile(), Link(), EventQueue(1000), ConnectionState()
    sender = Sender(old, queue, state, policy=POLICY)

    def lose() -> None:
        sender.hold("lost")
        state.link_lost(state.requested)
        assert told_again(state) == []
        if replaced:
            sender.adopt(new, None)

    old.lost = lose
    sender.send(event)
    if not replaced:
        sender.adopt(new, None)
    assert new.types == [event["type"]] * goes_on
    sender.hold("lost")
    state.link_lost(state.requested)
    assert told_again(state) == ["call_1"] * goes_on


def test_what_was_answered_before_its_link_was_lost_is_not_sent_again() -> None:
    old, new, queue, state = LostMeanwhile(), Link(), EventQueue(1000), ConnectionState()
    sender = Sender(old, queue, state, policy=POLICY)

    def lose() -> None:
        told = {"id": "item_1", "status": "completed", **OUTPUT["item"]}
        added = {"type": "conversation.item.added", "event_id": "e", "item": told}
        state.receive(parse_event(json.dumps(added)))
        sender.hold("lost")
        state.link_lost(state.requested)

    old.lost = lose
    sender.send(OUTPUT)
    sender.adopt(new, None)
    assert new.types == []
    assert told_again(state) == ["call_1"], "the history has it"


def test_what_was_queued_in_a_lost_link_is_sent_once() -> None:
    old, new, queue, state = Link(), Link(), EventQueue(1000), ConnectionState()
    sender = Sender(old, queue, state, policy=POLICY)
    sender.post(OUTPUT)
    sender.hold("lost")
    sender.take_back([text for text in old.sent if isinstance(text, str)])
    state.link_lost(state.requested)
    assert told_again(state) == []
    sender.adopt(new, None)
    assert new.types == ["conversation.item.create"]


def test_a_renewal_that_was_given_up_sends_what_was_held() -> None:
    link = Link()
    sender = sender_on(link, policy=POLICY)
    sender.hold("renewal")
    sender.send({"type": "n.1"})
    assert link.types == []
    sender.release(link)
    sender.send({"type": "n.2"})
    assert link.types == ["n.1", "n.2"]


def test_what_is_posted_while_the_link_is_made_anew_waits_as_well() -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.hold("lost")
    sender.post({"type": "n.1", "event_id": "e"})
    sender.adopt(new, None)
    sender.post({"type": "n.2", "event_id": "e"})
    assert new.types == ["n.1", "n.2"]


def test_a_request_that_was_not_sent_is_none() -> None:
    link, queue, state = Link(), EventQueue(1000), ConnectionState()
    sender = Sender(link, queue, state)

    def strike() -> ConnectionClosed:
        raise KeyboardInterrupt

    link.fail = strike
    with pytest.raises(KeyboardInterrupt):
        sender.send({"type": "response.create"})
    assert not state.busy
    link.fail = None
    sender.send({"type": "response.create"})
    assert state.busy


def test_a_request_always_has_an_id() -> None:
    link, queue, state = Link(), EventQueue(1000), ConnectionState()
    sender = Sender(link, queue, state)
    sender.send({"type": "response.create", "event_id": None})
    assert state.requested == {sender.last_event_id}
    with pytest.raises(LocalProtocolError, match="event_id is"):
        sender.send({"type": "response.create", "event_id": ["none"]})
    assert len(state.requested) == 1


def test_a_request_that_waits_is_withdrawn() -> None:
    link, queue, state = Link(), EventQueue(1000), ConnectionState()
    sender = Sender(link, queue, state)
    for event_id in ("first", "second"):
        sender.send_when_idle({"type": "response.create", "event_id": event_id})
    assert link.types == ["response.create"]
    assert not sender.withdraw("first")
    assert sender.withdraw("second")
    assert state.busy


def test_a_request_that_waits_can_be_written_when_its_time_comes() -> None:
    link, queue, state = Link(), EventQueue(1000), ConnectionState()
    sender = Sender(link, queue, state)
    sender.send_when_idle({"type": "response.create", "event_id": "first"})
    bad = {"type": "response.create", "event_id": "bad", "response": {"metadata": object()}}
    with pytest.raises(LocalProtocolError):
        sender.send_when_idle(bad)
    assert not sender.withdraw("bad")


def test_what_was_not_sent_is_given_back_at_the_end() -> None:
    link = Link()
    link.fail = lambda: ConnectionClosedError(1006, "gone")
    sender = sender_on(link, policy=POLICY)
    sender.hold("lost")
    sender.send_raw("text")
    sender.send_raw(b"bytes \xff")
    sender.append('{"type":"input_audio_buffer.append"}')
    unsent = sender.give_up()
    assert unsent == ['{"type":"input_audio_buffer.append"}', "text", "bytes �"]
    sender.hold("lost")  # too late
    with pytest.raises(ConnectionClosedError):
        sender.send_raw("more")


# -- what a thread has sent ------------------------------------------------------------------------


def test_a_thread_that_never_sent_looks_from_the_beginning() -> None:
    queue = EventQueue(1000)
    sender = Sender(Link(), queue, ConnectionState())
    queue.put(UnknownEvent(type="n.1", data={}), 10)
    assert (sender.mark, sender.last_event_id, sender.requests) == (0, None, ())
    sender.send({"type": "n.1", "event_id": "mine"})
    assert (sender.mark, sender.last_event_id, sender.requests) == (1, "mine", ("mine",))
    seen: list[Any] = []
    thread = spawn(lambda: seen.append((sender.mark, sender.requests)), name="test")
    thread.join()
    assert seen == [(0, ())], "another thread's affair"


def test_where_a_thread_looks_next_is_its_own_affair() -> None:
    sender = sender_on(Link())
    sender.places["n.1"] = 5
    seen: list[Any] = []

    def look() -> None:
        seen.append(dict(sender.places))
        sender.places["n.1"] = 9

    spawn(look, name="test").join()
    assert (seen, sender.places) == ([{}], {"n.1": 5})


def test_of_a_threads_requests_the_latest_are_remembered() -> None:
    sender = sender_on(Link())
    for number in range(70):
        sender.send({"type": "n.1", "event_id": f"e{number}"})
    assert sender.requests == tuple(f"e{number}" for number in range(6, 70))
    sender.post({"type": "n.1", "event_id": "posted"})
    assert "posted" not in sender.requests, "which is no thread's"


def test_what_a_thread_knows_the_end_of_is_forgotten() -> None:
    sender = sender_on(Link())
    for event_id in ("one", "two"):
        sender.send({"type": "n.1", "event_id": event_id})
    sender.forget("one")
    sender.forget("unknown")
    assert (sender.requests, sender.last_event_id) == (("two",), "two")
    sender.forget("two")
    assert (sender.requests, sender.last_event_id) == ((), None)


def test_an_event_without_an_id_gets_one() -> None:
    link = Link()
    sender = sender_on(link)
    sender.send({"type": "n.1"})
    sender.send({"type": "n.1", "event_id": None})
    ids = [json.loads(text)["event_id"] for text in link.sent]
    assert len(set(ids)) == 2
    assert sender.requests == tuple(ids)


def append(number: int, size: int = 100) -> str:
    return json.dumps({"type": f"n.{number}", "audio": "A" * size})


def test_the_end_of_what_was_said_goes_along() -> None:
    old, new = Link(), Link()
    sender = sender_on(old, policy=POLICY)
    for number in (1, 2):
        sender.append(append(number))
    sender.hold("renewal")
    sender.append(append(3))
    sender.adopt(new, None, with_tail=True)
    assert new.types == ["n.1", "n.2", "n.3"]
    sender.hold("renewal")
    newest = Link()
    sender.adopt(newest, None, with_tail=True)
    assert newest.types == [], "nothing goes along twice"


@pytest.mark.parametrize("end", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
def test_what_was_committed_does_not_go_along(end: str) -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    sender.append(append(1))
    sender.send({"type": end})
    sender.append(append(2))
    sender.hold("renewal")
    sender.adopt(new, None, with_tail=True)
    assert new.types == ["n.2"]


@pytest.mark.parametrize("chunks", [36, 100])
def test_only_the_last_moment_goes_along(chunks: int) -> None:
    new = Link()
    sender = sender_on(Link(), policy=POLICY)
    for number in range(chunks):
        sender.append(append(number, 1280))  # 20 ms each
    sender.append(append(chunks, 10))
    sender.hold("renewal")
    sender.adopt(new, None, with_tail=True)
    assert 10 < len(new.types) < 25
    assert new.types[-1] == f"n.{chunks}"


@pytest.mark.parametrize("policy", [None, ReconnectPolicy(rotate=False)])
def test_nothing_is_kept_where_nothing_is_renewed(policy: ReconnectPolicy | None) -> None:
    new = Link()
    sender = sender_on(Link(), policy=policy)
    sender.append(append(1))
    sender.hold("renewal")
    sender.adopt(new, None, with_tail=True)
    assert new.sent == []
