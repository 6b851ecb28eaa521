"""The loop's own ways to find turns, to interrupt, and to hear no echo."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from audio_clock import AudioClock
from guards import Guard
from scripted_voice import (
    RATE,
    ScriptedConnection,
    audio_done,
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

from realtime_sync.audio.playout import Playout
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import ConfigError
from realtime_sync.voice import TurnMetrics

CHUNK = b"\1\0" * 480  # 20 ms
MANUAL = event(
    "session.updated",
    session={"type": "realtime", "audio": {"input": {"turn_detection": None}}},
)


class Line:
    """A source that says what it is given, and tells when it was taken."""

    rate = RATE

    def __init__(self) -> None:
        self._chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            yield chunk
            self._idle.release()

    def say(self, *chunks: bytes) -> None:
        """Say it, and wait until it was dealt with."""
        for chunk in chunks:
            self._chunks.put(chunk)
        for _ in chunks:
            assert self._idle.acquire(timeout=Guard().seconds)

    def close(self) -> None:
        self._chunks.put(None)


class Talk:
    """A loop that runs on a thread of its own, on a clock that only the test moves."""

    def __init__(self, *script: Any, sink: Any = None, **options: Any) -> None:
        self.clock = AudioClock()
        self.connection = ScriptedConnection(AudioClock(), *script)
        self.sink = sink or VirtualSpeaker(clock=self.clock)
        self.line = Line()
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.loop = make_loop(
            self.connection, self.line, self.sink, self.seen.put, clock=self.clock, **options
        )
        self._thread = threading.Thread(target=self.loop.run)

    def __enter__(self) -> Talk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()
        Guard().join(self._thread)

    def wait_for(self, kind: str) -> Any:
        while (message := Guard().get(self.seen, kind)).type != kind:
            pass
        return message


def answer(response: str, item: str, ms: int = 500) -> tuple[Any, ...]:
    return created(response), delta(response, item, ms), audio_done(response, item), done(response)


# -- push to talk --------------------------------------------------------------------------------


def test_a_button_makes_a_turn() -> None:
    with Talk(MANUAL, push_to_talk=True) as talk:
        talk.line.say(CHUNK)
        talk.loop.press()
        talk.line.say(*[CHUNK] * 5)
        assert talk.loop.release()
        talk.line.say(CHUNK)
        assert not talk.loop.release()
        assert talk.connection.heard == [CHUNK] * 5
        assert talk.connection.types() == [
            "input_audio_buffer.clear",
            "input_audio_buffer.commit",
            "response.create",
        ]


def test_a_turn_without_an_answer_is_only_committed() -> None:
    with Talk(MANUAL, push_to_talk=True) as talk:
        talk.loop.press()
        talk.line.say(*[CHUNK] * 5)
        with pytest.raises(ConfigError, match="respond must be True or False, not None"):
            talk.loop.release(respond=None)  # type: ignore[arg-type]  # that is the test
        assert talk.loop.release(respond=False)
    assert talk.connection.types() == ["input_audio_buffer.clear", "input_audio_buffer.commit"]


def test_too_short_a_press_is_not_committed() -> None:
    with Talk(MANUAL, push_to_talk=True) as talk:
        talk.loop.press()
        talk.line.say(*[CHUNK] * 4)
        assert not talk.loop.release()
    assert talk.connection.types() == ["input_audio_buffer.clear"] * 2


def test_a_press_interrupts_the_answer() -> None:
    with Talk(MANUAL, *answer("r1", "a")[:2], push_to_talk=True) as talk:
        talk.wait_for("voice.answer_started")
        talk.clock.advance(0.1)
        talk.loop.press()
        assert talk.sink.drain(0)
        assert talk.connection.types() == [
            "response.cancel",
            "conversation.item.truncate",
            "input_audio_buffer.clear",
        ]
        assert talk.connection.sent[1]["audio_end_ms"] == 100
        assert talk.wait_for("voice.interrupted").item_id == "a"


def test_without_the_option_there_is_no_button() -> None:
    with Talk(session()) as talk:
        for method in (talk.loop.press, talk.loop.release):
            with pytest.raises(ConfigError, match="push_to_talk=True"):
                method()


# -- interruptions -------------------------------------------------------------------------------


def test_it_can_be_interrupted_by_hand() -> None:
    with Talk(session(), *answer("r1", "a")[:2], delta("r1", "b", 100)) as talk:
        for _ in range(2):
            talk.wait_for("response.output_audio.delta")
        talk.clock.advance(0.2)
        talk.loop.interrupt()
        assert talk.sink.drain(0)
        assert [message["type"] for message in talk.connection.sent] == [
            "response.cancel",
            "conversation.item.truncate",
            "conversation.item.delete",
        ]
        talk.connection.feed(delta("r1", "a", 300), done("r1", "cancelled"))
        talk.wait_for("response.done")
        assert talk.sink.drain(0)
        talk.loop.interrupt()
        assert len(talk.connection.sent) == 3


class Device:
    """A sink whose audio callback the test calls itself."""

    rate = RATE

    def __init__(self) -> None:
        self._playout = Playout(RATE)
        self.cleared = threading.Event()

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        self._playout.write(audio, item_id=item_id, content_index=content_index)

    def clear(self) -> None:
        self._playout.clear()
        self.cleared.set()

    def drain(self, timeout: float | None = None) -> bool:
        return not self._playout.buffered_frames

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return self._playout.handed_ms(item_id, content_index)

    def callback(self, frames: int = 480) -> np.ndarray:
        block = np.empty(frames, dtype="<i2")
        self._playout.render_into(block)
        return block


def test_the_very_next_callback_after_the_interruption_holds_only_the_fade() -> None:
    device = Device()
    with Talk(session(), *answer("r1", "a")[:2], sink=device) as talk:
        talk.wait_for("response.output_audio.delta")
        device.cleared.clear()
        assert (device.callback() == 1000).all()
        talk.connection.feed(speech_started())
        Guard().wait(device.cleared, "the interruption")
        talk.connection.feed(delta("r1", "a", 300), done("r1", "cancelled"))
        block = device.callback()
        fade = block[: 5 * RATE // 1000].astype(int)
        assert (np.diff(fade) <= 0).all()
        assert fade[0] <= 1000
        assert not block[len(fade) :].any()
        talk.wait_for("response.done")  # its late audio has come
        for _ in range(50):
            assert not device.callback().any()
        assert talk.connection.sent[0]["audio_end_ms"] == 20


# -- echo ----------------------------------------------------------------------------------------


class Subtract:
    """Says what was played instead of what was heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def process(self, heard: bytes, played: bytes) -> bytes:
        self.heard.append(heard)
        return played


def test_what_is_sent_went_through_the_echo_control() -> None:
    echo = Subtract()
    with Talk(session(), *answer("r1", "a"), echo=echo) as talk:
        talk.line.say(CHUNK)
        talk.wait_for("voice.answer_started")
        talk.clock.advance(0.02)
        talk.line.say(CHUNK)
    assert echo.heard == [CHUNK, CHUNK]
    assert len(talk.connection.heard) == 2
    assert pcm(20)[:900] in b"".join(talk.connection.heard)


def test_in_half_duplex_the_microphone_is_deaf_while_the_sink_plays() -> None:
    with Talk(session(), *answer("r1", "a"), half_duplex=True) as talk:
        talk.line.say(CHUNK)
        talk.wait_for("response.done")
        talk.line.say(CHUNK)
        talk.clock.advance(0.6)
        talk.line.say(CHUNK)
        talk.clock.advance(0.3)
        talk.line.say(CHUNK)
        heard = talk.connection.heard
    assert [chunk == CHUNK for chunk in heard[1:]] == [False, True, True]
    assert heard[1] == bytes(960)


# -- figures -------------------------------------------------------------------------------------


def test_the_figures_of_the_turns_are_collected() -> None:
    script = (session(), speech_started(), speech_stopped())
    with Talk(*script) as talk:
        talk.wait_for("input_audio_buffer.speech_stopped")
        talk.clock.advance(0.25)
        talk.connection.feed(*answer("r1", "a"))
        talk.wait_for("response.done")
        talk.clock.advance(1)
        metrics = talk.wait_for("voice.turn_metrics")
    assert isinstance(metrics, TurnMetrics)
    assert talk.loop.metrics == (metrics,)
    assert metrics.first_delta_ms == pytest.approx(250)
    assert metrics.underruns == 0
    assert metrics.interruption_ms is None
