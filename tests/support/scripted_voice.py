"""A server's events by hand, and a connection that plays them to a voice loop."""

from __future__ import annotations

import itertools
import json
import queue
import threading
from base64 import b64encode
from collections.abc import Callable, Generator
from typing import Any

from guards import Guard, VirtualClock

from realtime_sync.connection.link.queue import StandIn
from realtime_sync.connection.state import ConnectionState
from realtime_sync.conversation.history import History
from realtime_sync.conversation.session import SessionFacts, SessionState
from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.errors import ConnectionClosed
from realtime_sync.events import ErrorEvent, Reconnected, ServerEvent, parse_event
from realtime_sync.voice import VoiceLoop
from realtime_sync.voice.effects import AskForOwed, CreateResponse, Effect, Report
from realtime_sync.voice.events import ToolsUnmatched, TurnEnded, TurnMetrics
from realtime_sync.voice.rules import VoiceState
from realtime_sync.voice.seams import FurtherRules

_ids = itertools.count(1)
RATE = 24000


def event(type: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": type, "event_id": f"event_{next(_ids)}", **fields}))


def session(**turn_detection: Any) -> ServerEvent:
    detection = {"type": "server_vad", **turn_detection}
    formats = {"type": "audio/pcm", "rate": RATE}
    audio = {
        "input": {"format": formats, "turn_detection": detection},
        "output": {"format": formats},
    }
    return event("session.updated", session={"type": "realtime", "audio": audio})


def speech_started() -> ServerEvent:
    return event("input_audio_buffer.speech_started", item_id="user", audio_start_ms=0)


def speech_stopped() -> ServerEvent:
    return event("input_audio_buffer.speech_stopped", item_id="user", audio_end_ms=1000)


def created(response: str) -> ServerEvent:
    return event("response.created", response={"id": response, "status": "in_progress"})


def done(response: str, status: str = "completed") -> ServerEvent:
    return event("response.done", response={"id": response, "status": status})


def pcm(ms: int, value: int = 1000) -> bytes:
    return value.to_bytes(2, "little", signed=True) * (ms * RATE // 1000)


def delta(response: str, item: str, ms: int, *, index: int = 0, value: int = 1000) -> ServerEvent:
    return event(
        "response.output_audio.delta",
        response_id=response,
        item_id=item,
        output_index=0,
        content_index=index,
        delta=b64encode(pcm(ms, value)).decode(),
    )


def audio_done(response: str, item: str) -> ServerEvent:
    return event(
        "response.output_audio.done",
        response_id=response,
        item_id=item,
        output_index=0,
        content_index=0,
    )


def call_done(response: str, call_id: str, name: str, arguments: str = "{}") -> ServerEvent:
    call = {"type": "function_call", "id": f"item_{call_id}", "call_id": call_id, "name": name}
    return event(
        "response.output_item.done",
        response_id=response,
        output_index=0,
        item={**call, "arguments": arguments, "status": "completed"},
    )


def taken_by(rules: VoiceState | FurtherRules, event: ServerEvent) -> list[Effect]:
    """Have rules take an event, as the engine does; return what is to be done."""
    if isinstance(rules, VoiceState) and not isinstance(event, Reconnected):
        rules.came(event)
    handler = rules.handlers.get(type(event))
    return [*handler(event)] if handler is not None else []


class ScriptedFacts:
    """What a connection knows of its session and responses, from the events that it is told."""

    def __init__(self) -> None:
        self.state = ConnectionState()

    @property
    def session_facts(self) -> SessionFacts:
        return self.state.session.facts

    @property
    def busy(self) -> bool:
        return self.state.busy

    def is_out_of_band(self, response_id: str) -> bool:
        return self.state.is_out_of_band(response_id)

    def is_waiting(self, event_id: str) -> bool:
        return self.state.is_waiting(event_id)

    def is_lost(self, event_id: str) -> bool:
        return self.state.is_lost(event_id)

    def refused_by(self, event: ErrorEvent) -> tuple[str, ...]:
        refusal = self.state.refusal_of(event)
        return () if refusal is None else refusal.requests

    @property
    def declared_tools(self) -> frozenset[str]:
        return self.state.declared_tools

    @property
    def known(self) -> SessionState:
        return self.state.session

    @property
    def history(self) -> History:
        return self.state.history


class ScriptedConnection(ScriptedFacts):
    """Plays events, and notes what is sent.

    Args:
        clock: an empty line passes the time of a `recv` on it, without waiting.
        react: gets what is sent, in wire form, and returns the events that it causes.
    """

    def __init__(
        self,
        clock: VirtualClock,
        *script: ServerEvent | Exception,
        react: Callable[[dict[str, Any]], list[ServerEvent]] = lambda _: [],
    ) -> None:
        super().__init__()
        self.state.post = self._post
        self.clock = clock
        self.sent: list[dict[str, Any]] = []
        self.heard: list[bytes] = []
        self._react = react
        # Whether nobody has anything left to do at this moment, so that time may pass.
        self.is_settled: Callable[[], bool] = lambda: True
        self.closed = self.reconnecting = False
        self.ends_responses_on_speech = False
        self.server_tools: frozenset[str] = frozenset()
        self._line: queue.SimpleQueue[ServerEvent | Exception | None] = queue.SimpleQueue()
        for item in script:
            self._line.put(item)
        self._end: Exception | None = None
        # What may take events in the place of whoever waits for them: only while he does.
        self.stand_in: StandIn | None = None
        self._standing_in = threading.Lock()
        self.input_audio_buffer = self.response = self.conversation = self.item = self
        self.session = self

    def feed(self, *items: ServerEvent | Exception) -> None:
        for item in items:
            self._line.put(item)

    def types(self) -> list[str]:
        return [message["type"] for message in self.sent]

    def poll(self, timeout: float | None = None) -> ServerEvent | None:
        try:
            # A moment of real time, so that other threads get their turn.
            item = self._line.get(timeout=0.001)
        except queue.Empty:
            assert timeout is not None, "a poll without a timeout would never end"
            # In this order: whoever feeds the line does so before he has settled.
            if self.is_settled() and self._line.empty():
                self.clock.advance(timeout)
            return None
        if isinstance(item, ConnectionClosed):
            self._line.put(item)  # every later one repeats it
        if isinstance(item, Exception):
            raise item
        if item is not None:
            self.state.receive(item)
        return item

    def polled(
        self, timeout: Callable[[], float | None], stand_in: StandIn | None = None
    ) -> Generator[ServerEvent | None]:
        while True:
            wait = timeout() if self._line.empty() else 0
            self.stand_in = stand_in
            try:
                item = self.poll(wait)
            finally:
                with self._standing_in:
                    self.stand_in = None
            yield item

    def feed_aside(self, *items: ServerEvent) -> list[bool]:
        """Give items to the stand-in, as soon as there is one; return which ones it took."""
        taken: list[bool] = []
        for item in items:
            Guard().until(lambda item=item: self._give_aside(item, taken), "the wait")
        return taken

    def _give_aside(self, item: ServerEvent, taken: list[bool]) -> bool:
        with self._standing_in:
            if self.stand_in is None or not self._line.empty():
                return False
            self.state.receive(item)
            taken.append(self.stand_in.take(item))
            self.stand_in.rest()
            return True

    def wake(self) -> None:
        self._line.put(None)

    def update(self, *, session: Any, event_id: str | None = None) -> None:
        message = {"type": "session.update", "event_id": event_id, "session": session}
        self.state.sent(message)
        self.state.transmitted(message)
        self._send(**message)

    def append(self, *, audio: bytes) -> None:
        self.heard.append(audio)

    def commit(self) -> None:
        self._send("input_audio_buffer.commit")

    def clear(self, *, event_id: str | None = None) -> None:
        self._send("input_audio_buffer.clear")

    def delete(self, *, item_id: str) -> None:
        self._send("conversation.item.delete", item_id=item_id)

    def truncate(self, *, item_id: str, content_index: int, audio_end_ms: int) -> None:
        self._send(
            "conversation.item.truncate",
            item_id=item_id,
            content_index=content_index,
            audio_end_ms=audio_end_ms,
        )

    def create(
        self,
        *,
        item: Any = None,
        response: Any = None,
        event_id: str | None = None,
        when_idle: bool = False,
    ) -> None:
        if item is not None:
            self._send("conversation.item.create", item=item)
        else:
            assert when_idle, "the loop asks for one response at a time"
            request = {"type": "response.create", "event_id": event_id}
            if response is not None:
                request["response"] = response
            if self.state.ask_when_idle(request):
                self._post(request)

    def withdraw(self, *, event_id: str) -> bool:
        return self.state.withdraw(event_id)

    def cancel(self, *, response_id: str | None = None) -> None:
        self._send("response.cancel", response_id=response_id)

    def give_up(self, *, response_id: str | None = None, event_id: str | None = None) -> None:
        self.state.give_up(response_id=response_id, event_id=event_id)

    def _post(self, request: dict[str, Any]) -> None:
        self.state.sent(request)
        self.state.transmitted(request)
        self._send(**request)

    def _send(self, type: str, **fields: Any) -> None:
        message = {"type": type, **fields}
        self.sent.append(message)
        self.feed(*self._react(message))


def make_state(facts: ScriptedFacts, clock: VirtualClock, **options: Any) -> VoiceState:
    """Make the rules of a conversation with two tools."""
    calls = ToolCalls(("weather", "time"), declared=lambda: facts.declared_tools)
    return VoiceState(
        sink_rate=RATE,
        known=facts.known,
        responses=facts,
        history=facts.history,
        calls=calls,
        clock=clock,
        **options,
    )


def known(state: VoiceState) -> ConnectionState:
    """What the connection knows."""
    facts = state._facts
    assert isinstance(facts, ScriptedFacts)
    return facts.state


def feed(state: VoiceState, *events: ServerEvent) -> list[Effect]:
    effects: list[Effect] = []
    for one in events:
        known(state).receive(one)
        effects += taken_by(state, one)
    return decided(state, effects)


def decided(state: VoiceState, effects: list[Effect]) -> list[Effect]:
    """What is to be done in the end; what is only told of turns and tools is tested elsewhere."""
    result: list[Effect] = []
    for effect in effects:
        if isinstance(effect, AskForOwed):
            result += state.ask_for_owed()
        elif not isinstance(effect, Report) or not isinstance(effect.event, _TOLD):
            result.append(effect)
    return result


_TOLD = (TurnEnded, ToolsUnmatched)


def asks(state: VoiceState, number: int = 1) -> CreateResponse:
    """The effect that asks for a response, and that the connection was asked."""
    request = f"voice_create_{number}"
    known(state).ask_when_idle({"type": "response.create", "event_id": request})
    return CreateResponse(request)


def acts(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if not isinstance(effect, Report)]


def reports(effects: list[Effect]) -> list[Any]:
    """What is told of the conversation; but for the figures of its turns."""
    events = [effect.event for effect in effects if isinstance(effect, Report)]
    return [event for event in events if not isinstance(event, TurnMetrics)]


def reconnect(state: VoiceState, *lost_items: str) -> list[Effect]:
    known(state).link_lost(known(state).requested)
    lost = Reconnected(code=1006, attempts=1, lost=[], lost_items=list(lost_items))
    return feed(state, lost)


def make_loop(
    connection: ScriptedConnection,
    source: Any,
    sink: Any,
    on_event: Callable[[Any], object],
    **options: Any,
) -> VoiceLoop:
    """Make a loop on the connection's clock, which stands still while anybody has work to do."""
    working: list[None] = []

    def has_written() -> bool:
        player = loop._engine._output._player
        return player._over or not (player._pieces or player._writing)

    def deliver(message: Any) -> None:
        Guard().until(has_written, "what the sink is to play")
        on_event(message)
        working.pop()

    options.setdefault("clock", connection.clock)
    loop = VoiceLoop(connection, source, sink, on_event=deliver, **options)
    box = loop._box
    put = box.put

    def note(message: Any) -> None:
        working.append(None)
        put(message)

    box.put = note  # type: ignore[method-assign]
    connection.is_settled = lambda: not working and has_written()
    return loop
