"""What the caller hears, on a virtual clock: the schedule, the marks, and what is recalled."""

from __future__ import annotations

import heapq
import random
from collections import deque

import numpy as np
import pytest
from guards import Guard, VirtualClock

from realtime_sync._threads import spawn
from realtime_sync.errors import ConfigError, ConnectionClosedError, FormatError
from realtime_sync.telephony.phone_sink import PhoneSink

FRAME = 160
FRAME_S = 0.02
FADE = 40  # samples: 5 ms
SILENCE = bytes(2 * FRAME)


def sound(frames: float, first: int = 1) -> bytes:
    """Samples that count up, so that each can be told from all others."""
    size = round(frames * FRAME)
    return np.arange(first, first + size).astype("<i2").tobytes()


class FarEnd:
    """A wire and what is behind it: it plays a frame each tick, and returns the marks."""

    def __init__(self, *, can_recall: bool = True) -> None:
        self.can_recall = can_recall
        self.sent: list[bytes] = []
        self.marks: list[str] = []
        self.clears = 0
        self.order: list[str] = []
        self.buffer: deque[tuple[bytes, str]] = deque()
        self.playing: str | None = None
        self.played: list[bytes] = []
        self.returned: list[str] = []

    def send_frame(self, pcm: bytes, mark: str) -> None:
        self.sent.append(pcm)
        self.marks.append(mark)
        self.order.append("frame")
        self.buffer.append((pcm, mark))

    def send_clear(self) -> None:
        self.clears += 1
        self.order.append("clear")
        self.returned += [mark for _, mark in self.buffer]  # the bad case: they all come back
        self.buffer.clear()

    def tick(self) -> None:
        """20 ms pass."""
        if self.playing is not None:
            self.returned.append(self.playing)
            self.playing = None
        if self.buffer:
            pcm, self.playing = self.buffer.popleft()
            self.played.append(pcm)

    @property
    def whole_frames(self) -> int:
        """How many frames were played to their end."""
        return len(self.played) - (self.playing is not None)


class Line:
    """A sink and its far end, in the same time."""

    def __init__(self, *, lead_ms: int = 0, prebuffer_ms: int = 0, can_recall: bool = True) -> None:
        self.clock = VirtualClock()
        self.far = FarEnd(can_recall=can_recall)
        self.sink = PhoneSink(
            self.far, lead_ms=lead_ms, prebuffer_ms=prebuffer_ms, clock=self.clock
        )

    def run(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            self.sink.advance()
            self.far.tick()
            self.give_marks()
            self.clock.advance(FRAME_S)

    def give_marks(self) -> None:
        for mark in self.far.returned:
            self.sink.mark_returned(mark)
        self.far.returned.clear()


# -- the schedule ----------------------------------------------------------------------------------


def test_frames_go_out_on_one_schedule_and_nothing_drifts() -> None:
    """However unevenly the thread wakes, frame n goes out with the first wake after n · 20 ms."""
    line = Line()
    rng = random.Random(1)
    line.sink.write(sound(30_000))
    elapsed = 0.0
    while elapsed < 500:
        wait = line.sink.advance()
        assert len(line.far.sent) == int(elapsed / FRAME_S + 1e-6) + 1
        assert 0 < wait <= FRAME_S
        step = wait + rng.random() * 0.07
        line.clock.advance(step)
        elapsed += step
    assert line.sink.skipped_frames == 0


def test_twenty_calls_keep_twenty_schedules() -> None:
    """Each wakes when it has asked to, and sends frame n at its begin + n · 20 ms, and no other."""
    clock, rng, frames = VirtualClock(), random.Random(20), 1_500
    ends = [FarEnd() for _ in range(20)]
    sinks = [PhoneSink(end, lead_ms=0, prebuffer_ms=0, clock=clock) for end in ends]
    for sink in sinks:
        sink.write(sound(frames))
    begins = [rng.random() * FRAME_S for _ in sinks]
    wakes = [(begin, number) for number, begin in enumerate(begins)]
    heapq.heapify(wakes)
    now = 0.0
    for sent in (count for count in range(frames) for _ in sinks):
        at, number = wakes[0]
        clock.advance(at - now)
        now = at
        wait = sinks[number].advance()
        assert len(ends[number].sent) == sent + 1
        assert now == pytest.approx(begins[number] + sent * FRAME_S, abs=1e-6)
        heapq.heapreplace(wakes, (now + wait, number))
    assert {sink.skipped_frames for sink in sinks} == {0}
    assert all(b"".join(end.sent) == sound(frames) for end in ends)


def test_nothing_is_lost_or_doubled_on_the_way() -> None:
    line = Line(lead_ms=100)
    for number in range(20):
        line.sink.write(sound(2.5, first=1 + number * 400), item_id="a")
        line.run(2)
    line.sink.flush()
    line.run(20)
    assert b"".join(line.far.sent) == sound(50)


def test_the_far_end_is_kept_ahead_by_the_lead_and_no_more() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(50))
    line.sink.advance()
    assert len(line.far.sent) == 1 + 5, "the frame that plays, and 100 ms"
    for ticks in range(1, 30):
        line.clock.advance(FRAME_S)
        line.sink.advance()
        assert len(line.far.sent) == 6 + ticks


@pytest.mark.parametrize("lead_ms", [0, 100])
def test_a_pause_of_the_provider_is_not_made_up_for(lead_ms: int) -> None:
    line = Line(lead_ms=lead_ms)
    line.sink.write(sound(3))
    line.sink.flush()
    line.run(500)
    line.sink.write(sound(50))
    before = len(line.far.sent)
    line.run(10)
    assert len(line.far.sent) - before == 10 + lead_ms // 20


def test_late_frames_catch_up_within_a_bound() -> None:
    line = Line()
    line.sink.write(sound(100))
    line.run()
    line.clock.advance(4 * FRAME_S)
    line.sink.advance()
    assert len(line.far.sent) == 1 + 5
    assert line.sink.skipped_frames == 0
    line.clock.advance(30 * FRAME_S)
    line.sink.advance()
    assert len(line.far.sent) == 6 + 5, "what is later moves the schedule"
    assert line.sink.skipped_frames == 25
    line.clock.advance(FRAME_S)
    line.sink.advance()
    assert len(line.far.sent) == 12


def test_silence_is_not_sent_but_takes_its_time() -> None:
    line = Line(lead_ms=100)
    heard: list[bytes] = []
    assert line.sink.listen(heard.append) == 8000
    line.run(10)
    line.sink.write(sound(20))
    line.sink.flush()
    line.run(50)
    assert len(line.far.sent) == 20
    assert heard == [SILENCE] * 10 + line.far.sent + [SILENCE] * 30


def test_what_a_listener_is_told_lasts_as_long_as_the_call() -> None:
    line = Line(lead_ms=100)
    heard: list[bytes] = []
    line.sink.listen(heard.append)
    for turn in range(10):
        line.sink.write(sound(40), item_id=f"a{turn}")
        line.run(10)
        line.sink.pause()
        line.run(10)
        line.sink.resume()
        line.run(10)
        line.sink.clear()
        line.run(20)
        assert len(heard) == 50 * (turn + 1), "though what was recalled was told as well"
        assert heard[-10:] == [SILENCE] * 10
    line.clock.advance(1.0)  # the thread is late: far behind the last answer, and in the next one
    line.run()
    assert len(heard) == 500 + 5
    line.sink.write(sound(40))
    line.run(10)
    line.clock.advance(1.0)
    line.run(60)
    lead = 5  # frames that were played in the time that was skipped, and told before
    assert len(heard) == 505 + 10 + lead + 5 + 59
    assert heard[-10:] == [SILENCE] * 10


def test_an_answer_begins_when_its_cushion_is_there() -> None:
    line = Line(prebuffer_ms=60)
    line.sink.write(sound(2))
    line.run(2)
    assert line.far.sent == []
    line.sink.write(sound(1, first=321))
    line.run(3)
    assert b"".join(line.far.sent) == sound(3)


def test_a_frame_waits_to_become_full_while_the_far_end_has_enough() -> None:
    """A provider's piece may end anywhere; what comes next belongs right behind it."""
    line = Line(lead_ms=100)
    line.sink.write(sound(2.5), item_id="a")
    line.run(2)
    assert len(line.far.sent) == 2
    line.sink.write(sound(2.5, first=401), item_id="a")
    line.run()
    assert b"".join(line.far.sent) == sound(5)
    assert line.sink.underruns == 0


def test_running_dry_in_the_middle_of_an_item_is_counted() -> None:
    line = Line(lead_ms=40)
    line.sink.write(sound(2.5), item_id="a")
    line.run(10)
    assert b"".join(line.far.sent) == sound(2.5) + bytes(FRAME)
    assert line.sink.underruns == 1


# -- marks -----------------------------------------------------------------------------------------


def test_what_was_heard_is_what_marks_have_come_back_for() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(1.5), item_id="a")
    line.sink.write(sound(5, first=241), item_id="b", content_index=1)
    line.sink.advance()
    assert line.sink.handed_ms("a") == 0, "sent is not heard, and can be recalled"
    line.sink.mark_returned(line.far.marks[0])
    assert (line.sink.handed_ms("a"), line.sink.played_ms("b", 1)) == (20, 0)
    line.sink.mark_returned(line.far.marks[3])
    assert (line.sink.handed_ms("a"), line.sink.played_ms("b", 1)) == (30, 50)
    assert line.sink.handed_ms("b") == 0, "another part"


def test_a_mark_that_says_nothing_is_counted() -> None:
    line = Line()
    line.sink.write(sound(2), item_id="a")
    line.run(1)
    assert line.sink.mark_returned(line.far.marks[0])
    assert not line.sink.mark_returned(line.far.marks[0])
    assert not line.sink.mark_returned("somebody's own")
    assert line.sink.stale_marks == 2
    assert line.sink.played_ms("a") == 20


def test_a_far_end_that_returns_no_marks_holds_nobody_up() -> None:
    line = Line()
    line.sink.write(sound(3), item_id="a")
    line.sink.flush()
    for _ in range(3 + 100 + 1):  # two seconds more
        line.sink.advance()
        line.clock.advance(FRAME_S)
    line.sink.advance()
    assert line.sink.played_ms("a") == 60
    assert line.sink.unreturned_marks == 3
    assert line.sink.drain(0)


def test_a_far_end_that_has_returned_marks_is_waited_for_longer() -> None:
    line = Line()
    line.sink.write(sound(3), item_id="a")
    line.sink.flush()
    line.sink.advance()
    line.sink.mark_returned(line.far.marks[0])
    for _ in range(400):
        line.clock.advance(FRAME_S)
        line.sink.advance()
    assert (line.sink.played_ms("a"), line.sink.drain(0)) == (20, False)
    for _ in range(110):
        line.clock.advance(FRAME_S)
        line.sink.advance()
    assert (line.sink.played_ms("a"), line.sink.drain(0)) == (60, True)


# -- interruptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_an_answer_is_truncated_within_a_frame_of_what_was_played(seed: int) -> None:
    """Whatever the lead is, however the provider's pieces come and whenever it is interrupted."""
    rng = random.Random(seed)
    line = Line(lead_ms=rng.choice((0, 60, 100, 400)), prebuffer_ms=rng.choice((0, 60)))
    for number in range(4):
        line.far.played.clear()
        item = f"item_{number}"
        for _ in range(rng.randrange(8, 60)):
            line.sink.write(sound(rng.choice((0.7, 1, 3))), item_id=item)
            line.run(rng.choice((0, 1, 1, 2)))
        line.sink.clear()
        point = line.sink.handed_ms(item)
        whole_ms = line.far.whole_frames * 20
        # An answer's last frame before it ran dry is filled up with silence.
        dry_ms = 20 * line.sink.underruns
        assert whole_ms - dry_ms <= point <= whole_ms
        line.run(30)
        assert line.sink.handed_ms(item) == point, "marks of what was thrown away do not count"
        assert line.sink.drain(0)


def test_an_interruption_is_a_clear_a_fade_and_silence() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(50, first=1000), item_id="a")
    line.run(10)
    sent = len(line.far.sent)
    line.far.order.clear()
    line.sink.clear()
    assert line.far.order == [], "whoever clears does not wait for the wire"
    line.sink.advance()
    assert line.far.order == ["clear", "frame"]
    fade = np.frombuffer(line.far.sent[-1], "<i2").astype(int)
    assert fade[0] == 1000 + 10 * FRAME, "it goes on where the far end was cut off"
    assert (np.diff(fade[:FADE]) < 0).all()
    assert not fade[FADE:].any()
    line.clock.advance(FRAME_S)
    line.run(20)
    assert len(line.far.sent) == sent + 1


def test_the_answer_after_an_interruption_counts_from_zero() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(50), item_id="a")
    line.run(10)
    old = list(line.far.marks)
    line.sink.clear()
    line.sink.write(sound(3), item_id="b")
    line.sink.flush()
    line.sink.advance()
    for mark in old:
        line.sink.mark_returned(mark)
    assert line.sink.played_ms("b") == 0
    assert not set(old) & set(line.far.marks[len(old) :]), "no mark has the name of another"
    line.run(10)
    assert (line.sink.played_ms("a"), line.sink.played_ms("b")) == (180, 60)
    assert b"".join(line.far.sent).endswith(sound(3))


def test_there_is_nothing_to_recall_when_all_was_heard() -> None:
    line = Line()
    line.sink.write(sound(3))
    line.sink.flush()
    line.run(10)
    line.sink.clear()
    line.run(10)
    assert (line.far.clears, len(line.far.sent)) == (0, 3)


def test_a_pause_goes_on_where_it_stopped() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(40, first=1000), item_id="a")
    line.sink.flush()
    line.run(10)
    assert line.sink.pause()
    line.run(50)
    assert line.far.clears == 1
    assert len(line.far.played) == 10 + 1, "and the fade"
    assert line.sink.handed_ms("a") == 180, "the frame that was being played is heard anew"
    assert not line.sink.drain(0)
    line.sink.resume()
    line.run(60)
    assert line.sink.played_ms("a") == 800
    assert line.sink.drain(0)
    again = b"".join(line.far.played[11:])
    whole = sound(40, first=1000)
    assert again[2 * FADE :] == whole[9 * 2 * FRAME + 2 * FADE :]
    assert np.frombuffer(again, "<i2")[0] == 0, "it fades in"


def test_a_pause_without_anything_at_the_far_end_fades_by_itself() -> None:
    line = Line(can_recall=False)
    line.sink.write(sound(40, first=1000), item_id="a")
    line.run(10)
    line.sink.pause()
    line.run(10)
    assert len(line.far.sent) == 11
    assert not np.frombuffer(line.far.sent[-1], "<i2")[FADE:].any()
    line.sink.resume()
    line.run(40)
    assert line.sink.played_ms("a") == 800
    assert line.far.clears == 0


def test_a_pause_that_becomes_an_interruption_forgets_what_was_kept() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(40), item_id="a")
    line.run(10)
    line.sink.pause()
    line.run(3)
    line.sink.clear()
    line.sink.resume()
    sent = len(line.far.sent)
    line.run(30)
    assert len(line.far.sent) == sent
    assert line.sink.played_ms("a") == 180
    assert line.sink.drain(0)


def test_what_is_written_in_a_pause_after_an_interruption_waits_for_its_end() -> None:
    line = Line(lead_ms=100, prebuffer_ms=60)
    line.sink.write(sound(40), item_id="a")
    line.run(10)
    line.sink.pause()
    line.run(3)
    line.sink.clear()
    sent = len(line.far.sent)
    line.sink.write(sound(2, first=8000), item_id="b")
    line.run(10)
    assert len(line.far.sent) == sent, "not even the beginning of it, as a fade"
    assert line.sink.played_ms("b") == 0
    line.sink.resume()
    line.run()
    assert len(line.far.sent) == sent, "its cushion is not there"
    line.sink.flush()
    line.run(10)
    assert line.far.sent[sent:] == [sound(1, first=8000), sound(1, first=8000 + FRAME)]


def test_a_pause_that_is_over_before_the_thread_has_run_loses_nothing() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(40), item_id="a")
    line.sink.flush()
    line.run(10)
    line.sink.pause()
    line.sink.resume()
    line.run(60)
    assert line.sink.played_ms("a") == 800


# -- without marks ---------------------------------------------------------------------------------


def test_where_nothing_can_be_recalled_what_was_sent_is_heard() -> None:
    line = Line(can_recall=False)
    line.sink.write(sound(10, first=1000), item_id="a")
    line.run(4)
    assert line.sink.handed_ms("a") == 80
    line.sink.clear()
    line.run(5)
    assert line.far.order == ["frame"] * 5, "no clear; the fade comes when it is due"
    assert line.sink.handed_ms("a") == 80
    assert np.frombuffer(line.far.sent[-1], "<i2")[0] == 1000 + 4 * FRAME


# -- the end ---------------------------------------------------------------------------------------


def test_drained_is_heard_not_sent() -> None:
    line = Line(lead_ms=400)
    line.sink.write(sound(10))
    assert not line.sink.drain(0)
    line.sink.flush()
    line.sink.advance()
    assert len(line.far.sent) == 10
    assert not line.sink.drain(0)
    line.run(11)
    assert line.sink.drain(0)
    assert Guard().call(line.sink.drain, "a sink that is silent")


def test_after_the_end_nothing_is_sent_and_nobody_waits() -> None:
    line = Line(lead_ms=100)
    line.sink.write(sound(50), item_id="a")
    line.run(5)
    sent = len(line.far.sent)
    line.sink.end()
    line.sink.write(sound(3))
    line.sink.clear()
    assert line.sink.advance() == 0
    assert (len(line.far.sent), line.far.clears) == (sent, 0)
    assert line.sink.drain(0)
    assert (line.sink.lost_ms, line.sink.played_ms("a")) == (60, 80)


def test_the_thread_sends_until_the_end(guard: Guard) -> None:
    far = FarEnd()
    sink = PhoneSink(far, lead_ms=0, prebuffer_ms=0)
    sink.write(sound(2))
    sink.flush()
    thread = spawn(sink.run, name="phone-pacer")
    guard.until(lambda: len(far.sent) == 2, "both frames")
    sink.end()
    guard.join(thread)


def test_what_the_wire_raises_leaves_the_thread() -> None:
    class Broken(FarEnd):
        def send_frame(self, pcm: bytes, mark: str) -> None:
            raise ConnectionClosedError(reason="broken")

    sink = PhoneSink(Broken(), lead_ms=0, prebuffer_ms=0)
    sink.write(sound(2))
    sink.flush()
    with pytest.raises(ConnectionClosedError, match="broken"):
        Guard().call(sink.run, "the end of what sends")


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"lead_ms": -1}, {"lead_ms": 1001}, {"prebuffer_ms": True}])
def test_lengths_out_of_range_are_refused(options: dict[str, int]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(ConfigError, match=rf"{name}={value} is out of range; give 0 to 1000"):
        PhoneSink(FarEnd(), **{"lead_ms": 0, "prebuffer_ms": 0, **options})


def test_half_a_sample_and_a_listener_that_is_none_are_refused() -> None:
    line = Line()
    with pytest.raises(FormatError):
        line.sink.write(b"\0\0\0")
    with pytest.raises(ConfigError, match="hear must be a function"):
        line.sink.listen(7)  # type: ignore[arg-type]
