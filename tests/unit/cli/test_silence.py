"""A microphone that delivers nothing is told from one in a quiet room."""

from __future__ import annotations

import math

from realtime_sync.cli._silence import SilenceWatch, is_silent


def test_digital_silence_is_less_than_any_microphone_s_noise() -> None:
    assert [is_silent(dbfs) for dbfs in (-math.inf, -90.3, -84.0)] == [True] * 3
    assert [is_silent(dbfs) for dbfs in (-83.9, -60.0, 0.0)] == [False] * 3


def test_it_is_told_once_after_five_seconds() -> None:
    watch = SilenceWatch()
    told = [watch.hear(0.25, -math.inf) for _ in range(60)]
    assert told.index(True) == 19
    assert told.count(True) == 1
    assert not watch.heard
    assert not watch.hear(0.25, -20.0)
    assert watch.heard


def test_what_was_heard_once_may_fall_silent() -> None:
    watch = SilenceWatch()
    levels = [-math.inf, -50.0] + [-math.inf] * 60
    assert not any(watch.hear(0.25, dbfs) for dbfs in levels)
    assert watch.heard
