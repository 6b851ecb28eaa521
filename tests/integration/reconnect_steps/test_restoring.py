"""What of the session and its history is on the new link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from scripted_links import (
    AT_ONCE,
    GUARD_S,
    ScriptedLink,
    ScriptedLinks,
    lose,
    reconnected,
)

from realtime_sync import (
    LocalProtocolError,
    RealtimeConnection,
    ReconnectPolicy,
)


def test_the_session_and_its_history_come_back_unseen(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("sys", "You are kind.", role="system")
    link.says("u1", "What is the weather?")
    call = {"id": "c1", "type": "function_call", "call_id": "call_1", "name": "get_weather"}
    link.item({**call, "arguments": '{"city":"London"}', "status": "completed"})
    link.item({"id": "o1", "type": "function_call_output", "call_id": "call_1", "output": "fair"})
    link.says("a1", "It is fair.", role="assistant")
    events = [connection.recv(GUARD_S).type for _ in range(10)]
    link.peer.drop()
    after = links.next()
    taken = after.take_back(5)
    after.send("a.1")
    assert taken[0] == {"type": "realtime", "instructions": "Be brief."}
    assert [item["id"] for item in taken[1:]] == ["sys", "u1", "c1", "o1", "a1"]
    assert taken[3] == {**call, "arguments": '{"city":"London"}'}
    assert taken[4]["output"] == "fair"
    assert taken[5]["content"] == [{"type": "output_text", "text": "It is fair."}]
    assert set(events) == {"conversation.item.added", "conversation.item.done"}
    reconnected(connection)
    assert connection.recv(GUARD_S).type == "a.1"


def test_speech_comes_back_as_words_and_is_lost_without(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    for item_id in ("heard", "unheard"):
        speech = {"type": "input_audio", "transcript": None}
        link.item({"id": item_id, "type": "message", "role": "user", "content": [speech]})
    link.send(
        "conversation.item.input_audio_transcription.completed",
        item_id="heard",
        content_index=0,
        transcript="Hello there.",
    )
    spoken = {"type": "output_audio", "transcript": "Hello yourself."}
    link.item({"id": "a1", "type": "message", "role": "assistant", "content": [spoken]})
    link.peer.drop()
    first, second = links.next().take_back(2)[1:]
    assert first["content"] == [{"type": "input_text", "text": "Hello there."}]
    assert second["content"] == [{"type": "output_text", "text": "Hello yourself."}]
    event = connection.wait_for("reconnected", timeout=GUARD_S).to_dict()
    assert event["lost_items"] == ["unheard"]


def test_what_was_lost_once_is_not_told_again(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    speech = {"type": "input_audio", "transcript": None}
    link.item({"id": "u1", "type": "message", "role": "user", "content": [speech]})
    connection.recv(GUARD_S)
    connection.recv(GUARD_S)
    link = lose(connection, links, link)
    assert reconnected(connection).lost_items == ["u1"]
    lose(connection, links, link)
    assert reconnected(connection).lost_items == []


def test_an_item_that_the_server_refuses_is_told_and_forgotten(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "one")
    link.says("u2", "two")
    link.peer.drop()
    after = links.next()
    after.take_back()
    refused = after.receive("conversation.item.create")
    error = {"type": "invalid_request_error", "message": "no", "event_id": refused["event_id"]}
    after.send("error", error=error)
    after.item(after.receive("conversation.item.create")["item"])
    for _ in range(4):
        connection.recv(GUARD_S)
    assert reconnected(connection).lost_items == ["u1"]
    assert len(lose_items(connection, links, after, 1)) == 1


def lose_items(
    connection: RealtimeConnection, links: ScriptedLinks, link: ScriptedLink, count: int
) -> list[dict[str, Any]]:
    link.peer.drop()
    items = links.next().take_back(count)[1:]
    connection.wait_for("reconnected", timeout=GUARD_S)
    return items


def test_what_was_just_sent_is_told_to_the_new_session_and_to_the_program(
    links: ScriptedLinks,
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "one")
    for _ in range(2):
        connection.recv(GUARD_S)
    content: Any = [{"type": "input_text", "text": "two"}]
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )
    link.receive("conversation.item.create")
    link.peer.drop()
    after = links.next()
    told = after.take_back(2)[-1]
    assert told["content"] == content
    assert reconnected(connection).new_items == [told]
    lose(connection, links, after, 2)
    assert reconnected(connection).new_items == [], "it is known by now"


def test_the_tools_come_back_as_they_were_given(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    tool = {"type": "mcp", "server_label": "docs", "server_url": "https://x.test"}
    connection.session.update(
        session={"type": "realtime", "tools": [{**tool, "authorization": "secret"}]}
    )
    link.receive("session.update")
    link.send("session.updated", session={"type": "realtime", "tools": [tool]})
    connection.recv(GUARD_S)
    link.peer.drop()
    assert links.next().take_back()[0]["tools"] == [{**tool, "authorization": "secret"}]
    reconnected(connection)


def test_tools_that_were_refused_do_not_come_back(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    good = {"type": "function", "name": "good"}
    link.send("session.updated", session={"type": "realtime", "tools": [good]})
    connection.session.update(session={"type": "realtime", "tools": [{"type": "function"}]})
    request = link.receive("session.update")
    link.send("error", error={"type": "x", "message": "no", "event_id": request["event_id"]})
    link.peer.drop()
    assert links.next().take_back()[0]["tools"] == [good]


def test_without_restoring_the_new_session_is_blank_and_told(links: ScriptedLinks) -> None:
    policy = ReconnectPolicy(initial_delay=0, restore=False)
    connection, link = links.connect(reconnect=policy)
    link.says("u1", "one")
    link.peer.drop()
    after = links.next()
    after.greet()
    types = [connection.recv(GUARD_S).type for _ in range(4)]
    assert types[2:] == ["reconnected", "session.created"]


def test_a_loss_before_the_greeting_brings_the_greeting(links: ScriptedLinks) -> None:
    transport, _ = links.open({}, {})
    from realtime_sync.connection import ConnectionSettings

    settings = ConnectionSettings(opener=links.open, reconnect=AT_ONCE)
    with RealtimeConnection(transport, settings=settings) as connection:
        connection.start()
        links.next().peer.drop()
        links.next().greet()
        assert [connection.recv(GUARD_S).type for _ in range(2)] == [
            "reconnected",
            "session.created",
        ]


class Recaps:
    """A dialect of a server that takes no assistant items, and no images."""

    name = "recaps"
    assistant_items = False
    metadata = True
    headers: Mapping[str, str] = MappingProxyType({})
    greeting = ()
    server_types: frozenset[str] = frozenset()
    server_tools: frozenset[str] = frozenset()
    closes_response_on_speech_started = False

    def to_wire(self, event: dict[str, Any]) -> dict[str, Any]:
        if "input_image" in json.dumps(event):
            raise LocalProtocolError("no images")
        return event

    def from_wire(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        return [event]


def test_a_server_without_assistant_items_gets_a_recap() -> None:
    links = ScriptedLinks(Recaps())
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "What is two and two?")
    link.says("a1", "Four.", role="assistant")
    for _ in range(4):
        connection.recv(GUARD_S)
    for _ in range(2):  # and again at the next loss
        link.peer.drop()
        link = links.next()
        (recap,) = link.take_back(1)[1:]
        assert recap["role"] == "user"
        text = recap["content"][0]["text"]
        assert text.splitlines()[1:] == ["user: What is two and two?", "assistant: Four."]
        assert reconnected(connection).lost_items == []
    links.close()
