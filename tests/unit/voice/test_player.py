"""The player: one writer, which an interruption calls off wherever it stands."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from audio_clock import AudioClock
from guards import Guard
from scripted_device import ScriptedDevice

from realtime_sync._deadline import Deadline
from realtime_sync.audio import speaker as speaker_module
from realtime_sync.audio.base import Sink
from realtime_sync.audio.speaker import Speaker
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import DeviceError
from realtime_sync.voice.hearing import Hearing
from realtime_sync.voice.player import Player

RATE = 1000  # a sample is a millisecond
PART, NEXT = ("a", 0), ("b", 1)


def ms(count: int) -> bytes:
    return bytes(2 * count)


class FakeSink(Sink):
    """Notes what is done to it; what it hands out, the test says.

    ``during`` stands within a write: before it, nothing of the sound is in the sink.
    """

    rate = RATE

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self.during = during
        self.done: list[str] = []
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.waiting: list[tuple[str | None, int, int]] = []
        self.handed: dict[tuple[str | None, int], int] = {}
        self.can_pause = True
        self.drained = True

    def note(self, what: str) -> None:
        self.done.append(what)
        self.told.put(what)

    def write(self, audio: bytes, *, item_id: str | None = None, content_index: int = 0) -> None:
        self.during()
        self.waiting.append((item_id, content_index, len(audio) // 2))
        self.note(f"write {item_id} {content_index} {len(audio) // 2}")

    def flush(self) -> None:
        self.note("flush")

    def clear(self) -> None:
        self.waiting.clear()
        self.note("clear")

    def hand_out(self) -> None:
        """Hand everything that waits to the device."""
        for item_id, index, length in self.waiting:
            key = (item_id, index)
            self.handed[key] = self.handed.get(key, 0) + length
        self.waiting.clear()

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        return self.handed.get((item_id, content_index), 0)

    played_ms = handed_ms

    def drain(self, timeout: float | None = None) -> bool:
        assert timeout == 0
        self.note("drain")
        return self.drained

    def pause(self) -> bool:
        self.note("pause")
        return self.can_pause

    def resume(self) -> None:
        self.note("resume")


class FakeHearing:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def write(self, audio: bytes, part: tuple[str, int]) -> None:
        self.done.append(f"write {part[0]}")

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


class Gate:
    """A place where a write stands until the test, or a `clear`, lets it go on."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        self._guard.wait(self.opened, "the opening of the gate")

    def open(self) -> None:
        self.opened.set()


Make = Callable[..., Player]


@pytest.fixture
def make(guard: Guard) -> Iterator[Make]:
    players: list[Player] = []

    def make_player(sink: Sink, hearing: Any = None, **options: Any) -> Player:
        players.append(Player(sink, hearing or FakeHearing(), **options))
        return players[-1]

    yield make_player
    for player in players:
        player.close(Deadline(guard.seconds))


def written(guard: Guard, sink: FakeSink, what: str) -> None:
    """Wait until the sink was told ``what``."""
    while guard.get(sink.told, what) != what:
        pass


# -- playing ---------------------------------------------------------------------------------------


def test_it_plays_in_the_order_in_which_it_was_given(make: Make, guard: Guard) -> None:
    sink, hearing = FakeSink(), FakeHearing()
    player = make(sink, hearing)
    player.start()
    assert player.play(ms(20), PART)
    assert player.play(ms(30), PART)
    player.flush()
    assert player.play(ms(40), NEXT)
    player.flush()
    written(guard, sink, "write b 1 40")
    written(guard, sink, "flush")
    assert sink.done == ["write a 0 20", "write a 0 30", "flush", "write b 1 40", "flush"]
    assert hearing.done == ["write a", "write a", "write b"]


def test_the_one_who_gives_never_waits_for_the_sink(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    player = make(sink)
    player.start()
    for _ in range(1000):
        assert player.play(ms(20), PART)
    guard.wait(gate.entered, "the write")
    assert sink.done == []
    gate.open()
    for _ in range(1000):
        written(guard, sink, "write a 0 20")


def test_too_much_is_refused_and_counted(make: Make, guard: Guard) -> None:
    sink = FakeSink()
    player = make(sink, capacity_ms=100)
    assert player.play(ms(60), PART)
    assert player.play(ms(40), PART)
    assert player.dropped_ms == 0
    assert not player.play(ms(1), PART)
    assert not player.play(ms(50), PART)
    assert player.dropped_ms == 51
    player.start()
    for length in (60, 40):
        written(guard, sink, f"write a 0 {length}")
    assert player.play(ms(100), PART)
    written(guard, sink, "write a 0 100")
    assert player.dropped_ms == 51
    assert len(sink.done) == 3


def test_what_waits_in_the_sink_does_not_count(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    player = make(FakeSink(gate), capacity_ms=100)
    player.start()
    player.play(ms(100), PART)
    guard.wait(gate.entered, "the write")
    assert player.play(ms(100), PART)
    assert not player.play(ms(1), PART)
    gate.open()


def test_flushes_that_wait_do_not_pile_up(make: Make, guard: Guard) -> None:
    sink = FakeSink()
    player = make(sink)
    for _ in range(3):
        player.flush()
    player.play(ms(1), PART)
    player.flush()
    player.start()
    written(guard, sink, "write a 0 1")
    written(guard, sink, "flush")
    assert sink.done == ["flush", "write a 0 1", "flush"]


# -- silence ---------------------------------------------------------------------------------------


def test_what_waits_is_forgotten(make: Make, guard: Guard) -> None:
    sink, hearing = FakeSink(), FakeHearing()
    player = make(sink, hearing, capacity_ms=100)
    player.play(ms(100), PART)
    player.flush()
    assert player.silence([PART, NEXT]) == {PART: 0, NEXT: 0}
    assert (sink.done, hearing.done) == (["clear"], ["clear"])
    assert player.play(ms(100), NEXT)  # there is room again
    player.start()
    written(guard, sink, "write b 1 100")
    assert sink.done == ["clear", "write b 1 100"]


def test_it_tells_how_much_was_handed_out(make: Make, guard: Guard) -> None:
    sink = FakeSink()
    player = make(sink)
    player.start()
    player.play(ms(20), PART)
    player.play(ms(30), NEXT)
    written(guard, sink, "write b 1 30")
    sink.hand_out()
    player.play(ms(40), NEXT)
    written(guard, sink, "write b 1 40")
    assert player.silence([PART, NEXT]) == {PART: 20, NEXT: 30}
    assert sink.waiting == []


def test_a_write_that_waits_for_room_is_ended_by_the_clear(make: Make, guard: Guard) -> None:
    """As `Speaker.write` does; and the worst of them adds its sound all the same."""
    gate = Gate(guard)
    sink, hearing = FakeSink(gate), FakeHearing()
    player = make(sink, hearing)
    clear = sink.clear

    def clear_and_open() -> None:
        clear()
        gate.open()

    sink.clear = clear_and_open  # type: ignore[method-assign]
    player.start()
    player.play(ms(20), PART)
    player.play(ms(30), PART)
    guard.wait(gate.entered, "the write")
    assert player.silence([PART]) == {PART: 0}
    assert sink.waiting == []
    assert sink.done == ["clear", "write a 0 20", "clear"]
    assert hearing.done == ["write a", "clear", "clear"]
    player.play(ms(40), NEXT)
    written(guard, sink, "write b 1 40")
    assert sink.waiting == [("b", 1, 40)]


def test_a_speaker_whose_buffer_is_full(
    make: Make, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = ScriptedDevice()
    device.install(monkeypatch, speaker_module)
    with Speaker(buffer_ms=100, prebuffer_ms=0) as speaker:
        player = make(speaker)
        player.start()
        player.play(b"\1\1" * 24_000, PART)
        player.play(b"\2\2" * 24_000, PART)
        for _ in range(3):
            guard.until(lambda: speaker.buffered_ms == 100, "a full buffer")
            assert device.turn().all()
        assert player.silence([PART]) == {PART: 120}
        assert not device.turn()[120:].any()  # but for a fade of 5 ms
        assert not device.turn().any()
        player.play(b"\3\3" * 960, NEXT)
        guard.until(lambda: speaker.buffered_ms == 40, "what was given since")
        assert (device.turn() == 0x0303).all()
        assert player.silence([PART, NEXT]) == {PART: 120, NEXT: 40}


def test_what_a_write_still_hands_out_after_the_clear_counts(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    player = make(sink)
    clear, cleared = sink.clear, []

    def clear_and_open() -> None:
        if cleared:
            sink.hand_out()  # by the device, before the second clear
        clear()
        cleared.append(True)
        gate.open()

    sink.clear = clear_and_open  # type: ignore[method-assign]
    player.start()
    player.play(ms(20), PART)
    guard.wait(gate.entered, "the write")
    assert player.silence([PART]) == {PART: 20}
    assert len(cleared) == 2


def test_a_write_that_does_not_return_holds_nobody_up(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    player = make(sink)
    player.start()
    player.play(ms(20), PART)
    guard.wait(gate.entered, "the write")
    sink.handed[PART] = 7
    for _ in range(2):
        assert player.silence([PART]) == {PART: 7}
    player.play(ms(30), NEXT)
    assert sink.done == ["clear", "clear"]
    assert not player.idle
    gate.open()
    written(guard, sink, "write b 1 30")
    assert sink.done == ["clear", "clear", "write a 0 20", "clear", "write b 1 30"]
    assert sink.waiting == [("b", 1, 30)]


def test_a_flush_is_called_off_as_a_write_is(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink()
    sink.flush = gate  # type: ignore[method-assign]
    player = make(sink)
    player.start()
    player.flush()
    guard.wait(gate.entered, "the flush")
    player.silence([])
    gate.open()
    player.play(ms(1), PART)
    written(guard, sink, "write a 0 1")
    assert sink.done == ["clear", "clear", "write a 0 1"]


def test_after_silence_nothing_of_before_is_ever_written(make: Make, guard: Guard) -> None:
    """Interrupted at any moment of a busy writer, in a thousand rounds."""
    sink = FakeSink()
    player = make(sink)
    player.start()
    for number in range(1000):
        part = (f"item {number}", 0)
        for _ in range(number % 7):
            player.play(ms(1), part)
        handed_ms = player.silence([part])
        count, waiting = len(sink.done), list(sink.waiting)
        assert handed_ms == {part: 0}
        assert waiting == []
        player.play(ms(2), ("next", number))
        written(guard, sink, f"write next {number} 2")
        assert sink.done[count:] == [f"write next {number} 2"]


def test_any_thread_may_interrupt(make: Make, guard: Guard) -> None:
    sink = FakeSink()
    player = make(sink)
    player.start()

    def interrupt() -> None:
        for _ in range(200):
            player.silence([PART])

    threads = [threading.Thread(target=interrupt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        player.play(ms(1), PART)
    for thread in threads:
        guard.join(thread)
    assert player.silence([PART]) == {PART: 0}
    assert sink.waiting == []
    assert player.idle


# -- pauses ----------------------------------------------------------------------------------------


def test_the_hearing_pauses_with_the_sink(make: Make) -> None:
    sink, hearing = FakeSink(), FakeHearing()
    player = make(sink, hearing)
    assert player.pause()
    player.resume()
    assert sink.done == hearing.done == ["pause", "resume"]


def test_a_sink_that_can_not_pause_plays_on(make: Make) -> None:
    sink, hearing = FakeSink(), FakeHearing()
    sink.can_pause = False
    assert not make(sink, hearing).pause()
    assert hearing.done == []


class ToldSpeaker(VirtualSpeaker):
    """Tells when it was written to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.written = threading.Event()

    def write(self, *args: Any, **options: Any) -> None:
        super().write(*args, **options)
        self.written.set()


class Echo:
    """Keeps what was played."""

    def __init__(self) -> None:
        self.played = b""

    def process(self, heard: bytes, played: bytes) -> bytes:
        self.played += played
        return heard


def test_twenty_pauses_lose_and_double_nothing(make: Make, guard: Guard) -> None:
    """Sample by sample, but for fades of 5 ms; and what is taken for echo is the same."""
    rate, fade, period = 24_000, 120, 1_680
    clock, echo, tap = AudioClock(), Echo(), []
    speaker = ToldSpeaker(rate=rate, clock=clock, tap=tap.append)
    hearing = Hearing(speaker, rate=rate, echo=echo, half_duplex=False, clock=clock)
    player = make(speaker, hearing)
    speech = np.arange(1, rate * 2 + 1, dtype="<i2")
    expected = []

    def pass_samples(count: int) -> None:
        clock.advance(count / rate)
        hearing.clean(bytes(2 * count))

    speaker.start()
    hearing.clean(b"")  # its time begins, too
    player.play(speech.tobytes(), PART)
    player.start()
    guard.wait(speaker.written, "the write")
    for number in range(20):
        pass_samples(period)
        assert player.pause()
        pass_samples(600 + number)
        player.resume()
        expected += [period + fade, 600 + number - fade]
    pass_samples(rate * 2)
    speaker.advance()
    heard = np.frombuffer(b"".join(tap), "<i2")
    sound = expected_sound(speech, expected, fade, len(heard))
    clear = sound != 0
    assert np.array_equal(heard[clear], sound[clear])
    assert np.array_equal(np.frombuffer(echo.played, "<i2"), heard)
    assert player.silence([PART]) == {PART: 2000}


def expected_sound(
    speech: np.ndarray[Any, Any], lengths: list[int], fade: int, total: int
) -> np.ndarray[Any, Any]:
    """Return the signal where it is to be heard untouched; 0 where it fades or there is none."""
    sound = np.zeros(total, dtype="<i2")
    at = taken = 0
    for length, gap in zip(lengths[::2], lengths[1::2], strict=True):
        sound[at : at + length] = speech[taken : taken + length]
        sound[at + length - fade : at + length] = 0
        if at:
            sound[at : at + fade] = 0
        at, taken = at + length + gap, taken + length
    left = speech[taken:]
    sound[at : at + len(left)] = left
    sound[at : at + fade] = 0
    return sound


# -- idle, failures, the end -----------------------------------------------------------------------


def test_the_sink_is_asked_only_when_nothing_waits(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    player = make(sink)
    assert player.idle
    player.play(ms(1), PART)
    assert not player.idle  # it waits
    player.start()
    guard.wait(gate.entered, "the write")
    assert not player.idle  # it is being written
    assert sink.done == ["drain"]
    sink.drained = False
    gate.open()
    guard.until(lambda: not player.idle and sink.done.count("drain") == 2, "the end of the write")
    sink.drained = True
    assert player.idle


@pytest.mark.parametrize("error", [DeviceError("unplugged"), SystemExit(), ValueError("odd")])
def test_what_the_sink_raises_is_told_once(make: Make, guard: Guard, error: BaseException) -> None:
    def fail() -> None:
        raise error

    sink = FakeSink(fail)
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    player = make(sink, on_failure=failures.put)
    assert player.failure is None
    player.play(ms(1), PART)
    player.play(ms(1), PART)
    player.start()
    assert guard.get(failures, "the failure") is error
    assert player.failure is error
    assert not player.play(ms(1), PART)
    player.flush()
    assert player.dropped_ms == 0
    assert player.idle
    assert player.silence([PART]) == {PART: 0}
    player.close(Deadline(30))
    assert failures.empty()
    assert sink.done == ["clear"]


def test_nobody_need_hear_of_a_failure(make: Make, guard: Guard) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    sink.note = lambda _: 1 / 0  # type: ignore[assignment,method-assign]
    player = make(sink)
    player.start()
    player.play(ms(1), PART)
    guard.wait(gate.entered, "the write")
    gate.open()
    player.close(Deadline(guard.seconds))
    assert isinstance(player.failure, ZeroDivisionError)


def test_a_closed_player_takes_nothing(make: Make) -> None:
    sink = FakeSink()
    player = make(sink)
    player.play(ms(1), PART)
    player.close(Deadline(0))
    player.start()
    player.close(Deadline(30))
    player.close(Deadline(30))
    assert not player.play(ms(1), PART)
    player.flush()
    assert sink.done == []
    assert player.dropped_ms == 0
    assert player.idle


def test_a_write_that_never_returns_does_not_hold_up_the_end(
    make: Make, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(guard)
    sink = FakeSink(gate)
    player = make(sink)
    player.start()
    player.play(ms(1), PART)
    player.play(ms(2), PART)
    guard.wait(gate.entered, "the write")
    player.close(Deadline(0))
    assert "its thread is left behind" in caplog.text
    gate.open()
    player.close(Deadline(guard.seconds))
    assert sink.done == ["write a 0 1"]
