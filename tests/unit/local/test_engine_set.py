from __future__ import annotations

from contextlib import suppress

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
    with pool.lend() as first:
        with pool.lend() as second:
            assert first is not second
            assert Counted.made == 2
        with pool.lend() as again:
            assert again is second
            assert isinstance(again, Counted)
            assert again.resets == 2, "it has heard nothing yet"


def test_a_detector_comes_back_from_a_session_that_fails() -> None:
    pool = DetectorPool(LoudnessDetector)
    with suppress(RuntimeError), pool.lend() as lent:
        raise RuntimeError
    with pool.lend() as again:
        assert again is lent
