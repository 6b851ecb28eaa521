"""A hundred faults at random moments of one conversation: each is recovered, nothing is told twice.

The faults are real ones, made on TCP between the client and the embedded server. What is looked at
is all that the connection ever put into its queue, so nothing can hide between two calls.
"""

from __future__ import annotations

import json
import queue
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from embedded import Server, question, silence
from fault_proxy import Fault, FaultProxy, Kind
from guards import Guard
from scripted_links import interrupted

from realtime_sync import (
    Local,
    RealtimeConnection,
    ReconnectPolicy,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.events import ServerEvent

GUARD_S = 30.0
FAULTS = 100
SEED = 20_261
# Silent faults cost a ping and its timeout each, so there are fewer of them.
KINDS = [Kind.DROP] * 35 + [Kind.RESET] * 30 + [Kind.GARBAGE] * 15
KINDS += [Kind.HALF_OPEN] * 10 + [Kind.STALL] * 10
# On a plain socket nothing but WebSocket's own rules detects damage; TLS would end the link.
DAMAGE = {1002, 1003, 1007, 1009}
# A response that was asked for while the link was made anew runs on the new one, and the program,
# which does not wait for it, may ask for the next one too early.
BUSY = "conversation_already_has_active_response"

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SESSION = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
    "tools": [WEATHER],
    "audio": {"input": {"transcription": {"model": "any"}}},
}
HELLO = question("hello")


class Record:
    """Everything that the connection put into its queue, in order."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.events: list[ServerEvent] = []
        put = connection._queue.put

        def spy(item: Any, size: int, text: str | None = None) -> None:
            if hasattr(item, "type"):
                self.events.append(item)
            put(item, size, text)

        connection._queue.put = spy  # type: ignore[method-assign]

    def of(self, type: str) -> list[Any]:
        return [event for event in self.events if event.type == type]

    def history(self) -> dict[str, str]:
        """Return what must be in the session now: the items that were done, with their words."""
        words: dict[str, str] = {}
        for event in self.events:
            match event.type:
                case "conversation.item.done":
                    words[event.item.id] = words_of(event.item.to_dict())
                case "conversation.item.input_audio_transcription.completed":
                    words[event.item_id] = event.transcript
                case "reconnected":
                    for item_id in event.lost_items:
                        # Or an answer that was not done.
                        lost = words.pop(item_id, "")
                        assert not lost, "only speech without a transcript is lost"
        return words


def words_of(item: dict[str, Any]) -> str:
    if item["type"] != "message":
        return str(item.get("arguments") or item.get("output"))
    parts = [part.get("text") or part.get("transcript") or "" for part in item["content"]]
    return " ".join(filter(None, parts))


class Voice:
    """A thread that appends what it is given, and never stops for a lost link."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.errors: list[BaseException] = []
        self._connection = connection
        self._jobs: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = spawn(self._run, name="voice")

    def say(self, pcm: bytes) -> None:
        self._jobs.put(pcm)

    def end(self, guard: Guard) -> None:
        self._jobs.put(None)
        guard.join(self._thread)

    def _run(self) -> None:
        try:
            while (pcm := self._jobs.get()) is not None:
                for start in range(0, len(pcm), 4800):
                    self._connection.input_audio_buffer.append(audio=pcm[start : start + 4800])
        except BaseException as exc:
            self.errors.append(exc)


class Waiter:
    """A thread that always waits for what never comes, and counts how often it was told so."""

    def __init__(self, connection: RealtimeConnection, guard: Guard) -> None:
        self.told = 0
        self._connection = connection
        self._guard = guard
        self._thread = spawn(self._run, name="waiter")

    def ready(self) -> None:
        """Return when it waits."""
        self._guard.until(lambda: self._connection._queue._watchers, "the waiter")

    def join(self) -> None:
        self._guard.join(self._thread)

    def _run(self) -> None:
        while interrupted(lambda: self._connection.wait_for("no.such.event")):
            self.told += 1


class Program:
    """One conversation, as a program would hold it."""

    def __init__(self, connection: RealtimeConnection, rng: random.Random) -> None:
        self.connection = connection
        self.voice = Voice(connection)
        self.interrupted_asks = 0
        self.answered_asks = 0
        self._rng = rng
        self._number = 0

    def turn(self) -> None:
        """Do one of the things that people do."""
        kind = self._rng.choices(("events", "ask", "tool", "speech"), (40, 35, 15, 10))[0]
        {"events": self.by_events, "ask": self.ask, "tool": self.call, "speech": self.speak}[kind]()

    def by_events(self) -> None:
        self._create(
            type="message",
            role="user",
            content=[{"type": "input_text", "text": self._words()}],
        )
        self.connection.response.create()
        self._until("response.done")

    def ask(self) -> None:
        self._try(lambda: self._ask(self._words()))

    def call(self) -> None:
        self._try(self._call)

    def _try(self, asking: Callable[[], object]) -> None:
        try:
            self.interrupted_asks += interrupted(asking)
        except ServerError as error:
            # A request of `by_events` that came behind the answer to what was said: nobody saw its
            # refusal, so the next call raises it.
            if error.code != BUSY:
                raise

    def _ask(self, words: str) -> None:
        assert self.connection.ask(words, timeout=GUARD_S).text
        self.answered_asks += 1

    def _call(self) -> None:
        reply = self.connection.ask("What is the weather in London?", timeout=GUARD_S)
        for call in reply.function_calls:
            output = json.dumps({"condition": f"fair {self._number}", "temperature": 14})
            self._create(type="function_call_output", call_id=call.call_id, output=output)
        self.connection.ask(timeout=GUARD_S)

    def speak(self) -> None:
        self.voice.say(silence(100) + HELLO + silence(700))
        self._until("response.done")

    def until_reconnected(self) -> None:
        self._until("reconnected")

    def _until(self, type: str) -> None:
        while self.connection.recv(GUARD_S).type not in (type, "reconnected", "error"):
            pass

    def _create(self, **item: Any) -> None:
        self.connection.conversation.item.create(item=item)

    def _words(self) -> str:
        self._number += 1
        return f"Say word {self._number}."


@contextmanager
def conversation(server: Server, proxy: FaultProxy) -> Iterator[RealtimeConnection]:
    client = Local(url=proxy.url, api_key=server.key)
    with client.realtime.connect(
        reconnect=ReconnectPolicy(
            initial_delay=0.01,
            max_delay=0.1,
            max_retries=50,
            codes=ReconnectPolicy().codes | DAMAGE,
        ),
        websocket_connection_options={"ping_interval": 0.2, "ping_timeout": 0.4},
    ) as connection:
        yield connection


def check_history(connection: RealtimeConnection, record: Record) -> int:
    """Retrieve every item that must be there, and compare its words."""
    expected = record.history()
    for item_id in expected:
        connection.conversation.item.retrieve(item_id=item_id)
    missing = dict(expected)
    while missing:
        event = connection.recv(GUARD_S)
        assert event.type != "error" or event.error.code == BUSY, event
        if event.type == "conversation.item.retrieved":
            item = event.to_dict()["item"]
            assert words_of(item) == missing.pop(item["id"])
    return len(expected)


@pytest.mark.timeout(180)
def test_a_hundred_faults_are_recovered_and_nothing_is_told_twice(
    ws_server: Server, guard: Guard
) -> None:
    rng = random.Random(SEED)
    struck: Counter[Kind] = Counter()
    with FaultProxy(ws_server.url) as proxy, conversation(ws_server, proxy) as connection:
        assert connection.recv(GUARD_S).type == "session.created"
        record = Record(connection)
        waiter = Waiter(connection, guard)
        program = Program(connection, rng)
        connection.session.update(session=SESSION)
        connection.wait_for("session.updated", timeout=GUARD_S)
        items = 0
        kinds = rng.sample(KINDS, FAULTS)
        for number, kind in enumerate(kinds):
            recovered = len(record.of("reconnected"))
            waiter.ready()
            fault = proxy.arm(Fault.any(rng, (kind,), within=6000))
            while not fault.is_set():
                program.turn()
            while len(record.of("reconnected")) == recovered:
                program.until_reconnected()
            proxy.release()
            struck[kind] += 1
            if number % 25 == 24:
                items = check_history(connection, record)
        drops = len(record.of("reconnected"))
        program.voice.end(guard)
        check_session(connection)
    waiter.join()

    assert not program.voice.errors
    assert drops >= FAULTS
    assert waiter.told >= FAULTS, "whoever waits is told of every loss"
    ids = [event.event_id for event in record.events if event.type != "reconnected"]
    assert len(ids) == len(set(ids)), "no event is told twice"
    check_hidden(record)
    codes = Counter(event.code for event in record.of("reconnected"))
    attempts = sum(event.attempts for event in record.of("reconnected"))
    print(
        f"{FAULTS} faults ({', '.join(f'{n} {kind.value}' for kind, n in struck.items())}), "
        f"{drops} losses (codes {dict(codes)}), {attempts} attempts, {proxy.connections} links; "
        f"{len(ids)} events, none twice; {items} items intact; {program.answered_asks} asks "
        f"answered, {program.interrupted_asks} told that the link was lost; "
        f"{sum(len(e.lost_items) for e in record.of('reconnected'))} utterances without transcript"
    )


def check_session(connection: RealtimeConnection) -> None:
    """Whether the configuration of the beginning is still in force."""
    connection.session.update(session={"type": "realtime"})
    updated = connection.wait_for("session.updated", timeout=GUARD_S).to_dict()["session"]
    assert updated["instructions"] == "Be brief."
    assert updated["output_modalities"] == ["text"]
    assert [tool["name"] for tool in updated["tools"]] == ["get_weather"]
    assert updated["audio"]["input"]["transcription"]["model"] == "any"


def check_hidden(record: Record) -> None:
    """Whether the program saw nothing of the restorations."""
    assert not record.of("session.created")
    assert len(record.of("session.updated")) == 2, "what the program asked for, and no more"
    for name in ("conversation.item.added", "conversation.item.done"):
        told = Counter(event.item.id for event in record.of(name))
        assert max(told.values()) == 1, "each item is added and done once"
