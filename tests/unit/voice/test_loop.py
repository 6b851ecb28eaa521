"""The loop with a scripted server, virtual sound and a clock that passes without waiting."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
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
    pcm,
    session,
    speech_started,
    speech_stopped,
)

from realtime_sync.audio.g711 import encode_ulaw
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedError,
    ConnectionClosedOK,
    DeviceError,
    QueueFullError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync.tools import CallContext, describe
from realtime_sync.voice import (
    AnswerFailed,
    IdleRule,
    Interrupted,
    ToolFinished,
    ToolStarted,
    UnreadableMessage,
    VoiceLoop,
)

QUESTION = [bytes(960), b"\x01\x00" * 480]


class ListSource:
    """Speaks chunks, then ends, or waits for `close`, or fails."""

    rate = RATE

    def __init__(self, *chunks: bytes, end: Exception | None = None, wait: bool = False) -> None:
        self._chunks = chunks
        self._end = end
        self._wait = wait
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._wait:
            Guard().wait(self.closed, "the end of the source")
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


@pytest.fixture
def sink(clock: AudioClock) -> VirtualSpeaker:
    return VirtualSpeaker(clock=clock)


def talk(
    connection: ScriptedConnection,
    sink: Any,
    source: ListSource | None = None,
    on_event: Callable[[Any], object] = lambda _: None,
    **options: Any,
) -> list[Any]:
    events: list[Any] = []

    def note(message: Any) -> None:
        events.append(message)
        on_event(message)

    loop = make_loop(connection, source or ListSource(*QUESTION), sink, note, **options)
    loop.run()
    return events


ANSWER = (
    session(),
    speech_started(),
    speech_stopped(),
    created("r1"),
    delta("r1", "a", 500),
    audio_done("r1", "a"),
    done("r1"),
)


def test_a_turn_goes_up_and_its_answer_down(clock: AudioClock, sink: VirtualSpeaker) -> None:
    connection = ScriptedConnection(clock, *ANSWER)
    began = clock()
    events = talk(connection, sink)
    assert connection.heard == QUESTION
    assert connection.sent == []
    assert sink.played_ms("a") == 500
    assert [e.type for e in events] == [
        *(e.type for e in ANSWER[:3]),
        "voice.turn_ended",
        *(e.type for e in ANSWER[3:5]),
        "voice.answer_started",
        *(e.type for e in ANSWER[5:]),
        "voice.turn_metrics",
    ]
    assert clock() - began == pytest.approx(2.6, abs=0.3)  # 0.5 s of speech, 2 s of nothing


def test_an_interruption_silences_and_truncates_at_what_was_handed_out(
    clock: AudioClock,
) -> None:
    heard: list[bytes] = []
    sink = VirtualSpeaker(clock=clock, tap=heard.append)
    connection = ScriptedConnection(clock, *ANSWER[:5], delta("r1", "b", 300))
    source = ListSource(wait=True)

    def interrupt(message: Any) -> None:
        if message.type == "voice.answer_started":
            clock.advance(0.1234)
            connection.feed(speech_started(), delta("r1", "b", 300), done("r1", "cancelled"))
        elif message.type == "response.done" and message.response.status == "cancelled":
            source.close()
            connection.feed(speech_stopped(), created("r2"), done("r2"))
        seen.append(message)

    seen: list[Any] = []
    make_loop(connection, source, sink, interrupt).run()
    assert connection.sent == [
        {
            "type": "conversation.item.truncate",
            "item_id": "a",
            "content_index": 0,
            "audio_end_ms": 123,
        },
        {"type": "conversation.item.delete", "item_id": "b"},
    ]
    assert [e for e in seen if isinstance(e, Interrupted)] == [
        Interrupted(item_id="a", content_index=0, audio_end_ms=123, deleted=("b",))
    ]
    samples = b"".join(heard)
    spoken = round(0.1234 * RATE) * 2
    assert samples[:spoken] == pcm(1000)[:spoken]
    assert not any(samples[spoken + 2 * 5 * RATE // 1000 :])


def test_tools_run_beside_the_conversation_and_one_response_follows(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    threads: list[str] = []

    def weather(city: str) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {"city": city, "sky": "clear"}

    def fail() -> str:
        raise ValueError("no such thing")

    def react(message: dict[str, Any]) -> list[Any]:
        if message["type"] != "response.create":
            return []
        return [created("r2"), delta("r2", "a", 100), audio_done("r2", "a"), done("r2")]

    calls = (
        call_done("r1", "c1", "weather", '{"city": "Rome"}'),
        call_done("r1", "c2", "fail"),
        call_done("r1", "c3", "weather", '["Rome"]'),
        call_done("r1", "c4", "weather", "{"),
    )
    connection = ScriptedConnection(clock, *ANSWER[:4], *calls, done("r1"), react=react)
    events = talk(connection, sink, tools={"weather": weather, "fail": fail})
    outputs = {m["item"]["call_id"]: m["item"]["output"] for m in connection.sent[:-1]}
    assert outputs["c1"] == '{"city": "Rome", "sky": "clear"}'
    assert outputs["c2"] == '{"error": "ValueError: no such thing"}'
    assert outputs["c3"] == '{"error": "the arguments must be an object, not an array"}'
    assert outputs["c4"].startswith('{"error": "the arguments are not JSON: Expecting property')
    assert connection.types() == [*["conversation.item.create"] * 4, "response.create"]
    assert sink.played_ms("a") == 100
    assert threads[0].startswith("realtime_sync.tool")
    assert len([e for e in events if isinstance(e, ToolStarted)]) == 4
    finished = {e.call_id: e.failed for e in events if isinstance(e, ToolFinished)}
    assert finished == {"c1": False, "c2": True, "c3": True, "c4": True}


def test_what_is_described_is_called_with_checked_arguments(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    def weather(city: str, call: CallContext, days: int = 7) -> str:
        return f"{city}, {days} days, {call.call_id}"

    calls = (
        call_done("r1", "c1", "weather", '{"city": "Rome", "days": null}'),
        call_done("r1", "c2", "weather", '{"city": "Rome", "days": 2}'),
        call_done("r1", "c3", "weather", '{"city": "Rome", "days": "many"}'),
    )
    react = lambda message: (  # noqa: E731
        [created("r2"), done("r2")] if message["type"] == "response.create" else []
    )
    connection = ScriptedConnection(clock, *ANSWER[:4], *calls, done("r1"), react=react)
    talk(connection, sink, tools=[describe(weather)])
    outputs = {m["item"]["call_id"]: m["item"]["output"] for m in connection.sent[:-1]}
    assert outputs.pop("c1") == "Rome, 7 days, c1"
    assert outputs.pop("c2") == "Rome, 2 days, c2"
    assert "days must be" in outputs.pop("c3")


@pytest.mark.parametrize(("unknown_tools", "sent"), [("refuse", 2), ("leave", 0)])
def test_calls_that_nobody_declared(
    clock: AudioClock, sink: VirtualSpeaker, unknown_tools: str, sent: int
) -> None:
    calls = (call_done("r1", "c1", "made_up"), done("r1"))
    react = lambda message: (  # noqa: E731
        [created("r2"), done("r2")] if message["type"] == "response.create" else []
    )
    connection = ScriptedConnection(clock, *ANSWER[:4], *calls, react=react)
    talk(connection, sink, unknown_tools=unknown_tools)
    assert connection.types() == ["conversation.item.create", "response.create"][:sent]


def test_an_output_waits_for_the_answer_that_is_spoken(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    """And an out-of-band response beside it is none."""

    def react(message: dict[str, Any]) -> list[Any]:
        if message["type"] == "response.create":
            return [created("r3"), done("r3")]
        aside = {"id": "aside", "conversation_id": None}
        return [event(f"response.{name}", response=aside) for name in ("created", "done")] + [
            done("r2")
        ]

    calls = (call_done("r1", "c1", "look"), done("r1"), created("r2"))
    connection = ScriptedConnection(clock, *ANSWER[:4], *calls, react=react)
    talk(connection, sink, tools={"look": lambda: "seen"})
    assert connection.types() == ["conversation.item.create", "response.create"]


def test_no_answer_is_asked_for_before_the_response_is_over(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    def react(message: dict[str, Any]) -> list[Any]:
        if message["type"] == "response.create":
            return [created("r2"), done("r2")]
        assert connection.types() == ["conversation.item.create"]
        return [done("r1")]

    connection = ScriptedConnection(clock, *ANSWER[:4], call_done("r1", "c1", "look"), react=react)
    talk(connection, sink, tools={"look": lambda: "seen"})
    assert connection.types() == ["conversation.item.create", "response.create"]


def test_an_output_that_can_not_be_sent_does_not_keep_the_loop(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    class Full(ScriptedConnection):
        def create(self, **_: Any) -> None:
            raise QueueFullError("no room while the link is made anew")

    connection = Full(clock, *ANSWER[:4], call_done("r1", "c1", "look"), done("r1"))
    talk(connection, sink, tools={"look": lambda: "seen"})
    assert connection.sent == []


def test_a_slow_tool_does_not_keep_the_user_from_interrupting(
    clock: AudioClock, sink: VirtualSpeaker, guard: Guard
) -> None:
    interrupted = threading.Event()
    call = call_done("r1", "c1", "slow")
    connection = ScriptedConnection(clock, *ANSWER[:4], call, done("r1"), speech_started())

    def slow() -> str:
        guard.wait(interrupted, "the interruption")
        return "late"

    def note(message: Any) -> None:
        starts.append(message.type == "input_audio_buffer.speech_started")
        if sum(starts) == 2:
            interrupted.set()
        if message.type == "voice.tool_finished":
            connection.feed(speech_stopped(), created("r2"), done("r2"))

    starts: list[bool] = []
    source = ListSource()
    make_loop(connection, source, sink, note, tools={"slow": slow}).run()
    assert connection.types() == ["conversation.item.create"]


def test_a_server_that_closes_in_order_is_heard_to_the_end(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    connection = ScriptedConnection(clock, *ANSWER, ConnectionClosedOK(1000))
    source = ListSource(wait=True)
    talk(connection, sink, source)
    assert sink.played_ms("a") == 500
    assert source.closed.is_set()


def test_a_connection_that_the_program_had_closed_is_an_error(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    source = ListSource(wait=True)
    connection = ScriptedConnection(clock, *ANSWER, ConnectionClosedOK(1000, closed_by="this side"))
    connection.closed = True
    with pytest.raises(ConnectionClosedOK, match=r"connect\(\) opens another"):
        talk(connection, sink, source)
    assert source.closed.is_set()
    assert sink.drain(0)


@pytest.mark.parametrize(("was_closed", "by"), [(False, "this side"), (True, "the server")])
def test_any_other_good_end_is_the_end(
    clock: AudioClock, sink: VirtualSpeaker, was_closed: bool, by: str
) -> None:
    connection = ScriptedConnection(clock, *ANSWER, ConnectionClosedOK(1000, closed_by=by))
    connection.closed = was_closed
    talk(connection, sink, ListSource(wait=True))
    assert sink.played_ms("a") == 500


def test_a_lost_connection_ends_it_at_once(clock: AudioClock, sink: VirtualSpeaker) -> None:
    source = ListSource(wait=True)
    with pytest.raises(ConnectionClosedError, match="link lost"):
        talk(
            ScriptedConnection(clock, *ANSWER, ConnectionClosedError(1006, "link lost")),
            sink,
            source,
        )
    assert sink.played_ms("a") == 0
    assert sink.drain(0)
    assert source.closed.is_set()


def raw_delta(audio: str, item: str = "a") -> Any:
    ids = {"response_id": "r1", "item_id": item, "output_index": 0, "content_index": 0}
    return event("response.output_audio.delta", **ids, delta=audio)


def test_a_message_that_can_not_be_read_is_reported_and_left_out(clock: AudioClock) -> None:
    heard: list[bytes] = []
    error = RemoteProtocolError("no event")
    damaged = raw_delta("AA!E")
    connection = ScriptedConnection(
        clock,
        *ANSWER[:4],
        error,
        delta("r1", "a", 250),
        damaged,
        delta("r1", "a", 250),
        *ANSWER[5:],
    )
    events = talk(connection, VirtualSpeaker(clock=clock, tap=heard.append))
    reports = [e.error for e in events if isinstance(e, UnreadableMessage)]
    assert reports[0] is error
    assert "is not base64" in str(reports[1])
    assert len(reports) == 2
    assert damaged in events
    assert pcm(500) in b"".join(heard)


def base64_of(audio: bytes) -> str:
    return b64encode(audio).decode()


def test_a_sample_that_is_split_over_two_pieces_is_put_together(clock: AudioClock) -> None:
    heard: list[bytes] = []
    whole = bytes(range(1, 201)) * 20
    pieces = [
        raw_delta(base64_of(piece)) for piece in (whole[:1001], whole[1001:1002], whole[1002:])
    ]
    connection = ScriptedConnection(clock, *ANSWER[:4], *pieces, *ANSWER[5:])
    talk(connection, VirtualSpeaker(clock=clock, tap=heard.append))
    assert whole in b"".join(heard)


def test_half_a_sample_does_not_shift_what_follows_damaged_audio(clock: AudioClock) -> None:
    heard: list[bytes] = []
    whole = bytes(range(1, 201)) * 20
    pieces = [raw_delta(text) for text in (base64_of(whole[:1001]), "AA!E", base64_of(whole))]
    connection = ScriptedConnection(clock, *ANSWER[:4], *pieces, *ANSWER[5:])
    talk(connection, VirtualSpeaker(clock=clock, tap=heard.append))
    assert whole[:1000] + whole in b"".join(heard)


def test_an_error_of_the_source_reaches_the_caller(clock: AudioClock, sink: VirtualSpeaker) -> None:
    source = ListSource(*QUESTION, end=DeviceError("the microphone is gone"))
    with pytest.raises(DeviceError, match="gone"):
        talk(ScriptedConnection(clock, session()), sink, source)


def test_an_error_of_the_source_in_a_silence_reaches_the_caller(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    """It ends a source that nothing has gone on beside for long, which would end well."""
    source = ListSource(wait=True, end=DeviceError("the microphone is gone"))
    connection = ScriptedConnection(clock, session())
    poll, began = connection.poll, clock()

    def fail_in_a_silence(timeout: float | None = None) -> Any:
        came = poll(timeout)
        if clock() > began + 5 and not source.closed.is_set():
            source.close()
            Guard().until(lambda: loop._uplink.ended, "the end of the source")
        return came

    connection.poll = fail_in_a_silence  # type: ignore[method-assign]
    loop = make_loop(connection, source, sink, lambda _: None)
    with pytest.raises(DeviceError, match="gone"):
        loop.run()


def test_an_error_of_the_callers_reaches_the_caller(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    source = ListSource(wait=True)
    connection = ScriptedConnection(clock, *ANSWER)
    with pytest.raises(ZeroDivisionError):
        make_loop(connection, source, sink, fail).run()
    assert source.closed.is_set()


def test_a_sink_may_have_another_rate_than_the_session(clock: AudioClock) -> None:
    heard: list[bytes] = []
    sink = VirtualSpeaker(rate=16000, clock=clock, tap=heard.append)
    talk(ScriptedConnection(clock, *ANSWER), sink)
    assert sink.played_ms("a") == 500
    samples = np.frombuffer(b"".join(heard), "<i2")
    assert np.count_nonzero(np.abs(samples) > 500) == pytest.approx(8000, abs=50)


def test_a_telephone_s_session_is_converted_both_ways(clock: AudioClock) -> None:
    phone = {"type": "audio/pcmu"}
    audio = {"input": {"format": phone}, "output": {"format": phone}}
    telephone = event("session.updated", session={"type": "realtime", "audio": audio})
    loud = raw_delta(base64_of(encode_ulaw(pcm(500, 8000)[:8000])))
    connection = ScriptedConnection(clock, telephone, *ANSWER[1:4], loud, *ANSWER[5:])
    connection.state.receive(telephone)
    sink = VirtualSpeaker(clock=clock)
    talk(connection, sink, ListSource(*[pcm(20)] * 50))
    assert sink.played_ms("a") == 500
    assert sum(map(len, connection.heard)) == pytest.approx(8000, abs=800)


def test_a_format_that_nobody_speaks_is_refused(clock: AudioClock, sink: VirtualSpeaker) -> None:
    audio = {"output": {"format": {"type": "audio/opus"}}}
    opus = event("session.updated", session={"type": "realtime", "audio": audio})
    with pytest.raises(ConfigError, match="audio/opus"):
        talk(ScriptedConnection(clock, opus), sink)


def test_an_answer_that_never_comes_is_an_error(clock: AudioClock, sink: VirtualSpeaker) -> None:
    for script in ((session(), speech_started()), (*ANSWER[:3],), (*ANSWER[:4],)):
        began = clock()
        with pytest.raises(RealtimeTimeout, match="owes an answer"):
            talk(ScriptedConnection(clock, *script), sink)
        assert clock() - began == pytest.approx(30, abs=0.5)


def test_an_answer_that_never_ends_is_given_up_and_the_next_is_asked_for(
    clock: AudioClock, sink: VirtualSpeaker, caplog: pytest.LogCaptureFixture
) -> None:
    def react(message: dict[str, Any]) -> list[Any]:
        if message["type"] != "response.create":
            return []
        loop.close()
        return [created("r2")]

    events: list[Any] = []

    def note(message: Any) -> None:
        events.append(message)
        if message.type == "voice.answer_started":
            loop.say("Are you there?")

    connection = ScriptedConnection(clock, *ANSWER[:5], react=react)
    loop = make_loop(connection, ListSource(wait=True), sink, note, answer_timeout=12)
    began = clock()
    loop.run()
    assert connection.types() == ["response.cancel", "response.create"]
    assert connection.sent[0]["response_id"] == "r1"
    assert sink.played_ms("a") == 500
    assert clock() - began == pytest.approx(12, abs=1)
    (failed,) = [e for e in events if isinstance(e, AnswerFailed)]
    assert (failed.response_id, failed.status) == ("r1", "timed_out")
    assert failed.reason == "nothing has come of it for 12 s"
    assert str(failed) in caplog.text


def test_one_that_never_ends_does_not_keep_an_idle_rule_waiting(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    events: list[Any] = []
    connection = ScriptedConnection(clock, *ANSWER[:5])
    idle = IdleRule(after_s=5, end_after_s=5)
    make_loop(connection, ListSource(wait=True), sink, events.append, idle=idle).run()
    assert [e.type for e in events if e.type.startswith("voice.")][-1] == "voice.idle_ended"


def test_it_can_be_closed_from_another_thread(
    clock: AudioClock, sink: VirtualSpeaker, guard: Guard
) -> None:
    connection = ScriptedConnection(clock, *ANSWER[:5])
    source = ListSource(wait=True)
    playing = threading.Event()

    def note(message: Any) -> None:
        if message.type == "voice.answer_started":
            playing.set()

    loop = make_loop(connection, source, sink, note)
    thread = threading.Thread(target=loop.run)
    thread.start()
    guard.wait(playing, "the answer")
    loop.close()
    guard.join(thread)
    assert source.closed.is_set()
    assert sink.drain(0)


def test_it_runs_once(clock: AudioClock, sink: VirtualSpeaker) -> None:
    loop = VoiceLoop(ScriptedConnection(clock, session()), ListSource(), sink, clock=clock)
    loop.run()
    with pytest.raises(ConcurrencyError, match="runs once"):
        loop.run()


def test_a_sink_needs_only_four_methods(clock: AudioClock) -> None:
    class Bare:
        rate = RATE

        def __init__(self) -> None:
            self.calls: list[str] = []

        def write(self, audio: bytes, *, item_id: str | None, content_index: int) -> None:
            self.calls.append(f"write {item_id} {content_index} {len(audio)}")

        def clear(self) -> None:
            self.calls.append("clear")

        def drain(self, timeout: float | None = None) -> bool:
            return True

        def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
            return 7

    sink = Bare()
    end = (speech_started(), speech_stopped(), created("r2"), done("r2"))
    connection = ScriptedConnection(clock, *ANSWER)

    def interrupt(message: Any) -> None:
        if message == ANSWER[-1]:
            connection.feed(*end)

    talk(connection, sink, on_event=interrupt)
    assert sink.calls == ["clear", "write a 0 24000", "clear"]
    assert connection.sent[0]["audio_end_ms"] == 7


def test_an_end_that_lacks_something_is_refused_at_the_door(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    connection = ScriptedConnection(clock)
    with pytest.raises(ConfigError, match=r"no sources, they lack: close, rate;"):
        VoiceLoop(connection, QUESTION, sink)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no sinks, they lack: clear, drain, played_ms, write;"):
        VoiceLoop(connection, ListSource(), ListSource())  # type: ignore[arg-type]


def test_what_is_no_time_for_a_tool_is_refused_at_the_door(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    with pytest.raises(ConfigError, match="timeout is 'soon'"):
        make_loop(ScriptedConnection(clock), ListSource(), sink, len, tool_timeout="soon")


def test_silence_before_the_beginning_does_not_count(
    clock: AudioClock, sink: VirtualSpeaker
) -> None:
    seen: list[str] = []
    rule = IdleRule(after_s=10, end_after_s=10)
    loop = make_loop(
        ScriptedConnection(clock, session()),
        ListSource(wait=True),
        sink,
        lambda message: seen.append(message.type),
        idle=rule,
    )
    clock.advance(100)
    began = clock()
    loop.run()
    assert seen[-1] == "voice.idle_ended"
    assert clock() - began >= 20


def test_other_events_only_pass_through(clock: AudioClock, sink: VirtualSpeaker) -> None:
    limits = event("rate_limits.updated", rate_limits=[])
    assert talk(ScriptedConnection(clock, limits), sink, ListSource()) == [limits]


def test_every_public_name_resolves() -> None:
    from realtime_sync import voice

    assert set(voice.__all__) == set(voice._HOME)
    assert set(voice.__all__) <= set(dir(voice))
    for name in voice.__all__:
        assert getattr(voice, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        voice.nothing_here  # noqa: B018 - the access is the test
