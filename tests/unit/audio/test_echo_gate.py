"""The gate: what is louder than the echo passes."""

from __future__ import annotations

import numpy as np
import pytest

from realtime_sync.audio import EchoGate
from realtime_sync.errors import ConfigError, FormatError

FRAMES = 480  # 20 ms
SILENCE = bytes(2 * FRAMES)


def square(rms: float) -> bytes:
    """A wave whose root mean square is its height."""
    wave = np.where(np.arange(FRAMES) % 48 < 24, 1, -1) * rms * 32768
    return wave.astype("<i2").tobytes()


def test_while_nothing_plays_everything_passes() -> None:
    gate = EchoGate()
    for heard in (square(0.5), square(0.0001), SILENCE):
        assert gate.process(heard, SILENCE) == heard


@pytest.mark.parametrize(("heard", "passes"), [(0.1, False), (0.30, True), (0.31, True)])
def test_while_something_plays_only_what_is_louder_than_its_echo(
    heard: float, passes: bool
) -> None:
    """0.6 x 0.48 + 0.002 = 0.29."""
    gate = EchoGate()
    assert gate.process(square(heard), square(0.48)) == (square(heard) if passes else SILENCE)


def test_a_soft_answer_has_a_floor() -> None:
    gate = EchoGate(floor=0.015)
    assert gate.process(square(0.012), square(0.005)) == SILENCE
    assert gate.process(square(0.016), square(0.005)) == square(0.016)


def test_an_echo_that_comes_after_the_sound_is_kept_out() -> None:
    gate = EchoGate()
    gate.process(SILENCE, square(0.5))
    for _ in range(8):  # 160 ms
        assert gate.process(square(0.15), SILENCE) == SILENCE
    for _ in range(100):
        gate.process(SILENCE, SILENCE)
    assert gate.process(square(0.05), SILENCE) == square(0.05)


def test_between_loud_syllables_it_stays_open() -> None:
    gate = EchoGate()
    assert gate.process(square(0.4), square(0.3)) == square(0.4)
    passed = [gate.process(square(0.05), square(0.3)) == square(0.05) for _ in range(20)]
    assert passed == [True] * 10 + [False] * 10  # 200 ms


def test_a_gate_that_was_opened_is_closed_before_the_next_answer() -> None:
    gate = EchoGate()
    assert gate.process(square(0.4), square(0.3)) == square(0.4)
    for _ in range(100):
        gate.process(SILENCE, SILENCE)
    assert gate.process(square(0.1), square(0.3)) == SILENCE


def test_wrong_options_and_lengths_are_refused() -> None:
    for options in ({"floor": -0.1}, {"factor": 11}, {"margin": True}, {"rate": 1}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            EchoGate(**options)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="960 bytes were heard while 2 were played"):
        EchoGate().process(SILENCE, b"\0\0")
