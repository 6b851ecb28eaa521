from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from guards import Guard
from scripted_device import ScriptedDevice
from session_script import SessionScript, answer, response, sound, speech, user_said, words

from realtime_sync.audio import microphone
from realtime_sync.distiller.audio_loop import AudioLoop
from realtime_sync.distiller.session_ends import end_of_link
from realtime_sync.errors import (
    ConfigError,
    ConnectionClosedError,
    ConnectionClosedOK,
    DeviceError,
    DistillerConnectionError,
    DistillerError,
    DistillerMessageError,
)
from realtime_sync.testing import MemorySink, MemorySource, VirtualClock

RATE = 16_000


def loop(session: SessionScript, **options: Any) -> tuple[AudioLoop, MemorySource, MemorySink]:
    source, sink = MemorySource(rate=RATE), MemorySink(rate=RATE)
    options = {"source": source, "sink": sink, **options}
    return AudioLoop(session, sample_rate=RATE, **options), source, sink


def answers_once(*said: dict[str, Any]) -> Any:
    """Answer the first audio of a turn."""

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and [each for each, _ in session.calls].count("audio") == 1:
            session.tell(*said)

    return on_call


def loud_ms(pcm: bytes) -> int:
    samples = memoryview(pcm).cast("h")
    return sum(1 for sample in samples if abs(sample) > 1000) * 1000 // RATE


def test_a_turn_ends_when_its_answer_was_heard(capsys: pytest.CaptureFixture[str]) -> None:
    said = [*user_said("what time is it"), *response(*answer("Clock", "It is noon.", speech()))]
    session = SessionScript(on_call=answers_once(*said))
    talk, source, sink = loop(session)
    source.say(speech())
    talk.listen()
    assert loud_ms(sink.played) == 200
    assert capsys.readouterr().out == "You: what time is it\nClock: It is noon.\n"
    assert session.names() == ["audio"]  # without VAD the server is told of no playback


def test_the_sound_of_several_agents_is_heard_in_one_response(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = response(
        *answer("Planner", "Let me ask.", speech(200)),
        *answer("Expert", "Forty-two.", speech(300)),
    )
    session = SessionScript(on_call=answers_once(*said))
    talk, source, sink = loop(session)
    source.say(speech(20))
    talk.listen()
    assert loud_ms(sink.played) == 500
    assert capsys.readouterr().out == "Planner: Let me ask.\nExpert: Forty-two.\n"


def test_the_microphone_is_closed_when_the_answer_begins() -> None:
    """Without VAD the server is not to hear its own answer."""
    session = SessionScript(on_call=answers_once(*response(*answer("A", "Yes.", speech()))))
    talk, source, _ = loop(session)
    source.say(speech(20))
    talk.listen()
    source.say(speech(2000))
    assert list(source) == []


@pytest.mark.parametrize(
    ("chosen", "chunk_ms"),
    [(None, 20), ({"device": "headset", "chunk_ms": 40}, 40)],
    ids=["the default", "another"],
)
def test_any_microphone_is_sent_in_chunks_as_short_as_its_own(
    chosen: dict[str, Any] | None, chunk_ms: int, monkeypatch: pytest.MonkeyPatch, guard: Guard
) -> None:
    device = ScriptedDevice(rate=48_000)
    device.install(monkeypatch, microphone)
    session = SessionScript(on_call=answers_once(*response(*answer("A", "Yes.", speech()))))
    opened = microphone.Microphone(rate=RATE, **chosen) if chosen else nullcontext()
    with opened as source:
        talk, _, _ = loop(session, source=source)
        talking = threading.Thread(target=talk.listen)
        talking.start()
        guard.until(lambda: device.active, "the microphone")
        for _ in range(4):
            device.turn(np.full((device.block_frames, 1), 3000))
        guard.join(talking)
    assert device.asked_for == (chosen or {}).get("device")
    sent = [value for name, value in session.calls if name == "audio"]
    assert {len(chunk) for chunk in sent} == {2 * RATE * chunk_ms // 1000}
    assert device.closed == 1


def test_a_text_is_answered_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "text":
            session.tell(*response(*answer("A", f"You wrote {value}.", speech())))

    session = SessionScript(on_call=on_call)
    talk, _, sink = loop(session)
    talk.ask("hello")
    assert loud_ms(sink.played) == 200
    assert session.calls == [("text", "hello")]
    assert capsys.readouterr().out == "A: You wrote hello.\n"


def test_an_answer_without_sound_ends_the_turn() -> None:
    session = SessionScript(on_call=answers_once(*response(*answer("A", "Silent.", None))))
    talk, source, sink = loop(session)
    source.say(speech(20))
    talk.listen()
    assert loud_ms(sink.played) == 0


def test_what_nobody_has_taken_before_is_not_played() -> None:
    session = SessionScript(on_call=answers_once(*response(*answer("A", "New.", speech(100)))))
    session.tell({"type": "session.created"}, *response(*answer("A", "Old.", speech(700))))
    talk, source, sink = loop(session)
    source.say(speech(20))
    talk.listen()
    assert loud_ms(sink.played) == 100


def test_with_vad_the_user_interrupts_and_the_turn_goes_on() -> None:
    clock = VirtualClock()
    sink = MemorySink(rate=RATE, clock=clock)
    source = MemorySource(rate=RATE)
    first = [{"type": "response.created"}, words("A", "A long answer"), sound(speech(5000))]
    second = response(*answer("A", "A short one.", speech(100)))

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and session.names() == ["audio"]:
            session.tell(*first)
        elif name == "started" and session.names().count("started") == 1:
            session.tell({"type": "response.interrupted"})
        elif name == "stopped" and session.names().count("stopped") == 1:
            session.tell(*user_said("stop"), *second)
        elif name == "started":
            ticker.start()

    def tick() -> None:
        while not heard.wait(0.001):
            clock.advance(0.02)

    heard, ticker = threading.Event(), threading.Thread(target=tick)
    session = SessionScript(vad_enabled=True, on_call=on_call)
    talk = AudioLoop(session, sample_rate=RATE, source=source, sink=sink)
    source.say(speech(20))
    talk.listen()
    heard.set()
    ticker.join()
    assert session.names() == ["audio", "started", "stopped", "started", "stopped"]
    assert loud_ms(sink.played) == 100  # the clock stood still while the first answer came


def test_with_vad_the_microphone_stays_open_for_all_turns() -> None:
    turns = 0

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        nonlocal turns
        if name == "audio" and turns == 0:
            turns += 1
            session.tell(*response(*answer("A", "One.", speech(100))))
        elif name == "stopped" and turns == 1:
            turns += 1
            session.tell(*response(*answer("A", "Two.", speech(100))))

    session = SessionScript(vad_enabled=True, on_call=on_call)
    talk, source, sink = loop(session)
    source.say(speech(20))
    talk.listen(turns=2)
    assert loud_ms(sink.played) == 200


def test_the_programs_event_cancels_the_answer_and_ends_the_turn() -> None:
    cancel = threading.Event()

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and session.names() == ["audio"]:
            session.tell({"type": "response.created"}, words("A", "So"), sound(speech(5000)))
        elif name == "cancel":
            session.tell({"type": "response.audio.done"}, {"type": "response.done"})

    clock = VirtualClock()
    sink = MemorySink(rate=RATE, clock=clock)
    session = SessionScript(on_call=on_call)
    source = MemorySource(rate=RATE)
    source.say(speech(20))
    presser = threading.Thread(target=lambda: (sink.wait_written(5000), cancel.set()))
    presser.start()
    AudioLoop(session, sample_rate=RATE, source=source, sink=sink, cancel_event=cancel).listen()
    presser.join()
    assert "cancel" in session.names()
    assert not cancel.is_set()
    clock.advance(10)
    assert loud_ms(sink.played) == 0


@pytest.mark.parametrize(
    "end",
    [end_of_link(ConnectionClosedError(1006, "the link was cut")), DistillerMessageError("full")],
    ids=["link", "message"],
)
def test_the_end_of_the_session_is_told_as_the_session_tells_it(end: DistillerError) -> None:
    session = SessionScript(on_call=answers_once({"type": "response.created"}, end))
    talk, source, _ = loop(session)
    source.say(speech(20))
    with pytest.raises(type(end), match=r"the link was cut|full"):
        talk.listen()


@pytest.mark.parametrize(
    ("turns", "closed_by", "is_end"),
    [(None, "the server", True), (1, "the server", False), (1, "this side", True)],
)
def test_a_session_that_is_closed_on_purpose_ends_what_has_no_end(
    turns: int | None, closed_by: str, is_end: bool
) -> None:
    end = end_of_link(ConnectionClosedOK(1000, closed_by=closed_by))
    session = SessionScript(on_call=answers_once(end))
    talk, source, _ = loop(session)
    source.say(speech(20))
    with nullcontext() if is_end else pytest.raises(DistillerConnectionError):
        talk.listen(turns)


class BrokenMicrophone(MemorySource):
    def __iter__(self) -> Any:
        raise DeviceError("the microphone went away")


def test_a_microphone_that_fails_ends_the_turn_with_its_error() -> None:
    talk, _, _ = loop(SessionScript(), source=BrokenMicrophone(rate=RATE))
    with pytest.raises(DeviceError, match="went away"):
        talk.listen()


class EndlessMicrophone(MemorySource):
    """Gives chunks as a device does, whether or not anybody speaks."""

    def __iter__(self) -> Iterator[bytes]:
        while not self._closed:
            time.sleep(0.001)
            yield speech(20)


def test_without_vad_a_source_of_the_programs_serves_all_turns() -> None:
    turns = 0

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        nonlocal turns
        if loud_ms(sink.played) == 100 * turns:  # the answers so far were heard
            turns += 1
            session.tell(*response(*answer("A", "Yes.", speech(100))))

    session = SessionScript(on_call=on_call)
    talk, _, sink = loop(session, source=EndlessMicrophone(rate=RATE))
    talk.listen(turns=3)
    assert (turns, loud_ms(sink.played)) == (3, 300)


@pytest.mark.parametrize("turns", [0, -1, "two", 1.5, True])
def test_turns_are_a_number_from_one(turns: Any) -> None:
    talk, _, _ = loop(SessionScript())
    with pytest.raises(ConfigError, match=r"^turns, .* whole number, 1 or more, not "):
        talk.listen(turns)


@pytest.mark.parametrize("event", ["space", asyncio.Event(), threading.Event])
def test_a_cancel_event_is_an_event_of_threads(event: Any) -> None:
    with pytest.raises(ConfigError, match=r"cancel_event=.*pass threading\.Event\(\)"):
        loop(SessionScript(), cancel_event=event)


@pytest.mark.parametrize("rate", [0, -1, True, None, "16000", 16_000.0, 7_000_000])
def test_a_sample_rate_is_one(rate: Any) -> None:
    with pytest.raises(ConfigError, match="sample_rate="):
        AudioLoop(SessionScript(), sample_rate=rate)


def heard(session: SessionScript) -> int:
    """How many chunks."""
    return [name for name, _ in session.calls].count("audio")


def test_with_vad_the_programs_event_ends_the_turn_in_the_middle_of_its_sound() -> None:
    cancel, clock = threading.Event(), VirtualClock()
    sink = MemorySink(rate=RATE, clock=clock)

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and heard(session) == 1:
            session.tell({"type": "response.created"}, words("A", "So"), sound(speech(5000)))
        elif name == "started":
            cancel.set()
        elif name == "cancel":
            session.tell({"type": "response.audio.done"}, {"type": "response.done"})

    session = SessionScript(vad_enabled=True, on_call=on_call)
    loop(session, source=EndlessMicrophone(rate=RATE), sink=sink, cancel_event=cancel)[0].listen()
    assert session.names()[-1] == "stopped"


def test_with_vad_the_programs_event_ends_the_turn_before_its_sound() -> None:
    cancel = threading.Event()

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and heard(session) == 1:
            session.tell({"type": "response.created"}, words("A", "So"))
        elif name == "audio" and heard(session) == 100:
            cancel.set()
        elif name == "cancel":
            session.tell({"type": "response.done"})

    session = SessionScript(vad_enabled=True, on_call=on_call)
    talk, _, sink = loop(session, source=EndlessMicrophone(rate=RATE), cancel_event=cancel)
    talk.listen()
    assert "cancel" in session.names()
    assert loud_ms(sink.played) == 0


def test_an_answer_that_is_interrupted_before_its_sound_is_not_the_turns() -> None:
    second = response(*answer("A", "Two.", speech(100)))

    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and heard(session) == 1:
            session.tell({"type": "response.created"}, {"type": "response.interrupted"})
        elif name == "audio" and heard(session) == 200:  # a talk that had ended would not hear it
            session.tell(*user_said("no"), *second)

    session = SessionScript(vad_enabled=True, on_call=on_call)
    talk, _, sink = loop(session, source=EndlessMicrophone(rate=RATE))
    talk.listen()
    assert loud_ms(sink.played) == 100


def test_a_talk_that_is_broken_off_while_it_plays_tells_that_nothing_plays_any_more() -> None:
    def on_call(session: SessionScript, name: str, value: Any) -> None:
        if name == "audio" and heard(session) == 1:
            session.tell({"type": "response.created"}, sound(speech(5000)))
        elif name == "started":
            raise KeyboardInterrupt

    session = SessionScript(vad_enabled=True, on_call=on_call)
    sink = MemorySink(rate=RATE, clock=VirtualClock())
    talk, _, _ = loop(session, source=EndlessMicrophone(rate=RATE), sink=sink)
    with pytest.raises(KeyboardInterrupt):
        talk.listen()
    assert "stopped" in session.names()


def test_a_talk_that_fails_while_it_plays_tells_that_nothing_plays_any_more() -> None:
    class FailingMicrophone(EndlessMicrophone):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in super().__iter__():
                if "started" in session.names():
                    raise DeviceError("the microphone went away")
                yield chunk

    session = SessionScript(
        vad_enabled=True,
        on_call=answers_once({"type": "response.created"}, sound(speech(5000))),
    )
    sink = MemorySink(rate=RATE, clock=VirtualClock())
    talk, _, _ = loop(session, source=FailingMicrophone(rate=RATE), sink=sink)
    with pytest.raises(DeviceError, match="went away"):
        talk.listen()
    assert session.names()[-1] == "stopped"
