"""The published `openai` package as a client, synchronous and asynchronous, behind one face."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from embedded import Server
from openai import AsyncOpenAI, OpenAI
from strict_openai import validate

Event = dict[str, Any]


class Peer:
    """A connection of the published package; every event it receives is validated strictly.

    Attributes:
        events: all that was received, oldest first.
    """

    def __init__(self, connection: Any, run: Callable[[Any], Any]) -> None:
        self._connection = connection
        self._run = run
        self._ids = itertools.count(1)
        self.events: list[Event] = []

    def __getattr__(self, resource: str) -> Any:
        return _Resource(getattr(self._connection, resource), self._run)

    def next(self) -> Event:
        """Receive one event, by the package's own parser as well."""
        text = self._run(self._connection.recv_bytes())
        event = validate(text)
        assert self._connection.parse_event(text).type == event["type"]
        self.events.append(event)
        return event

    def until(self, type: str, **fields: Any) -> Event:
        """Receive until an event of ``type`` with these ``fields`` came."""
        while True:
            event = self.next()
            if event["type"] == type and fields.items() <= event.items():
                return event
            assert type == "error" or event["type"] != "error", event

    def all(self, type: str) -> list[Event]:
        """The events of ``type`` so far."""
        return [event for event in self.events if event["type"] == type]

    def ask_for(self, **session: Any) -> Event:
        """Update the session and return what it is then."""
        self.session.update(session={"type": "realtime", **session})
        updated: Event = self.until("session.updated")["session"]
        return updated

    def write(self, text: str) -> None:
        """Add a user message."""
        content = [{"type": "input_text", "text": text}]
        self.conversation.item.create(item={"type": "message", "role": "user", "content": content})

    def speak(self, pcm: bytes, *, chunk: int = 4_800) -> None:
        """Append audio, faster than real time."""
        for start in range(0, len(pcm), chunk):
            piece = base64.b64encode(pcm[start : start + chunk]).decode()
            self.input_audio_buffer.append(audio=piece)

    def answer(self) -> Event:
        """Receive to the end of a response and return it."""
        response: Event = self.until("response.done")["response"]
        return response

    def audio(self) -> bytes:
        """All audio received so far."""
        deltas = self.all("response.output_audio.delta")
        return b"".join(base64.b64decode(event["delta"]) for event in deltas)


class _Resource:
    """``connection.conversation.item.create`` and the like, awaited where needed."""

    def __init__(self, target: Any, run: Callable[[Any], Any]) -> None:
        self._target = target
        self._run = run

    def __getattr__(self, name: str) -> Any:
        return _Resource(getattr(self._target, name), self._run)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self._target(*args, **kwargs))


def _options(server: Server) -> Any:  # openai's types know no `ssl`, its run time does
    context = server.tls()
    return {} if context is None else {"ssl": context}


def sync_peer(server: Server, model: str, client: OpenAI | None = None) -> Iterator[Peer]:
    """Connect to ``model``; ``client`` is by default one as for the provider itself."""
    with (
        client or OpenAI(api_key=server.key, base_url=server.url) as client,
        client.realtime.connect(
            model=model, websocket_connection_options=_options(server)
        ) as connection,
    ):
        yield Peer(connection, lambda value: value)


def async_peer(server: Server, model: str, client: AsyncOpenAI | None = None) -> Iterator[Peer]:
    """The same, asynchronously."""
    loop = asyncio.new_event_loop()
    try:
        client = client or AsyncOpenAI(api_key=server.key, base_url=server.url)
        manager = client.realtime.connect(
            model=model, websocket_connection_options=_options(server)
        )
        connection = loop.run_until_complete(manager.__aenter__())
        yield Peer(connection, loop.run_until_complete)
        loop.run_until_complete(manager.__aexit__(None, None, None))
        # The server was quicker, so nobody has closed this end, of which Python 3.10's complains.
        connection._connection.transport.close()
        loop.run_until_complete(client.close())
    finally:
        loop.close()
