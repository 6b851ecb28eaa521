from __future__ import annotations

from bench import LoudnessDetector
from guards import VirtualClock

from realtime_sync.local.speech.voice_detector import DetectorPool


class Counted(LoudnessDetector):
    made = 0

    def __init__(self) -> None:
        Counted.made += 1
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1


def test_detectors_are_used_again() -> None:
    Counted.made = 0
    pool = DetectorPool(Counted)
    assert Counted.made == 1, "a missing package is found at once"
    first, second = pool.lend(), pool.lend()
    assert first is not second
    assert Counted.made == 2
    pool.give_back(second)
    again = pool.lend()
    assert again is second
    assert isinstance(again, Counted)
    assert again.resets == 2, "it has heard nothing yet"


def test_what_a_crowd_needed_is_kept_for_the_next_and_given_back_later(
    virtual_clock: VirtualClock,
) -> None:
    pool = DetectorPool(LoudnessDetector, clock=virtual_clock)
    crowd = [pool.lend() for _ in range(100)]
    for detector in crowd:
        pool.give_back(detector)
    assert pool.idle == 100
    virtual_clock.advance(299)
    few = [pool.lend() for _ in range(10)]
    assert few == crowd[:-11:-1], "always the same ones, so that the others can go"
    for detector in few:
        pool.give_back(detector)
    assert pool.idle == 100
    virtual_clock.advance(2)
    pool.give_back(pool.lend())
    assert pool.idle == 10, "nobody wanted the others for five minutes"
