"""What is on its way, by its marks."""

from __future__ import annotations

from realtime_sync.telephony.in_flight import Frame, InFlight

PART = ("item", 0)


def frame(samples: int = 160, part: tuple[str, int] = PART) -> Frame:
    return Frame(bytes(320), ((part, samples),))


def test_a_mark_brings_back_whatever_was_sent_before_it() -> None:
    flight = InFlight(marked=True)
    marks = [flight.send(frame(samples), 0.0) for samples in (100, 10, 1)]
    assert flight.returned(marks[1])
    assert (flight.heard(PART), len(flight)) == (110, 1)
    assert flight.returned(marks[2])
    assert (flight.heard(PART), len(flight)) == (111, 0)


def test_a_mark_counts_once_and_only_until_it_is_recalled() -> None:
    flight = InFlight(marked=True)
    first, second = (flight.send(frame(), 0.0) for _ in range(2))
    assert flight.returned(first)
    recalled = flight.recall()
    assert recalled == [frame()]
    assert [flight.returned(mark) for mark in (first, second, "other")] == [False] * 3
    assert (flight.stale, flight.heard(PART)) == (3, 160)


def test_marks_name_their_generation_and_none_is_used_twice() -> None:
    flight = InFlight(marked=True)
    marks = [flight.send(frame(), 0.0)]
    flight.recall()
    marks.append(flight.send(frame(), 0.0))
    assert marks == ["0.1", "1.2"]


def test_a_frame_of_two_parts_counts_for_both() -> None:
    flight = InFlight(marked=True)
    mark = flight.send(Frame(bytes(320), ((PART, 60), (("other", 1), 40))), 0.0)
    flight.returned(mark)
    assert [flight.heard(part) for part in (PART, ("other", 1), ("other", 0))] == [60, 40, 0]


def test_time_counts_from_when_a_frame_must_have_ended() -> None:
    """A lead is sent at once and plays one frame after the other."""
    flight = InFlight(marked=True)
    for _ in range(50):
        flight.send(frame(), 10.0)
    flight.give_up(12.01)
    assert flight.heard(PART) == 0
    flight.give_up(12.03)
    assert flight.heard(PART) == 160
    flight.give_up(13.01)
    assert (len(flight), flight.unreturned) == (0, 50)


def test_marks_that_have_come_before_are_waited_for_longer() -> None:
    flight = InFlight(marked=True)
    flight.returned(flight.send(frame(), 0.0))
    flight.send(frame(), 1.0)
    flight.give_up(10.9)
    assert len(flight) == 1
    flight.give_up(11.1)
    assert len(flight) == 0


def test_without_marks_what_is_sent_is_heard() -> None:
    flight = InFlight(marked=False)
    flight.send(frame(), 0.0)
    assert (flight.heard(PART), len(flight), flight.recall()) == (160, 0, [])


def test_old_parts_are_forgotten() -> None:
    flight = InFlight(marked=False)
    for number in range(300):
        flight.send(frame(part=(f"item_{number}", 0)), 0.0)
    assert flight.heard(("item_43", 0)) == 0
    assert flight.heard(("item_44", 0)) == 160
