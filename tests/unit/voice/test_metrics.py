"""The figures of a turn."""

from __future__ import annotations

import pytest
from guards import VirtualClock

from realtime_sync.voice.events import TurnMetrics
from realtime_sync.voice.metrics import TurnMeter

PART = ("a", 0)


class Meter(TurnMeter):
    """With a clock and an underrun counter to turn by hand."""

    def __init__(self) -> None:
        self.time = VirtualClock()
        self.count = 0
        super().__init__(clock=self.time, underruns=lambda: self.count)

    def figures(self) -> TurnMetrics:
        metrics = self.finish()
        assert metrics is not None
        return metrics


@pytest.fixture
def meter() -> Meter:
    return Meter()


def test_a_turn_is_measured_from_the_end_of_speech(meter: Meter) -> None:
    meter.count = 3
    meter.speech_ended(meter.time())
    meter.time.advance(0.25)
    meter.audio_came(PART)
    assert meter.waits_for == PART
    meter.time.advance(0.06)
    meter.played(0)
    assert meter.waits_for == PART
    meter.time.advance(0.2)
    meter.audio_came(("b", 0))
    meter.played(160)  # so it began 160 ms ago
    assert meter.waits_for is None
    meter.count = 5
    metrics = meter.figures()
    assert metrics.first_delta_ms == pytest.approx(250)
    assert metrics.first_played_ms == pytest.approx(350)
    assert metrics.delta_to_played_ms == pytest.approx(100)
    assert metrics.interruption_ms is None
    assert metrics.underruns == 2
    assert meter.finish() is None


def test_a_greeting_has_no_end_of_speech(meter: Meter) -> None:
    meter.audio_came(PART)
    meter.time.advance(0.1)
    meter.played(40)
    metrics = meter.figures()
    assert metrics.first_delta_ms is metrics.first_played_ms is None
    assert metrics.delta_to_played_ms == pytest.approx(60)


def test_an_interruption_is_measured(meter: Meter) -> None:
    meter.speech_ended(meter.time())
    meter.audio_came(PART)
    meter.interrupted(0.0005)
    metrics = meter.figures()
    assert metrics.interruption_ms == pytest.approx(0.5)
    assert metrics.first_played_ms is None


def test_words_without_an_answer_have_no_figures(meter: Meter) -> None:
    meter.speech_ended(meter.time())
    assert meter.waits_for is None
    assert meter.finish() is None
    meter.interrupted(1.0)
    meter.played(5)
    assert meter.finish() is None
