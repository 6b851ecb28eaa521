from __future__ import annotations

from bench import LoudnessDetector

from realtime_sync.local.engine_set import DetectorPool


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
    first, second = pool.take(), pool.take()
    assert first is not second
    assert Counted.made == 2
    pool.give_back(first)
    again = pool.take()
    assert again is first
    assert isinstance(again, Counted)
    assert again.resets == 2, "it has heard nothing yet"
