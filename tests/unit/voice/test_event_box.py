"""The box of events: their order, what is dropped, and that no strike loses one."""

from __future__ import annotations

import contextlib
import dis
import queue
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.errors import QueueFullError
from realtime_sync.voice import event_box
from realtime_sync.voice.event_box import EventBox

NOW, FOREVER = Deadline(0), Deadline(None)


class Note:
    """Stands for an event."""

    def __init__(self, type: str, number: int = 0) -> None:
        self.type = type
        self.number = number


def delta(number: int = 0) -> Note:
    return Note("response.output_audio.delta", number)


def fill(box: EventBox, types: str) -> list[Note]:
    """Put an event for each letter: a delta, one that may be dropped, or one that is kept."""
    names = {"d": "response.output_text.delta", "o": "response.created", "k": "error"}
    notes = [Note(names[letter], number) for number, letter in enumerate(types)]
    for note in notes:
        box.put(note)
    return notes


def numbers(box: EventBox) -> list[int]:
    """Get all that is there."""
    found = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(box.get(NOW).number)
    return found


# -- order, and what is dropped --------------------------------------------------------------------


def test_events_come_in_the_order_in_which_they_were_put() -> None:
    box = EventBox()
    fill(box, "dokkoddokddddoookkk")
    assert numbers(box) == list(range(19))
    assert box.dropped == 0


def test_an_event_is_the_very_one() -> None:
    box, note = EventBox(), delta()
    box.put(note)
    assert box.get(FOREVER) is note


@pytest.mark.parametrize(
    ("put", "left"),
    [
        ("dodo", [0, 1, 2, 3]),
        ("okdodd", [0, 1, 3, 5]),  # the oldest deltas first
        ("dddddd", [2, 3, 4, 5]),
        ("okkod", [0, 1, 2, 3]),  # also when it has just come
        ("okokk", [1, 2, 3, 4]),  # then the oldest of the others
        ("kkkko", [0, 1, 2, 3]),
        ("kokodkkd", [0, 2, 5, 6]),
    ],
)
def test_a_full_box_drops_what_is_missed_least(put: str, left: list[int]) -> None:
    box = EventBox(4)
    fill(box, put)
    assert box.dropped == len(put) - 4
    assert numbers(box) == left


@pytest.mark.parametrize(
    "type",
    [
        "error",
        "response.done",
        "reconnected",
        "session.updated",
        "session.closed",
        "voice.interrupted",
        "voice.turn_metrics",
    ],
)
def test_what_a_program_can_not_do_without_is_not_dropped(type: str) -> None:
    box = EventBox(2)
    box.put(Note(type, 1))
    box.put(Note(type, 2))
    with pytest.raises(
        QueueFullError, match=r"2 events .* on_event, which has not returned: return"
    ):
        box.put(Note(type, 3))
    assert numbers(box) == [1, 2]
    assert box.dropped == 0
    box.put(Note(type, 4))
    assert numbers(box) == [4]


@pytest.mark.parametrize("type", ["session.output_audio.delta", "response.function_call.delta"])
def test_a_delta_is_one_whatever_it_begins_with(type: str) -> None:
    box = EventBox(1)
    box.put(Note(type, 1))
    box.put(Note("error", 2))
    assert (numbers(box), box.dropped) == ([2], 1)


def test_what_was_got_makes_room() -> None:
    box = EventBox(2)
    for number in range(1000):
        box.put(Note("error", number))
        assert box.get(NOW).number == number
    assert box.dropped == 0


# -- waiting ---------------------------------------------------------------------------------------


def test_an_empty_box() -> None:
    with pytest.raises(queue.Empty):
        EventBox().get(NOW)


def test_a_closed_box_gives_what_it_has_and_takes_nothing() -> None:
    box = EventBox()
    fill(box, "dk")
    box.close()
    fill(box, "ddd")
    assert [box.get(FOREVER).number, box.get(FOREVER).number] == [0, 1]
    for _ in range(2):
        with pytest.raises(queue.Empty):
            box.get(FOREVER)  # without a timeout: it does not wait
    assert box.closed
    assert box.dropped == 0


def test_what_was_put_just_before_the_end_is_got() -> None:
    box = EventBox()
    take = box._take

    def take_and_have_it_closed() -> None:
        take()
        box._take = take  # type: ignore[method-assign]
        fill(box, "k")
        box.close()

    box._take = lambda: setattr(box, "_take", take_and_have_it_closed)  # type: ignore[method-assign]
    assert box.get(NOW).number == 0


def test_the_end_wakes_the_getter(guard: Guard) -> None:
    box = EventBox()
    began, ended = threading.Event(), threading.Event()

    def get() -> None:
        began.set()
        with pytest.raises(queue.Empty):
            box.get(FOREVER)
        ended.set()

    thread = threading.Thread(target=get)
    thread.start()
    guard.wait(began, "the getter")
    box.close()
    guard.wait(ended, "the end of the getter")
    guard.join(thread)


@pytest.mark.parametrize("capacity", [4, 100_000])
def test_two_threads_lose_nothing_that_is_not_counted(capacity: int) -> None:
    box = EventBox(capacity)
    count = 50_000
    got = []

    def put() -> None:
        for number in range(count):
            box.put(delta(number))
            box.flush()
        box.close()

    thread = threading.Thread(target=put)
    began = time.perf_counter()
    thread.start()
    try:
        while True:
            got.append(box.get(FOREVER).number)
    except queue.Empty:
        thread.join()
    took_s = time.perf_counter() - began
    print(f"capacity {capacity}: {took_s / count * 1e6:.1f} µs for each event")
    assert box.closed
    assert got == sorted(got)
    assert len(set(got)) == len(got) == count - box.dropped
    assert capacity == 4 or not box.dropped


# -- strikes ---------------------------------------------------------------------------------------

# What Python runs signal handlers after: until 3.10 every jump, then those that go back.
STRUCK_AFTER = (
    ("CALL", "JUMP", "POP_JUMP")
    if sys.version_info < (3, 11)
    else ("CALL", "JUMP_BACKWARD", "POP_JUMP_BACKWARD", "RESUME")
)


class StruckError(Exception):
    """What a signal handler raises."""


class Strike:
    """Raises within the box, at the n-th place where Python runs signal handlers."""

    def __init__(self, n: int) -> None:
        self.left = n
        self._before: dict[FrameType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != event_box.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            before = self._before.get(frame, "CALL")
            self._before[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(STRUCK_AFTER):
                self.left -= 1
                if self.left == 0:
                    raise StruckError
        return self


def struck(n: int, get: Callable[[], object]) -> bool:
    """Call ``get``, and strike it at the n-th place; return whether it has so many."""
    strike, before = Strike(n), sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # 3.12 looks for it only when tracing begins
    sys.settrace(strike)
    try:
        get()
    except StruckError:
        return True
    finally:
        sys.settrace(before)
    return False


def test_no_strike_loses_an_event() -> None:
    places = 1
    while True:
        box = EventBox()
        fill(box, "dok")
        got: list[Note] = []
        if not struck(places, lambda: got.append(box.get(FOREVER))):  # noqa: B023 -- called at once
            break
        assert got == []
        assert not box._lock.locked()
        assert numbers(box) == [0, 1, 2]
        places += 1
    assert places > 5
    assert [got[0].number, *numbers(box)] == [0, 1, 2]


class OneToken:
    """Stands for the tokens; while the getter waits, an event comes."""

    def __init__(self, box: EventBox) -> None:
        self._box = box

    def get(self, timeout: float | None) -> None:
        fill(self._box, "d")

    def put(self, token: None) -> None:
        pass

    def empty(self) -> bool:
        return True


def test_no_strike_loses_the_event_that_was_waited_for() -> None:
    places = 1
    while True:
        box = EventBox()
        box._wake = OneToken(box)
        got: list[Note] = []
        if not struck(places, lambda: got.append(box.get(FOREVER))):  # noqa: B023 -- called at once
            break
        assert got == []
        assert not box._lock.locked()
        assert box.get(FOREVER).number == 0
        places += 1
    assert places > 10
    assert len(got) == 1
