from __future__ import annotations

from bench import LoudnessDetector

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


def test_a_crowd_of_detectors_is_not_kept() -> None:
    pool = DetectorPool(LoudnessDetector)
    for detector in [pool.lend() for _ in range(100)]:
        pool.give_back(detector)
    assert len(pool.idle) == 32
