"""A connection whose links, one after the other, a test plays the server of; without a network."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from realtime_sync import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeConnection,
    ReconnectPolicy,
)
from realtime_sync._threads import spawn
from realtime_sync.connection import ConnectionSettings
from realtime_sync.providers.dialect import Dialect
from realtime_sync.transport import MemoryPeer, Transport, memory_pair

GUARD_S = 30.0
AT_ONCE = ReconnectPolicy(initial_delay=0, max_retries=3)
LATER = ReconnectPolicy(initial_delay=600, max_delay=600)
SESSION: dict[str, Any] = {"type": "realtime", "instructions": "Be brief."}


class ScriptedLink:
    """The server's end of one link."""

    def __init__(self, peer: MemoryPeer, query: Mapping[str, Any], headers: Mapping[str, str]):
        self.peer = peer
        self.query = dict(query)
        self.headers = dict(headers)
        self._events = 0

    def send(self, type: str, **fields: Any) -> None:
        self._events += 1
        event = {"type": type, "event_id": f"event_{id(self)}_{self._events}", **fields}
        self.peer.send(json.dumps(event))

    def receive(self, type: str | None = None) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.peer.receive(GUARD_S))
        assert type in (None, event["type"]), event
        return event

    def greet(self, **session: Any) -> None:
        self.send("session.created", session={**SESSION, "id": f"sess_{id(self)}", **session})

    def take_back(self, items: int = 0, **session: Any) -> list[dict[str, Any]]:
        """Play the server of a restoration; return what it was sent, the session first."""
        self.greet(**session)
        update = self.receive("session.update")
        self.send("session.updated", session={**update["session"], "id": f"sess_{id(self)}"})
        taken = [update["session"]]
        for _ in range(items):
            item = self.receive("conversation.item.create")["item"]
            taken.append(item)
            self.item(item)
        return taken

    def item(self, item: dict[str, Any], previous_item_id: str | None = None) -> None:
        """Tell of an item that is complete."""
        for name in ("added", "done"):
            self.send(f"conversation.item.{name}", item=item, previous_item_id=previous_item_id)

    def says(self, item_id: str, text: str, role: str = "user", **fields: Any) -> None:
        """Tell of a written message."""
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": text}]
        self.item({"id": item_id, "type": "message", "role": role, "content": content}, **fields)

    def answer(self, *words: str) -> dict[str, Any]:
        """Take one ``response.create`` and answer it in writing."""
        request = self.receive("response.create")
        metadata = (request.get("response") or {}).get("metadata")
        response = {"id": "resp_" + request["event_id"], "metadata": metadata, "output": []}
        self.send("response.created", response={**response, "status": "in_progress"})
        for word in words:
            self.send(
                "response.output_text.delta",
                response_id=response["id"],
                item_id="item_a",
                output_index=0,
                content_index=0,
                delta=word,
            )
        self.send("response.done", response={**response, "status": "completed"})
        return request


class ScriptedLinks:
    """Opens links, and hands their other ends to the test.

    Attributes:
        opened: how many were asked for.
        failures: exceptions that the next openings raise instead, None for a link.
    """

    def __init__(self, dialect: Dialect | None = None) -> None:
        self.opened = 0
        self.failures: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self.before_opening: Callable[[], None] = lambda: None
        self._dialect = dialect
        self._links: queue.SimpleQueue[ScriptedLink] = queue.SimpleQueue()
        self._connections: list[RealtimeConnection] = []

    def connect(self, **settings: Any) -> tuple[RealtimeConnection, ScriptedLink]:
        """Return a connection and the other end of its first link; greeted already."""
        transport, _ = self.open({}, {})
        connection = RealtimeConnection(
            transport,
            settings=ConnectionSettings(opener=self.open, dialect=self._dialect, **settings),
        )
        connection.start()
        self._connections.append(connection)
        link = self.next()
        link.greet()
        assert connection.recv(GUARD_S).type == "session.created"
        return connection, link

    def open(
        self, query: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[Transport, Dialect | None]:
        """Open one link; the connection's opener."""
        self.opened += 1
        self.before_opening()
        if not self.failures.empty() and (failure := self.failures.get()) is not None:
            raise failure
        transport, peer = memory_pair()
        self._links.put(ScriptedLink(peer, query, headers))
        return transport, self._dialect

    def next(self) -> ScriptedLink:
        """Return the other end of the link that was opened next."""
        return self._links.get(timeout=GUARD_S)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


class Running:
    """A call in a thread of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._result: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._work = work
        self._thread = spawn(self._run, name="test")

    def _run(self) -> None:
        try:
            self._result.put(self._work())
        except BaseException as exc:
            self._result.put(exc)

    def result(self) -> Any:
        """What it returned or raised."""
        self._thread.join(GUARD_S)
        assert not self._thread.is_alive(), "hangs"
        return self._result.get_nowait()


def lose(
    connection: RealtimeConnection, links: ScriptedLinks, link: ScriptedLink, items: int = 0
) -> ScriptedLink:
    """Drop ``link``; return the next one, with the session on it."""
    link.peer.drop()
    after = links.next()
    after.take_back(items)
    return after


def reconnected(connection: RealtimeConnection) -> Any:
    event = connection.recv(GUARD_S)
    assert event.type == "reconnected", event
    return event


def lost_error(result: Any) -> ConnectionClosedError:
    assert isinstance(result, ConnectionClosedError), result
    assert result.reconnecting
    return result


def wait(gate: threading.Event) -> None:
    assert gate.wait(GUARD_S)


def drain(link: ScriptedLink, received: list[str]) -> None:
    """Take all that came over a link before it was dropped."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            received.append(link.receive()["type"])


def thread_names() -> list[str]:
    """Return the names of the package's threads."""
    names = (thread.name for thread in threading.enumerate())
    return sorted(name for name in names if name.startswith("realtime_sync."))


def interrupted(call: Callable[[], object]) -> bool:
    """Whether ``call`` was told that the link was lost."""
    try:
        call()
    except ConnectionClosedError as exc:
        return exc.reconnecting
    except ConnectionClosedOK:
        pass
    return False
