"""A missing, a repeated and a changed sample are found; fades are not."""

from __future__ import annotations

import numpy as np
import pytest
from pauses import FADE, pauses_in

SENT = np.random.default_rng(1).integers(1, 9000, 5000).astype("<i2")
FADED_OUT = (SENT[2000 : 2000 + FADE] * np.linspace(1, 0, FADE)).astype("<i2")
FADED_IN = (SENT[2000 + FADE : 2000 + 2 * FADE] * np.linspace(0, 1, FADE)).astype("<i2")
REST = SENT[2000 + 2 * FADE :]
PAUSE = np.zeros(700, "<i2")


def played(*pieces: np.ndarray) -> bytes:
    return np.concatenate([PAUSE, *pieces, PAUSE]).astype("<i2").tobytes()


def test_what_was_played_whole() -> None:
    sent = SENT.tobytes()
    assert pauses_in(played(SENT), sent) == []
    assert pauses_in(played(SENT[:2000], FADED_OUT, PAUSE, FADED_IN, REST), sent) == [700]
    assert pauses_in(played(SENT[:2000], PAUSE, SENT[2000:]), sent) == [700]  # ran dry


@pytest.mark.parametrize(
    "pieces",
    [
        (SENT[:2000], PAUSE, SENT[2001:]),
        (SENT[:2000], PAUSE, SENT[1999:]),
        (SENT[:2000], FADED_OUT, PAUSE, FADED_IN[:-1], REST),
        (SENT[:2000], FADED_OUT, PAUSE, FADED_IN, FADED_IN[-1:], REST),
        (SENT[:2000], FADED_OUT, PAUSE, SENT[2000:2001], FADED_IN, REST),
        (SENT, SENT[-1:]),
        (SENT[:-1],),
        (SENT[:2000],),
        (SENT[:2000], SENT[1000:2000], SENT[2000:]),
    ],
)
def test_what_was_not(pieces: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(AssertionError):
        pauses_in(played(*pieces), SENT.tobytes())
