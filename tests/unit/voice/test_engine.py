"""What the engine promises: nobody keeps it waiting, and it ends whatever happens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from audio_clock import AudioClock
from guards import Guard
from scripted_voice import (
    RATE,
    ScriptedConnection,
    audio_done,
    call_done,
    created,
    delta,
    done,
    event,
    make_loop,
    session,
    speech_started,
    speech_stopped,
)

from realtime_sync import _fork
from realtime_sync.audio.base import Sink
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedError,
    ConnectionClosedOK,
    DeviceError,
    QueueFullError,
    ServerError,
)
from realtime_sync.events import (
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputTextDelta,
    SessionUpdated,
)
from realtime_sync.voice import IdleRule, Interruptions, VoiceLoop
from realtime_sync.voice.effects import CreateItem
from realtime_sync.voice.output import SinkOutput
from realtime_sync.voice.rules import VoiceState
from realtime_sync.voice.takers import Takers

CHUNK = b"\1\0" * 480
OFF = {"create_response": False, "interrupt_response": False}


class Line:
    """A source that says what it is given, until it is closed."""

    rate = RATE

    def __init__(self, *chunks: bytes, closing: Exception | None = None) -> None:
        self._chunks: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()
        self._closing = closing
        self.say(*chunks)
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := Guard().get(self._chunks, "the end of the source")) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def say(self, *chunks: bytes | Exception) -> None:
        for chunk in chunks:
            self._chunks.put(chunk)

    def end(self) -> None:
        self._chunks.put(None)

    def close(self) -> None:
        self.closed.set()
        self.end()
        if self._closing is not None:
            raise self._closing


class Talk:
    """A loop on a thread of its own, whose clock stands still.

    Attributes:
        events: what `on_event` got.
    """

    def __init__(
        self,
        *script: Any,
        sink: Any = None,
        source: Any = None,
        on_event: Callable[[Any], object] = lambda _: None,
        connection: ScriptedConnection | None = None,
        **options: Any,
    ) -> None:
        self.clock = AudioClock()
        self.connection = connection or ScriptedConnection(AudioClock())
        self.sent: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._react, self.connection._react = self.connection._react, self._note_sent
        self.connection.feed(*script)
        self.sink = sink or VirtualSpeaker(clock=self.clock)
        self.source = source or Line()
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.events: list[Any] = []
        self._on_event = on_event
        self.failure: BaseException | None = None
        self.loop = VoiceLoop(
            self.connection,
            self.source,
            self.sink,
            on_event=self._note,
            clock=self.clock,
            **options,
        )
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Talk:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()
        Guard().join(self.thread)

    def ends(self) -> BaseException | None:
        """Wait for the end, and return what it was."""
        Guard().join(self.thread)
        return self.failure

    def wait_for(self, kind: str) -> Any:
        while (message := Guard().get(self.seen, kind)).type != kind:
            pass
        return message

    def wait_sent(self, kind: str) -> dict[str, Any]:
        while (message := Guard().get(self.sent, kind))["type"] != kind:
            pass
        return message

    def _note_sent(self, message: dict[str, Any]) -> list[Any]:
        self.sent.put(message)
        return self._react(message)

    def _note(self, message: Any) -> None:
        self.events.append(message)
        self.seen.put(message)
        self._on_event(message)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as exc:
            self.failure = exc


def words(text: str = "x") -> Any:
    ids = {"response_id": "r1", "item_id": "a", "output_index": 0, "content_index": 0}
    return event("response.output_audio_transcript.delta", delta=text, **ids)


# -- a program that takes no events --------------------------------------------------------------


def test_an_interruption_waits_for_no_program(guard: Guard) -> None:
    takes_one, goes_on = threading.Event(), threading.Event()

    def take(_: object) -> None:
        takes_one.set()
        guard.wait(goes_on, "the test")

    script = (session(), created("r1"), delta("r1", "a", 500))
    with Talk(*script, on_event=take) as talk:
        guard.wait(takes_one, "the program's first event")
        guard.until(lambda: talk.loop._engine._output.idle is False, "the answer")
        guard.until(lambda: talk.sink.buffered_ms > 0, "the answer's sound")
        talk.clock.advance(0.1)
        talk.connection.feed(speech_started())
        assert talk.wait_sent("conversation.item.truncate")["audio_end_ms"] == 100
        assert talk.sink.drain(0)
        assert len(talk.events) == 1, "it has not returned from the first one"
        goes_on.set()
        assert talk.wait_for("voice.interrupted").audio_end_ms == 100


def test_of_too_many_events_the_oldest_deltas_are_dropped_and_counted(guard: Guard) -> None:
    goes_on = threading.Event()
    error = event("error", error={"type": "server_error", "message": "what?"})
    script = (session(), created("r1"), error, *[words(str(n)) for n in range(5000)])
    with Talk(*script, on_event=lambda _: guard.wait(goes_on, "the test")) as talk:
        talk.connection.feed(speech_started(), done("r1"), speech_stopped())
        talk.connection.feed(created("r2"), done("r2"))
        guard.until(lambda: talk.loop.dropped_events > 900, "the overflow")
        guard.until(lambda: talk.connection._line.empty(), "the end of the script")
        goes_on.set()
        while talk.wait_for("response.done").response.id != "r2":
            pass
        types = [one.type for one in talk.events]
        for kind in ("error", "voice.interrupted", "voice.turn_ended", "response.done"):
            assert kind in types
        deltas = [one.delta for one in talk.events if one.type.endswith(".delta")]
        assert len(deltas) + talk.loop.dropped_events == 5000
        assert deltas == [str(n) for n in range(5000 - len(deltas), 5000)]


def test_what_can_not_be_dropped_ends_it(guard: Guard) -> None:
    goes_on = threading.Event()
    error = event("error", error={"type": "server_error", "message": "what?"})
    talk = Talk(session(), *[error] * 5000, on_event=lambda _: guard.wait(goes_on, "the test"))
    with talk:
        guard.until(lambda: talk.loop._box.closed, "the end of the engine")
        goes_on.set()
        assert isinstance(talk.ends(), QueueFullError)


# -- a sink that waits, or fails -----------------------------------------------------------------


class SlowSink(Sink):
    """Its write waits until it is cleared."""

    rate = RATE

    def __init__(self) -> None:
        self.entered, self.cleared = threading.Event(), threading.Event()

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        self.entered.set()
        Guard().wait(self.cleared, "an interruption")

    def clear(self) -> None:
        self.cleared.set()

    def drain(self, timeout: float | None = None) -> bool:
        return True

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return 0


def test_an_interruption_waits_for_no_write(guard: Guard) -> None:
    sink = SlowSink()
    with Talk(session(), created("r1"), delta("r1", "a", 500), sink=sink) as talk:
        guard.wait(sink.entered, "the write")
        talk.connection.feed(words(), speech_started())
        talk.wait_for("response.output_audio_transcript.delta")
        assert talk.wait_sent("conversation.item.delete")["item_id"] == "a"


def test_the_end_of_an_answer_is_played_before_the_sink_is_told_of_it() -> None:
    """What a resampler holds back is part of it."""
    told: list[str] = []

    class Told(VirtualSpeaker):
        def write(self, audio: bytes, **where: Any) -> None:
            told.append("write")
            super().write(audio, **where)

        def flush(self) -> None:
            told.append("flush")
            super().flush()

    sink = Told(rate=16_000, clock=(clock := AudioClock()))
    script = (session(), created("r1"), delta("r1", "a", 500), audio_done("r1", "a"), done("r1"))
    connection = ScriptedConnection(clock, *script)
    source = Line()
    source.end()
    make_loop(connection, source, sink, lambda _: None).run()
    assert sink.played_ms("a") == 500
    assert told[-1] == "flush"


class BrokenSink(VirtualSpeaker):
    """Fails wherever the test says."""

    def __init__(self, where: str) -> None:
        super().__init__(clock=AudioClock())
        self.where = where

    def write(self, audio: bytes, **where: Any) -> None:
        if "write" in self.where:
            raise DeviceError("the speaker is gone")
        super().write(audio, **where)

    def clear(self) -> None:
        if "clear" in self.where:
            raise DeviceError("the speaker is gone")
        super().clear()


@pytest.mark.parametrize("where", ["write", "clear", "write and clear"])
def test_a_sink_that_fails_ends_it_with_that_error(where: str) -> None:
    with Talk(session(), created("r1"), sink=BrokenSink(where)) as talk:
        talk.connection.feed(delta("r1", "a", 500) if "write" in where else speech_started())
        assert isinstance(talk.ends(), DeviceError)
        assert talk.source.closed.is_set()


def test_one_that_fails_while_the_rest_plays_out_is_told_too() -> None:
    class Fails(BrokenSink):
        def drain(self, timeout: float | None = None) -> bool:
            return False

    sink = Fails("")
    script = (session(), created("r1"), delta("r1", "a", 100), delta("r1", "a", 100))
    with Talk(*script, sink=sink) as talk:
        talk.wait_for("voice.answer_started")
        Guard().until(lambda: sink.buffered_ms == 200, "the sound")
        sink.where = "write"
        talk.connection.feed(delta("r1", "a", 100), ConnectionClosedOK(1000))
        assert isinstance(talk.ends(), DeviceError)


# -- a source that fails -------------------------------------------------------------------------


def test_a_source_that_fails_ends_it_with_that_error() -> None:
    with Talk(session()) as talk:
        talk.source.say(CHUNK, DeviceError("the microphone is gone"))
        assert isinstance(talk.ends(), DeviceError)


def test_one_that_can_not_be_closed_does_not_keep_it() -> None:
    source = Line(closing=DeviceError("the microphone is gone"))
    talk = Talk(session(), ConnectionClosedOK(1000), source=source)
    talk.thread.start()
    assert isinstance(talk.ends(), DeviceError)
    assert talk.loop._box.closed
    assert talk.loop._engine._output._player._over, "all else was given back"


# -- what other threads want ---------------------------------------------------------------------


def test_who_is_muted_sends_silence() -> None:
    with Talk(session()) as talk:
        heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        talk.connection.append = lambda *, audio: heard.put(audio)  # type: ignore[method-assign]
        for muted in (True, False):
            talk.loop.mute(muted)
            assert talk.loop.muted is muted
            talk.source.say(CHUNK)
            assert Guard().get(heard, "the chunk") == (bytes(960) if muted else CHUNK)


def test_it_can_be_closed_from_on_event() -> None:
    talk = Talk(session(), on_event=lambda _: talk.loop.close())
    talk.thread.start()
    assert talk.ends() is None
    assert talk.source.closed.is_set()


def test_before_it_runs_what_is_wanted_waits_and_after_its_end_nothing_is_done() -> None:
    connection = ScriptedConnection(AudioClock())
    connection.feed(created("r1"), delta("r1", "a", 500))
    talk = Talk(connection=connection)
    talk.loop.interrupt()
    talk.loop.say("Hello.")
    assert connection.sent == []
    with talk:
        said = talk.wait_sent("response.create")
        assert '"Hello."' in said["response"]["instructions"]
    talk.loop.interrupt()
    talk.loop.say("Bye.")
    talk.loop.close()
    assert len(connection.sent) == 1


def test_a_button_that_is_pressed_after_the_end_keeps_nobody() -> None:
    manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    with Talk(event("session.updated", session=manual), push_to_talk=True) as talk:
        talk.wait_for("session.updated")
    talk.loop.press()
    talk.loop.release()


def test_what_could_not_be_sent_is_told_to_whoever_wanted_it() -> None:
    class Lost(ScriptedConnection):
        def cancel(self, **_: Any) -> None:
            raise ConnectionClosedError(1006, "link lost")

    lost = Lost(AudioClock())
    with Talk(session(), created("r1"), connection=lost) as talk:
        talk.wait_for("response.created")
        with pytest.raises(ConnectionClosedError):
            talk.loop.interrupt()
        assert talk.thread.is_alive(), "the connection itself says when it is over"


@pytest.mark.parametrize("strike", [KeyboardInterrupt, ZeroDivisionError])
def test_what_strikes_the_program_ends_it(strike: type[BaseException]) -> None:
    def fail(message: Any) -> None:
        if message.type == "voice.answer_started":
            raise strike

    talk = Talk(session(), created("r1"), delta("r1", "a", 500), on_event=fail)
    talk.thread.start()
    assert isinstance(talk.ends(), strike)
    assert talk.source.closed.is_set()
    assert talk.sink.drain(0)
    assert talk.loop._engine._thread is not None
    assert not talk.loop._engine._thread.is_alive()


# -- tools ---------------------------------------------------------------------------------------


def test_a_tool_that_takes_too_long_is_told_so(guard: Guard) -> None:
    over = threading.Event()
    script = (session(), created("r1"), call_done("r1", "c1", "slow"), done("r1"))
    tools = {"slow": lambda: guard.wait(over, "the test")}
    with Talk(*script, tools=tools, tool_timeout=0.01) as talk:
        output = talk.wait_sent("conversation.item.create")["item"]["output"]
        assert "timed out" in output
        assert talk.wait_for("voice.tool_finished").failed
        talk.wait_sent("response.create")
        over.set()


def test_the_output_of_a_call_that_went_with_its_link_is_told_and_not_sent(guard: Guard) -> None:
    goes_on = threading.Event()

    def slow() -> str:
        guard.wait(goes_on, "the test")
        return "5"

    script = (session(), created("r1"), call_done("r1", "c1", "slow"))
    with Talk(*script, tools={"slow": slow}) as talk:
        talk.wait_for("voice.tool_started")
        state = talk.connection.state
        state.link_lost(state.requested)
        state.history.keep([])
        talk.connection.feed(Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
        talk.wait_for("reconnected")
        goes_on.set()
        assert talk.wait_for("voice.tool_output_lost").call_id == "c1"
    assert talk.connection.types() == ["response.create"], "the answer was lost, too"


# -- the session ---------------------------------------------------------------------------------


def refusal(event_id: str) -> Any:
    wire = {"type": "invalid_request_error", "message": "no such voice", "event_id": event_id}
    return event("error", error=wire)


def test_an_update_that_was_refused_before_it_ran_ends_it() -> None:
    connection = ScriptedConnection(AudioClock())
    connection.update(session={"voice": "x"}, event_id="u1")
    with Talk(session(), refusal("u1"), connection=connection) as talk:
        pass
    connection = ScriptedConnection(AudioClock())
    connection.update(session={"voice": "x"}, event_id="u1")
    with Talk(refusal("u1"), connection=connection) as talk:
        failure = talk.ends()
        assert isinstance(failure, ServerError)
        assert "no such voice" in str(failure)


def test_one_that_is_refused_later_is_an_event() -> None:
    with Talk(session()) as talk:
        talk.wait_for("session.updated")
        talk.connection.update(session={"voice": "x"}, event_id="u2")
        talk.connection.feed(refusal("u2"))
        assert "no such voice" in talk.wait_for("error").error.message
        talk.connection.feed(done("r1"))
        talk.wait_for("response.done")


# -- interruptions by rule -----------------------------------------------------------------------


def test_a_false_one_pauses_the_sink_and_goes_on() -> None:
    rule = Interruptions(resume=True, backchannels=None)
    with Talk(session(**OFF), interruptions=rule) as talk:
        talk.connection.feed(created("r1"), delta("r1", "a", 500), done("r1"))
        talk.wait_for("voice.answer_started")
        Guard().until(lambda: talk.sink.buffered_ms == 500, "the sound")
        talk.clock.advance(0.1)
        talk.connection.feed(speech_started())
        talk.wait_for("voice.paused")
        talk.clock.advance(0.9)
        assert talk.sink.played_ms("a") <= 105, "the fade"
        talk.connection.feed(
            event("input_audio_buffer.speech_stopped", item_id="user", audio_end_ms=1200)
        )
        assert talk.wait_for("voice.false_interruption").paused_ms == 900
        talk.connection.feed(event("input_audio_buffer.committed", item_id="user"))
        assert talk.wait_sent("conversation.item.delete")["item_id"] == "user"
        talk.clock.advance(0.4)
        assert talk.sink.played_ms("a") >= 495
        assert talk.connection.types() == ["conversation.item.delete"]


def test_a_verdict_comes_by_time_alone() -> None:
    with Talk(session(**OFF), interruptions=Interruptions(resume=True, backchannels=None)) as talk:
        talk.connection.feed(created("r1"), delta("r1", "a", 5000))
        Guard().until(lambda: talk.sink.buffered_ms > 0, "the sound")
        talk.clock.advance(0.1)
        talk.connection.feed(speech_started())
        talk.wait_for("voice.paused")
        talk.clock.advance(1.5)
        talk.connection.wake()
        assert talk.wait_for("voice.interrupted").item_id == "a"
        assert talk.connection.types() == ["response.cancel", "conversation.item.truncate"]


def test_when_the_server_closes_a_paused_answer_is_heard_to_its_end() -> None:
    clock = AudioClock()
    sink = VirtualSpeaker(clock=clock)
    connection = ScriptedConnection(AudioClock())
    source = Line()
    seen: list[str] = []

    def note(message: Any) -> None:
        seen.append(message.type)
        if message.type == "voice.paused":
            connection.feed(ConnectionClosedOK(1000))

    script = (session(**OFF), created("r1"), delta("r1", "a", 500), done("r1"), speech_started())
    connection.feed(*script)
    rule = Interruptions(resume=True, backchannels=None)
    make_loop(connection, source, sink, note, interruptions=rule, clock=clock).run()
    assert sink.played_ms("a") == 500
    assert "voice.resumed" in seen
    assert connection.sent == []


def test_rules_that_a_session_does_not_allow_end_it_at_the_start() -> None:
    with Talk(session(), interruptions=Interruptions(resume=True)) as talk:
        failure = talk.ends()
        assert isinstance(failure, ConfigError)
        assert "transcription" in str(failure)


# -- silence -------------------------------------------------------------------------------------


def test_the_rule_of_silence_ends_it() -> None:
    def react(message: dict[str, Any]) -> list[Any]:
        return [created("r1"), done("r1")] if message["type"] == "response.create" else []

    connection = ScriptedConnection(clock := AudioClock(), session(), react=react)
    seen: list[Any] = []
    idle = IdleRule(after_s=15, say="Are you there?", end_after_s=10)
    began = clock()
    source = Line()
    make_loop(connection, source, VirtualSpeaker(clock=clock), seen.append, idle=idle).run()
    told = [one for one in seen if one.type.startswith("voice.idle")]
    assert [one.type for one in told] == ["voice.idle_prompted", "voice.idle_ended"]
    assert told[0].silent_s == pytest.approx(15, abs=0.5)
    assert told[1].silent_s == pytest.approx(10, abs=0.5)
    assert clock() - began == pytest.approx(25, abs=1)
    assert source.closed.is_set()


def test_sound_of_an_answer_is_no_silence() -> None:
    connection = ScriptedConnection(clock := AudioClock(), session())
    connection.feed(created("r1"), delta("r1", "a", 20_000), done("r1"))
    sink = VirtualSpeaker(clock=clock)
    seen: list[Any] = []
    rule = IdleRule(after_s=5, end_after_s=5)
    make_loop(connection, Line(), sink, seen.append, idle=rule).run()
    assert sink.played_ms("a") == 20_000


def test_what_a_server_plays_to_a_caller_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = ScriptedConnection(clock := AudioClock(), session())
    began = clock()
    heard = property(lambda _: clock() < began + 20)
    monkeypatch.setattr(VoiceState, "is_heard_on_line", heard)
    sink = VirtualSpeaker(clock=clock)
    rule = IdleRule(after_s=5, end_after_s=5)
    make_loop(connection, Line(), sink, lambda _: None, idle=rule).run()
    assert clock() - began == pytest.approx(30, abs=1)


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interruptions": "off"}, "is no rule"),
        ({"idle": 5}, "is no rule"),
        ({"interruptions": Interruptions(), "half_duplex": True}, "exclude one another"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Talk(**options)


def test_only_what_is_decided_here_can_be_protected() -> None:
    for say in (lambda loop: loop.say("Fire!", interruptible=False),
                lambda loop: loop.respond(interruptible=False)):  # fmt: skip
        with pytest.raises(ConfigError, match="the server decides"):
            say(Talk().loop)
        say(Talk(interruptions=Interruptions()).loop)
        say(Talk(interruptions=False).loop)
    for nothing in ("", "  ", None):
        with pytest.raises(ConfigError, match="words"):
            Talk().loop.say(nothing)  # type: ignore[arg-type]


def test_a_button_needs_no_words() -> None:
    """What is said is known when it is released, and then it is a turn."""
    manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    rule = Interruptions(resume=True)
    with Talk(
        event("session.updated", session=manual), push_to_talk=True, interruptions=rule
    ) as talk:
        talk.wait_for("session.updated")
        talk.loop.press()
    assert talk.failure is None


# -- what it works with ----------------------------------------------------------------------------


class Besides:
    """Further rules that note what they are asked, and want one thing done."""

    busy = False
    due_at: float | None = None

    def __init__(self, loop: VoiceLoop) -> None:
        self.asked: list[Any] = []
        self._state = loop._state
        kinds = (ResponseCreated, ResponseDone, SessionUpdated)
        self.handlers = dict.fromkeys(kinds, self._receive)

    def begin(self) -> list[Any]:
        self.asked.append("begin")
        return []

    def _receive(self, told: Any) -> list[Any]:
        self.asked.append((told.type, self._state.busy))
        return [CreateItem({"type": "message"})] if told.type == "response.done" else []

    def tick(self) -> list[Any]:
        return []


def besides(talk: Talk) -> Besides:
    """Give a talk further rules, before it begins."""
    engine, rules = talk.loop._engine, Besides(talk.loop)
    engine._further = (rules,)
    engine._takers = Takers(engine._state, engine._further)
    return rules


def test_further_rules_are_asked_after_those_of_the_conversation() -> None:
    talk = Talk(session(), created("r1"))
    rules = besides(talk)
    with talk:
        talk.wait_for("response.created")
        talk.connection.feed(done("r1"))
        assert talk.wait_sent("conversation.item.create")["item"] == {"type": "message"}
    assert rules.asked[:2] == ["begin", ("session.updated", False)]
    assert ("response.created", True) in rules.asked, "the other rules know of it already"


def test_over_a_new_link_further_rules_are_asked_first() -> None:
    talk = Talk(session(), Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    rules = besides(talk)
    asked: list[str] = []

    def noted(name: str) -> Callable[[Any], list[Any]]:
        return lambda _: asked.append(name) or []  # type: ignore[func-returns-value]

    rules.handlers[Reconnected] = noted("further")
    talk.loop._state.handlers[Reconnected] = noted("conversation")
    with talk:
        talk.wait_for("reconnected")
    assert asked == ["further", "conversation"]


def test_the_rules_learn_that_an_event_came_unless_it_is_a_new_link() -> None:
    limits = event("rate_limits.updated", rate_limits=[])
    lost = Reconnected(code=1006, attempts=1, lost=[], lost_items=[])
    talk = Talk(session(), limits, lost, created("r1"))
    came: list[str] = []
    talk.loop._state.came = lambda told: came.append(told.type) or ()  # type: ignore[func-returns-value]
    with talk:
        talk.wait_for("response.created")
    assert came == ["session.updated", "rate_limits.updated", "response.created"]


def test_busy_further_rules_keep_it_going(guard: Guard) -> None:
    talk = Talk(session())
    rules = besides(talk)
    rules.busy = True
    with talk:
        talk.wait_for("session.updated")
        assert talk.loop.idle is False
        rules.busy = False
        talk.clock.advance(1)
        guard.until(lambda: talk.loop.idle, "nothing to be going on")


class FullBox:
    """An audience that has no room, until a test makes some."""

    def __init__(self, loop: VoiceLoop) -> None:
        self.is_full = True
        self._box = loop._box
        self.put, self.flush, self.close = self._box.put, self._box.flush, self._box.close

    def has_room(self) -> bool:
        return not self.is_full


def full(talk: Talk) -> FullBox:
    box = talk.loop._engine._audience = FullBox(talk.loop)  # type: ignore[assignment]
    return box  # type: ignore[return-value]


class CountingBox:
    """An audience that counts how often it is to be woken, and for how many events."""

    def __init__(self, loop: VoiceLoop) -> None:
        self.bursts: list[int] = []
        self.count = 0
        self._box = loop._box
        self.has_room, self.close = self._box.has_room, self._box.close

    def put(self, event: object) -> None:
        self.count += 1
        self._box.put(event)

    def flush(self) -> None:
        self.bursts.append(self.count)
        self.count = 0
        self._box.flush()


def test_who_listens_is_woken_for_a_burst_and_not_for_each_event() -> None:
    talk = Talk(session(), created("r1"), *[delta("r1", "a", 20) for _ in range(100)], done("r1"))
    box = talk.loop._engine._audience = CountingBox(talk.loop)
    with talk:
        talk.wait_for("response.done")
    first = box.bursts[0]
    assert first == 32, "no more than so many wait for the others"
    assert len(box.bursts) <= 8, box.bursts


def test_what_changes_nothing_is_no_reason_to_look_around() -> None:
    limits = event("rate_limits.updated", rate_limits=[])
    words = event(
        "conversation.item.input_audio_transcription.delta", item_id="u", delta=" and then"
    )
    talk = Talk(session(), *[limits, words] * 50, done("r1"))
    ticks, tick = [], talk.loop._state.tick
    talk.loop._engine._state.tick = lambda: ticks.append(1) or tick()  # type: ignore[method-assign]
    with talk:
        talk.wait_for("response.done")
    assert 1 <= len(ticks) <= 20, "for 100 such events, and the time"


def test_who_listens_is_woken_before_a_message_is_sent() -> None:
    """It may have to wait for the peer."""
    talk = Talk(session(), created("r1"), delta("r1", "a", 20), speech_started())
    box = talk.loop._engine._audience = CountingBox(talk.loop)
    untold: list[int] = []
    talk._react = lambda _: untold.append(box.count) or []
    with talk:
        talk.wait_sent("conversation.item.delete")
    assert untold == [0]
    assert box.bursts[0] >= 3


def test_while_nobody_takes_events_it_takes_none_but_obeys(guard: Guard) -> None:
    talk = Talk(session(), created("r1"), delta("r1", "a", 500))
    box = full(talk)
    with talk:
        talk.loop.respond({"instructions": "Go on."})
        assert talk.wait_sent("response.create")["response"] == {"instructions": "Go on."}
        assert talk.events == []
        box.is_full = False
        talk.loop._engine.post(list)
        talk.wait_for("response.output_audio.delta")


def test_who_takes_no_events_for_long_is_warned_once(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    talk = Talk(session())
    full(talk)
    with talk:
        engine = talk.loop._engine
        guard.until(lambda: engine._full_since is not None, "the engine to wait")
        talk.clock.advance(4.9)
        engine.call(list)
        engine.call(list)
        assert caplog.messages == []
        talk.clock.advance(0.1)
        for _ in range(4):
            engine.call(list)
    (message,) = caplog.messages
    assert "5 s" in message


# -- in its place, while it waits -----------------------------------------------------------------


@pytest.fixture
def heard(guard: Guard) -> Iterator[Talk]:
    """A talk in the middle of an answer whose beginning was heard."""
    with Talk(session(), created("r1"), delta("r1", "a", 500), words()) as talk:
        talk.wait_for("response.output_audio_transcript.delta")
        guard.until(lambda: talk.sink.buffered_ms, "the sound")
        talk.clock.advance(0.1)
        guard.until(lambda: not talk.loop._engine._awaits_sound, "its beginning")
        yield talk


def test_what_makes_nothing_due_is_taken_in_its_place(heard: Talk, guard: Guard) -> None:
    engine, limits = heard.loop._engine, event("rate_limits.updated", rate_limits=[])
    box = engine._audience = CountingBox(heard.loop)
    engine._takers[type(limits)]  # an event of that type has come before
    assert heard.connection.feed_aside(delta("r1", "a", 500), words("y"), limits) == [True] * 3
    assert heard.connection.feed_aside(done("r1")) == [False]
    assert heard.wait_for("response.output_audio_transcript.delta").delta == "y"
    heard.wait_for("rate_limits.updated")
    guard.until(lambda: heard.sink.buffered_ms == 900, "the sound")
    assert box.bursts[:3] == [1] * 3, "who listens is woken when no more comes"


def test_where_it_has_to_look_for_the_first_sound_nobody_takes_its_place(heard: Talk) -> None:
    woken = wakes(heard)
    assert heard.connection.feed_aside(delta("r1", "b", 20), words()) == [True, False]
    assert woken, "it is told that there is something to look for"


def test_what_is_decided_in_its_place_it_does_itself(guard: Guard) -> None:
    talk = Talk(session(), created("r1"))
    rules, done_by = besides(talk), list[str]()
    first, second = CreateItem({"type": "first"}), CreateItem({"type": "second"})
    rules.handlers[ResponseOutputTextDelta] = lambda _: [first, second]  # type: ignore[assignment]
    talk._react = lambda _: done_by.append(threading.current_thread().name) or []
    with talk:
        talk.wait_for("response.created")
        woken = wakes(talk)
        assert talk.connection.feed_aside(written()) == [True]
        assert talk.wait_sent("conversation.item.create")["item"] == {"type": "first"}
        assert talk.wait_sent("conversation.item.create")["item"] == {"type": "second"}
        assert woken
    assert done_by == ["realtime_sync.voice"] * 2


def test_what_is_decided_in_its_place_is_done_before_it_looks_around() -> None:
    """Rules that are asked in between would find the decision made, and nothing of it done."""
    talk = Talk(session(), created("r1"))
    rules, order = besides(talk), list[str]()
    rules.handlers[ResponseOutputTextDelta] = lambda _: [CreateItem({"type": "message"})]  # type: ignore[assignment]
    talk._react = lambda _: order.append("sent") or []  # type: ignore[func-returns-value]
    with talk:
        talk.wait_for("response.created")
        rules.tick = lambda: order.append("asked") or []  # type: ignore[method-assign,func-returns-value]
        assert talk.connection.feed_aside(written()) == [True]
        talk.wait_sent("conversation.item.create")
    assert order[0] == "sent"


def test_what_fails_in_its_place_ends_it() -> None:
    talk = Talk(session(), created("r1"))
    rules, failure = besides(talk), ValueError("what nobody has foreseen")

    def fail(_: Any) -> list[Any]:
        raise failure

    rules.handlers[ResponseOutputTextDelta] = fail
    with talk:
        talk.wait_for("response.created")
        woken = wakes(talk)
        assert talk.connection.feed_aside(written()) == [True]
        assert talk.ends() is failure
        assert woken


def test_what_finds_no_room_waits_for_it(heard: Talk) -> None:
    box = full(heard)
    assert not heard.loop._engine.take(words("y"))
    box.is_full = False
    heard.loop._engine.post(list)
    assert heard.connection.feed_aside(words("z")) == [True]
    assert heard.wait_for("response.output_audio_transcript.delta").delta == "z"


def test_at_rest_it_begins_itself(guard: Guard) -> None:
    """It has to look around more often from then on."""
    with Talk(session()) as talk:
        guard.until(lambda: talk.loop._engine._pace_s > 3, "its rest")
        assert talk.connection.feed_aside(words()) == [False]


def test_where_the_output_calls_the_program_nobody_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SinkOutput, "calls_program", True)
    with Talk(session(), created("r1")) as talk:
        talk.wait_for("response.created")
        assert talk.connection.stand_in is None


def wakes(talk: Talk) -> list[None]:
    """Note how often the engine is woken."""
    noted: list[None] = []
    talk.connection.wake = lambda: noted.append(None)  # type: ignore[method-assign]
    return noted


def written() -> Any:
    ids = {"response_id": "r1", "item_id": "a", "output_index": 0, "content_index": 0}
    return event("response.output_text.delta", delta="x", **ids)


class LeftSpeaker(VirtualSpeaker):
    """A speaker that nobody may hear any more."""

    gone = False


def test_where_nobody_hears_it_any_more_no_answer_is_waited_for() -> None:
    sink = LeftSpeaker(clock=AudioClock())
    script = (session(), created("r1"), delta("r1", "a", 5_000))
    with Talk(*script, sink=sink) as talk:
        talk.wait_for("response.output_audio.delta")
        sink.gone = True
        talk.loop.interrupt()  # whatever makes the engine look around
        assert talk.thread.is_alive(), "the user may still speak"
        talk.source.end()
        assert talk.ends() is None
    assert talk.loop._engine.ended_by == "source"


@pytest.mark.parametrize("by", ["stop", "server", "source", "idle"])
def test_it_says_what_has_ended_it(guard: Guard, by: str) -> None:
    rule = IdleRule(after_s=5, end_after_s=10) if by == "idle" else None
    talk = Talk(session(), idle=rule)
    with talk:
        talk.wait_for("session.updated")
        if by == "server":
            talk.connection.feed(ConnectionClosedOK(1000, "", closed_by="the server"))
        elif by == "source":
            talk.source.end()
        if by in ("source", "idle"):
            guard.until(lambda: passing(talk), "the end")
        elif by == "stop":
            talk.loop.close()
        assert talk.ends() is None
    assert talk.loop._engine.ended_by == by


def passing(talk: Talk) -> bool:
    """Let time pass; return whether the talk is over."""
    talk.clock.advance(0.5)
    return not talk.thread.is_alive()


# -- how often it looks around ---------------------------------------------------------------------


def _waits(talk: Talk) -> list[float]:
    """Note for how long the engine is ready to wait for each event."""
    noted: list[float] = []
    poll = talk.connection.poll

    def noting(timeout: float | None = None) -> Any:
        assert timeout is not None
        noted.append(timeout)
        return poll(timeout)

    talk.connection.poll = noting  # type: ignore[method-assign]
    return noted


def test_at_rest_nothing_is_looked_at(guard: Guard) -> None:
    talk = Talk(session())
    noted = _waits(talk)
    with talk:
        guard.until(lambda: 10.0 in noted, "its rest")


def test_silence_that_a_rule_is_for_is_looked_at(guard: Guard) -> None:
    talk = Talk(session(), idle=IdleRule(after_s=30))
    noted = _waits(talk)
    with talk:
        guard.until(lambda: talk.loop.idle, "its rest")
        guard.until(lambda: len(noted) > 20, "more looks")
    assert max(noted) == 0.2


def test_what_the_server_ends_is_looked_at_seldom(guard: Guard) -> None:
    """Ten times within the 30 s after which it is given up."""
    talk = Talk(session(), created("r1"))
    noted = _waits(talk)
    with talk:
        guard.until(lambda: 3.0 in noted, "its slow look")


def test_a_forked_child_has_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait for a thread that it has not."""
    with Talk(created("r1"), push_to_talk=True) as talk:
        talk.wait_for("response.created")
        with monkeypatch.context() as child:
            child.setattr(_fork, "_generation", _fork._generation + 1)
            for call in (talk.loop.interrupt, talk.loop.press, talk.loop.release):
                with pytest.raises(ConcurrencyError):
                    call()
            talk.loop.close()
        assert not talk.loop._engine.stopping
