"""Reconnecting with servers that tell of items in the ways that are known of compatible ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from guards import Guard
from scripted_links import AT_ONCE, GUARD_S, Running, ScriptedLink, ScriptedLinks, reconnected

from realtime_sync import RealtimeConnection

# added:  a client's items by `conversation.item.added` alone, the model's by `done` without a
#         predecessor
# absent: a client's by `added` and `done`, the model's by `done` without a predecessor
# items:  a client's by `created`, the model's only within their response
# null:   all by `added` and `done`, each said to be the first
WAYS = ("added", "absent", "items", "null")


class CompatibleServer:
    """The server's end of one link, in one of the ways."""

    def __init__(self, link: ScriptedLink, way: str) -> None:
        self.link = link
        self.way = way
        self._added: list[tuple[dict[str, Any], str | None]] = []  # and not done
        self._last: str | None = None

    def take(self, count: int = 1) -> list[dict[str, Any]]:
        """Take items of the client's, and confirm them; `tell_again` says that they are done."""
        items = [self.link.receive("conversation.item.create")["item"] for _ in range(count)]
        for item in items:
            self._confirm("created" if self.way == "items" else "added", item, self._last)
            self._added.append((item, self._last))
            self._last = item["id"]
        return items

    def take_back(self, count: int) -> list[dict[str, Any]]:
        """Take the session and its items."""
        self.link.take_back()
        return self.take(count)

    def tell_again(self) -> None:
        """Say that what was added is done, where this server does."""
        if self.way in ("absent", "null"):
            for item, previous in self._added:
                self._confirm("done", item, previous)
        self._added = []

    def respond(self, item: dict[str, Any]) -> None:
        """Take one ``response.create``, and answer it with ``item``."""
        request = self.link.receive("response.create")
        metadata = (request.get("response") or {}).get("metadata")
        response = {"id": "resp_" + request["event_id"], "metadata": metadata}
        where = {"response_id": response["id"], "output_index": 0}
        begun = {**item, "status": "in_progress"}
        begun.update({"content": []} if item["type"] == "message" else {"arguments": ""})
        self.link.send(
            "response.created", response={**response, "status": "in_progress", "output": []}
        )
        self.link.send("response.output_item.added", item=begun, **where)
        if self.way == "null":
            self._confirm("added", begun, None)
        for part in item.get("content", ()):
            part_of = {**where, "item_id": item["id"], "content_index": 0}
            self.link.send("response.output_text.delta", delta=part["text"], **part_of)
        self.link.send("response.output_item.done", item=item, **where)
        if self.way == "null":
            self._confirm("done", item, None)
        elif self.way != "items":
            self.link.send("conversation.item.done", item=item)
        self._last = item["id"]
        self.link.send(
            "response.done", response={**response, "status": "completed", "output": [item]}
        )

    def say(self, item_id: str, text: str) -> None:
        """Answer in writing."""
        content = [{"type": "output_text", "text": text}]
        self.respond({"id": item_id, "type": "message", "role": "assistant", "content": content})

    def _confirm(self, name: str, item: dict[str, Any], previous: str | None) -> None:
        previous = None if self.way == "null" else previous
        self.link.send(f"conversation.item.{name}", item=item, previous_item_id=previous)


def talk(connection: RealtimeConnection, server: CompatibleServer, number: int) -> None:
    """Have one turn."""
    asking = Running(lambda: connection.ask(f"question {number}", timeout=GUARD_S))
    server.take()
    server.tell_again()
    server.say(f"answer_{number}", f"answer {number}")
    assert asking.result().text == f"answer {number}"


def consume(connection: RealtimeConnection) -> None:
    """Take what the program has not looked at, up to the last answer."""
    while connection._queue.queued_bytes:
        connection.recv(GUARD_S)


def words(items: list[dict[str, Any]]) -> list[str]:
    return [item["content"][0]["text"] for item in items]


FOUR = ["question 1", "answer 1", "question 2", "answer 2"]


@pytest.mark.parametrize("way", WAYS)
def test_the_conversation_comes_back_whole_and_in_order(links: ScriptedLinks, way: str) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    server = CompatibleServer(link, way)
    talk(connection, server, 1)
    talk(connection, server, 2)
    consume(connection)
    for _ in range(2):  # a second time it is the same
        server.link.peer.drop()
        server = CompatibleServer(links.next(), way)
        assert words(server.take_back(4)) == FOUR
        server.tell_again()
        server.link.send("a.1")
        assert reconnected(connection).lost_items == []
        assert connection.recv(GUARD_S).type == "a.1", "nothing of the restoration is seen"
    talk(connection, server, 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_restart_tells_it_as_well(links: ScriptedLinks, way: str) -> None:
    connection, link = links.connect()
    server = CompatibleServer(link, way)
    talk(connection, server, 1)
    talk(connection, server, 2)
    restarting = Running(connection.session.restart)
    server = CompatibleServer(links.next(), way)
    assert words(server.take_back(4)) == FOUR
    assert restarting.result() is None
    server.tell_again()
    server.link.send("a.1")
    consume(connection)
    talk(connection, server, 3)


@pytest.mark.parametrize("way", WAYS)
def test_what_came_during_a_restart_is_lost_by_name(
    links: ScriptedLinks, guard: Guard, way: str
) -> None:
    connection, link = links.connect()
    server = CompatibleServer(link, way)
    talk(connection, server, 1)
    consume(connection)
    restarting = Running(connection.session.restart)
    after = CompatibleServer(links.next(), way)
    after.link.take_back()
    told = [after.link.receive("conversation.item.create")["item"] for _ in range(2)]
    item = {"id": "late", "type": "message", "role": "user", "content": []}
    link.send("conversation.item.created", item=item)
    guard.until(lambda: "late" in connection._state.history.items, "the late item")
    for each in told:
        after.link.send("conversation.item.added", item=each)
    assert restarting.result() is None
    assert connection.recv(GUARD_S).type == "conversation.item.created"
    assert reconnected(connection).lost_items == ["late"]


@pytest.mark.parametrize("way", WAYS)
def test_with_a_tool_outstanding(links: ScriptedLinks, way: str) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    server = CompatibleServer(link, way)
    asking = Running(lambda: connection.ask("What is the weather?", timeout=GUARD_S))
    server.take()
    server.tell_again()
    call = {"id": "c1", "type": "function_call", "call_id": "call_1", "name": "get_weather"}
    call["arguments"] = '{"city": "London"}'
    server.respond({**call, "status": "completed"})
    assert [c.call_id for c in asking.result().function_calls] == ["call_1"]
    consume(connection)
    server.link.peer.drop()
    output = {"id": "o1", "type": "function_call_output", "call_id": "call_1", "output": "fair"}
    connection.conversation.item.create(item=output)
    asking = Running(lambda: connection.ask(timeout=GUARD_S))
    server = CompatibleServer(links.next(), way)
    question, told_call = server.take_back(2)
    assert words([question]) == ["What is the weather?"]
    assert told_call == call
    assert server.take() == [output]
    server.tell_again()
    server.say("a1", "It is fair.")
    assert asking.result().text == "It is fair."
    server.link.peer.drop()
    told = CompatibleServer(links.next(), way).take_back(4)
    assert [item["id"] for item in told] == [question["id"], "c1", "o1", "a1"]


@pytest.mark.parametrize("way", WAYS)
def test_with_a_full_queue(links: ScriptedLinks, guard: Guard, way: str) -> None:
    connection, link = links.connect(reconnect=AT_ONCE, max_queue_bytes=20_000)
    server = CompatibleServer(link, way)
    for number in (1, 2):
        content = [{"type": "input_text", "text": f"question {number}"}]
        item = {"id": f"q{number}", "type": "message", "role": "user", "content": content}
        connection.conversation.item.create(item=item)
        connection.response.create()
        server.take()
        server.tell_again()
        server.say(f"answer_{number}", f"answer {number}")
    for number in range(30):
        link.send(f"n.{number}")
    guard.until(lambda: connection._queue._paused, "the pause")
    link.peer.drop()
    while connection.recv(GUARD_S).type != "n.29":
        pass
    server = CompatibleServer(links.next(), way)
    assert words(server.take_back(4)) == FOUR
    server.tell_again()
    server.link.send("a.1")
    assert reconnected(connection).lost_items == []
    assert connection.recv(GUARD_S).type == "a.1"


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_in_progress_is_told_as_far_as_a_view_has_followed_it(
    links: ScriptedLinks, way: str
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    view = connection._state.history.open_view()
    server = CompatibleServer(link, way)
    talk(connection, server, 1)
    begun = {"id": "a2", "type": "message", "role": "assistant", "content": []}
    where = {"response_id": "r2", "output_index": 0}
    link.send("response.output_item.added", item={**begun, "status": "in_progress"}, **where)
    for delta in ("The wea", "ther is"):
        link.send("response.output_text.delta", item_id="a2", content_index=0, delta=delta, **where)
    while connection._queue.queued_bytes or not any(
        part.text == "The weather is" for item in view.items for part in item.parts
    ):
        view.receive(connection.recv(GUARD_S))
    link.peer.drop()
    told = CompatibleServer(links.next(), way).take_back(3)
    assert words(told) == ["question 1", "answer 1", "The weather is"]
    assert reconnected(connection).lost_items == []
    view.close()


ODD: list[Any] = [None, 5, "x", [], {}, [None], {"id": 5}, {"id": ["x"], "type": {}}, 10**400]


def test_no_odd_event_makes_a_reconnect_impossible(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "half an emoji \ud83d")
    link.says("u\ud83d", "under half an emoji")
    types = ["conversation.item.added", "conversation.item.done", "conversation.item.truncated"]
    types += ["conversation.item.deleted", "response.output_item.done", "response.done"]
    types += ["conversation.item.input_audio_transcription.completed", "response.created"]
    for odd in ODD:
        for kind in types:
            fields = dict.fromkeys(("item", "response", "item_id", "audio_end_ms"), odd)
            link.send(kind, previous_item_id=odd, transcript=odd, content_index=odd, **fields)
        for name in ("type", "role", "content", "call_id", "name", "arguments", "output", "status"):
            item = {"id": "u2", "type": "message", "role": "user", "content": [], name: odd}
            link.send("conversation.item.done", item=item, previous_item_id=odd)
        link.send("conversation.item.truncated", item_id="u1", audio_end_ms=odd)
        link.send("session.updated", session=odd)
    link.send(
        "session.updated", session={"type": "realtime", "instructions": "\ud83d", "speed": NAN}
    )
    link.peer.drop()
    after = links.next()
    after.greet()
    update = after.receive("session.update")
    assert update["session"] == {"type": "realtime", "instructions": "\ufffd"}
    after.send("session.updated", session=update["session"])
    item = after.receive("conversation.item.create")["item"]
    assert item["content"][0]["text"] == "half an emoji \ufffd"
    for odd in ODD:
        after.send("rate_limits.updated", rate_limits=odd)
        after.send("session.updated", session=odd)
    after.item(item)
    event = connection.wait_for("reconnected", timeout=GUARD_S).to_dict()
    assert {"u2", "u\ud83d"} <= set(event["lost_items"])
    after.send("a.1")
    connection.wait_for("a.1", timeout=GUARD_S)


NAN = json.loads("NaN")
