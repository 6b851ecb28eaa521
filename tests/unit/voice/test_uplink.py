"""The way up: chunks, turns that are found here, and their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from audio_clock import AudioClock
from guards import Guard
from scripted_voice import ScriptedConnection, make_state, session

from realtime_sync._deadline import Deadline
from realtime_sync.audio.base import Source
from realtime_sync.errors import ConfigError, ConnectionClosedError, DeviceError, FormatError
from realtime_sync.voice.effects import Append, ClearInput, Effect, UserStarted, UserStopped
from realtime_sync.voice.turns import PushToTalk, ServerTurns, Turns
from realtime_sync.voice.uplink import Uplink

RATE = 24_000
CHUNK = b"\1\0" * 480


class Words(Source):
    """A source that says chunks, and then ends, fails, or waits to be closed."""

    rate = RATE

    def __init__(self, *chunks: bytes, end: Exception | None = None, waits: bool = False) -> None:
        self._chunks = chunks
        self._end = end
        self._waits = waits
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._waits:
            Guard().wait(self.closed, "the end of the source")
            yield CHUNK  # it came too late
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        self.closed.set()


class Clean:
    """Hearing that says what it is told to."""

    def __init__(self, clean: Callable[[bytes], bytes] = lambda chunk: chunk) -> None:
        self.clean = clean


class Found(Turns):
    """Finds what the test says."""

    def __init__(self, *effects: Effect) -> None:
        self._effects = effects

    def hear(self, chunk: bytes) -> list[Effect]:
        return list(self._effects)


class Way:
    """An uplink, with what it has sent and had decided, in order."""

    def __init__(
        self,
        source: Source,
        turns: Turns | None = None,
        *,
        clean: Callable[[bytes], bytes] = lambda chunk: chunk,
        session_rate: int = RATE,
    ) -> None:
        clock = AudioClock()
        self.connection = ScriptedConnection(clock)
        pcm = {"type": "audio/pcm", "rate": session_rate}
        wire = {"type": "realtime", "audio": {"input": {"format": pcm}}}
        self.connection.state.sent({"type": "session.update", "event_id": "e", "session": wire})
        self.done: list[Any] = []
        self.connection.append = lambda *, audio: self.done.append(audio)  # type: ignore[method-assign]
        self.connection.clear = lambda **_: self.done.append("clear")  # type: ignore[method-assign]
        self.state = make_state(self.connection, clock, manual_turns=True)
        self.uplink = Uplink(
            self.connection,
            source,
            hearing=Clean(clean),  # type: ignore[arg-type]
            turns=turns or ServerTurns(),
            state=self.state,
            decide=self._decide,
        )

    def _decide(self, decision: Callable[[], list[Effect]]) -> None:
        before = self.state._turn.speaking
        decision()
        self.done.append("started" if self.state._turn.speaking else "stopped")
        assert before is not self.state._turn.speaking

    def run(self) -> list[Any]:
        """Run it to its end."""
        self.uplink.start()
        assert self.uplink._thread is not None
        Guard().join(self.uplink._thread)
        assert self.uplink.ended
        return self.done


def test_what_is_heard_goes_up() -> None:
    way = Way(Words(CHUNK, b"", CHUNK))
    assert way.run() == [CHUNK, CHUNK]
    assert way.uplink.failure is None
    assert way.connection.poll(5) is None, "the engine was woken"


def test_it_goes_up_clean() -> None:
    assert Way(Words(CHUNK), clean=lambda chunk: chunk[::-1]).run() == [CHUNK[::-1]]


def test_who_is_muted_sends_silence() -> None:
    way = Way(Words(CHUNK, CHUNK))
    heard: list[bytes] = []

    def mute(chunk: bytes) -> bytes:
        heard.append(chunk)
        way.uplink.muted = len(heard) == 1
        return chunk

    way.uplink._hearing.clean = mute  # type: ignore[method-assign]
    assert way.run() == [bytes(960), CHUNK]
    assert heard == [CHUNK, CHUNK], "the echo control still hears it"


@pytest.mark.parametrize("chunk", [7, "AAAA", None, bytes(961)])
def test_what_is_no_sound_ends_it_before_it_goes_anywhere(chunk: Any) -> None:
    heard: list[bytes] = []
    way = Way(Words(CHUNK, chunk, CHUNK), clean=lambda said: heard.append(said) or said)
    assert way.run() == heard == [CHUNK]
    assert isinstance(way.uplink.failure, FormatError)
    assert "the source gave a chunk that is none" in str(way.uplink.failure)


def test_a_failure_is_noted_and_a_lost_connection_is_none() -> None:
    failed = Way(Words(CHUNK, end=DeviceError("gone")))
    assert failed.run() == [CHUNK]
    assert isinstance(failed.uplink.failure, DeviceError)
    lost = Way(Words(CHUNK, CHUNK))

    def append(**_: Any) -> None:
        raise ConnectionClosedError(1006, "link lost")

    lost.connection.append = append  # type: ignore[method-assign]
    assert lost.run() == []
    assert lost.uplink.failure is None


def test_a_turn_is_decided_between_what_comes_before_and_behind_it() -> None:
    turns = Found(UserStarted(), Append(CHUNK), UserStopped(True, 500, "detected"))
    assert Way(Words(CHUNK), turns).run() == ["started", CHUNK, "stopped"]


def test_the_detector_s_silence_is_told() -> None:
    way = Way(Words(CHUNK), Found(UserStarted(300)))
    told: list[int] = []
    way.state._verdicts.found_here = told.append  # type: ignore[method-assign,assignment]
    way.run()
    assert told == [300]


def test_the_end_of_a_turn_goes_up_before_it_is_decided() -> None:
    """Of what a resampler holds back."""
    turns = Found(UserStarted(), Append(CHUNK), UserStopped(True, 20, "detected"))
    way = Way(Words(CHUNK), turns, session_rate=16_000)
    *before, last = way.run()
    assert before[0] == "started"
    assert last == "stopped"
    sizes = [len(audio) for audio in before[1:]]
    assert sum(sizes) == pytest.approx(640, abs=8)


def test_it_stops_at_once() -> None:
    source = Words(CHUNK, waits=True)
    way = Way(source)
    way.uplink.start()
    way.uplink.stop()
    way.uplink.stop()
    way.uplink.close(Deadline(Guard().seconds))
    assert source.closed.is_set()
    assert way.uplink.ended
    assert way.done in ([CHUNK], [])


def test_it_can_be_closed_before_it_began() -> None:
    source = Words()
    Way(source).uplink.close(Deadline(0))
    assert source.closed.is_set()


def test_a_button() -> None:
    way = Way(Words(), PushToTalk(RATE))
    way.uplink.press()
    way.uplink.press()
    assert way.done == ["started", "clear"]
    for _ in range(5):
        way.uplink._hear(CHUNK)
    assert way.uplink.release(respond=True)
    assert way.done[2:] == [*[CHUNK] * 5, "stopped"]
    assert not way.uplink.release(respond=True)


def test_too_short_a_press_is_no_turn() -> None:
    way = Way(Words(), PushToTalk(RATE))
    way.uplink.press()
    assert not way.uplink.release(respond=True)
    assert way.done == ["started", "clear", "stopped"]


def test_what_could_not_be_sent_is_told_to_whoever_pressed() -> None:
    way = Way(Words(), PushToTalk(RATE))

    def clear(**_: Any) -> None:
        raise ConnectionClosedError(1006, "link lost")

    way.connection.clear = clear  # type: ignore[method-assign]
    with pytest.raises(ConnectionClosedError):
        way.uplink.press()
    assert not way.uplink._lock.locked()


def test_there_is_no_button_without_the_option() -> None:
    way = Way(Words())
    way.connection.feed(session())
    for press in (way.uplink.press, lambda: way.uplink.release(respond=True)):
        with pytest.raises(ConfigError, match="push_to_talk=True"):
            press()


def test_another_effect_is_sent_as_it_is() -> None:
    assert Way(Words(CHUNK), Found(ClearInput())).run() == ["clear"]
