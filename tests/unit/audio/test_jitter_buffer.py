"""The default cushion against a network that delays and bursts, on a simulated clock."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable

import numpy as np
import pytest
from jitter import MOST_S, Jitter

from realtime_sync.audio import Speaker
from realtime_sync.audio.playout import Playout

RATE = 24000
MS = RATE // 1000
BLOCK = 40 * MS  # what the speaker's callback asks for
DEFAULT_MS: int = inspect.signature(Speaker).parameters["prebuffer_ms"].default


def played(playout: Playout, arrivals: Iterable[float], piece_ms: int, phase: float) -> np.ndarray:
    """Return what is handed to the device; piece N holds only samples of the value N + 1."""
    waiting = [
        (at, np.full(piece_ms * MS, number, dtype="<i2")) for number, at in enumerate(arrivals, 1)
    ]
    length = len(waiting) * piece_ms * MS
    blocks: list[np.ndarray] = []
    ends = waiting[-1][0] + length / RATE + 2 * DEFAULT_MS / 1000
    now = phase
    while now < ends:
        while waiting and waiting[0][0] <= now:
            playout.write(waiting.pop(0)[1], item_id="a")
            if not waiting:
                playout.flush()
        block = np.empty(BLOCK, dtype="<i2")
        playout.render_into(block)
        blocks.append(block)
        now += BLOCK / RATE
    return np.concatenate(blocks)


def is_whole(heard: np.ndarray, pieces: int, piece_ms: int) -> bool:
    """Whether all pieces were played in order without a sample between them."""
    sound = np.trim_zeros(heard)
    return bool(np.array_equal(sound, np.repeat(np.arange(1, pieces + 1), piece_ms * MS)))


@pytest.mark.parametrize("piece_ms", [20, 50, 100, 200, 300])
def test_the_default_cushion_outlasts_the_jitter(piece_ms: int) -> None:
    pieces = 6000 // piece_ms
    for seed in range(40):
        rng = random.Random(seed)
        jitter, playout = Jitter(rng), Playout(RATE, prebuffer_ms=DEFAULT_MS)
        arrivals = [jitter.arrival(0.0, piece_ms / 1000) for _ in range(pieces)]
        heard = played(playout, arrivals, piece_ms, rng.uniform(0, BLOCK / RATE))
        assert is_whole(heard, pieces, piece_ms), f"a gap with seed {seed}"
        assert playout.underruns == 0


@pytest.mark.parametrize("piece_ms", [20, 50, 100, 200, 300])
@pytest.mark.parametrize("punctual", [1, 2, 3, 5, 20])
def test_it_outlasts_a_network_that_turns_bad_when_it_had_seemed_good(
    piece_ms: int, punctual: int
) -> None:
    pieces = 6000 // piece_ms
    for phase in np.arange(0, BLOCK / RATE, 0.004):
        playout = Playout(RATE, prebuffer_ms=DEFAULT_MS)
        arrivals = [
            number * piece_ms / 1000 + (0.0 if number < punctual else MOST_S)
            for number in range(pieces)
        ]
        heard = played(playout, arrivals, piece_ms, float(phase))
        assert is_whole(heard, pieces, piece_ms), f"a gap with phase {phase}"
        assert playout.underruns == 0


def test_a_small_cushion_would_not() -> None:
    jitter, playout = Jitter(random.Random(1)), Playout(RATE, prebuffer_ms=60)
    heard = played(playout, [jitter.arrival(0.0, 0.1) for _ in range(60)], 100, 0.0)
    assert not is_whole(heard, 60, 100)
    assert playout.underruns > 0
    # What was late is late, but nothing is lost or comes twice.
    assert np.array_equal(heard[heard != 0], np.repeat(np.arange(1, 61), 100 * MS))


def test_a_server_that_is_ahead_does_not_pay_for_it() -> None:
    playout = Playout(RATE, prebuffer_ms=DEFAULT_MS)
    heard = played(playout, [0.0] * 10, 200, 0.0)
    assert heard[0] == 1
    assert is_whole(heard, 10, 200)
