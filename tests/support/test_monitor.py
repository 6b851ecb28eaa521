"""The monitor's eye: what is whole is found, and what is not is not."""

from __future__ import annotations

import numpy as np
import pytest
from monitor import MS, RATE, Match, Samples, find, loud_ms, noise

SENT = noise(1_000, 1)


def with_silence(*parts: Samples | int) -> Samples:
    """Join sounds and pauses (in ms)."""
    pieces = [np.zeros(p * MS) if isinstance(p, int) else p.astype(float) for p in parts]
    return np.concatenate(pieces)


def test_what_is_whole_is_found_to_its_last_sample() -> None:
    assert find(SENT, with_silence(300, SENT, 200)) == Match(
        begin=300 * MS, end=RATE, found=1.0, whole=1.0, stop=1300 * MS
    )


def test_pauses_anywhere_are_looked_over() -> None:
    at = 401 * MS + 7
    match = find(SENT, with_silence(100, SENT[:at], 150, SENT[at:], 200))
    assert match.end == RATE
    assert match.whole >= 0.995  # but for the block that the pause cuts
    assert match.stop - match.begin - match.end == 150 * MS


@pytest.mark.parametrize("cut_ms", [40, 333, 700])
def test_a_cut_is_found_where_it_is(cut_ms: int) -> None:
    match = find(SENT, with_silence(50, SENT[: cut_ms * MS], 800))
    assert match.end // MS == cut_ms // 5 * 5
    assert match.found == 1.0


def test_a_fade_is_not_what_was_sent() -> None:
    fade = SENT[300 * MS : 305 * MS] * np.linspace(1, 0, 5 * MS)
    assert find(SENT, with_silence(SENT[: 300 * MS], fade, 500)).end == 300 * MS


def test_what_is_lost_or_out_of_order_is_missed() -> None:
    third = RATE // 3
    lost = find(SENT, with_silence(50, SENT[:third], SENT[2 * third :], 500))
    turned = find(SENT, with_silence(50, SENT[:third], SENT[2 * third :], SENT[third : 2 * third]))
    assert lost.whole < 0.7
    assert turned.whole < 0.7


def test_other_noise_is_nothing() -> None:
    assert find(SENT, with_silence(100, noise(1_000, 2), 100)).begin == -1
    assert find(np.zeros(RATE), SENT).begin == -1
    assert find(SENT, np.zeros(100)).begin == -1


def test_the_amount_tells_what_comes_twice() -> None:
    assert loud_ms(with_silence(100, SENT, 100)) == 1_000
    assert loud_ms(with_silence(SENT, SENT[: 200 * MS])) == 1_200
