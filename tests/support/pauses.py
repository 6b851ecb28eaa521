"""Compares what a speaker played with what it was given, when it had paused meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FADE", "pauses_in"]

Samples = NDArray[Any]

FADE = 120  # samples: 5 ms at 24 kHz
_PROOF = 240  # so many samples that sound are found in one place only


def pauses_in(played: bytes, sent: bytes) -> list[int]:
    """Check that all was played, once and in order, and return the lengths of the pauses in it.

    A pause may begin and end with a fade of 5 ms, which is checked as well: the last samples
    before it fade out, and those that come next fade in.

    Args:
        played: PCM16 mono at 24 kHz, with silence before, behind, and in the pauses.
        sent: the same without any, as it was given to the speaker.

    Returns:
        How many samples there is silence between the fades, for each pause.

    Raises:
        AssertionError: a sample is missing, repeated or changed.
    """
    heard, given = np.frombuffer(played, "<i2"), np.frombuffer(sent, "<i2")
    given = given[np.flatnonzero(given)[0] : np.flatnonzero(given)[-1] + 1]
    heard = heard[np.flatnonzero(heard)[0] :]
    pauses: list[int] = []
    at = 0  # so much of what was given was played
    while True:
        same = _common(heard, given[at:])
        if at + same == len(given):
            assert not heard[same:].any(), "more was played than was sent"
            return pauses
        fade, pause = _pause(heard, given[at:], same)
        pauses.append(pause)
        heard, at = heard[fade + pause :], at + fade


def _pause(heard: Samples, given: Samples, same: int) -> tuple[int, int]:
    """Return how many samples there are to the end of a pause, and how long it is."""
    ran_dry = _find(heard[same:], given[same:])
    if ran_dry > 0 and not heard[same : same + ran_dry].any():
        return same, ran_dry
    # The first samples of a fade, and silent ones, are as they were sent.
    for begin in range(same, max(-1, same - FADE), -1):
        end = begin + 2 * FADE
        pause = _find(heard[end:], given[end:])
        if pause < 0:
            continue
        expected = np.zeros(2 * FADE + pause, "<i2")
        expected[:FADE] = given[begin : begin + FADE] * np.linspace(1, 0, FADE)
        expected[FADE + pause :] = given[begin + FADE : end] * np.linspace(0, 1, FADE)
        if np.array_equal(heard[begin : end + pause], expected):
            return end, pause
    raise AssertionError(f"samples are missing, repeated or changed, {len(given)} before the end")


def _common(one: Samples, other: Samples) -> int:
    size = min(len(one), len(other))
    differ = np.flatnonzero(one[:size] != other[:size])
    return int(differ[0]) if len(differ) else size


def _find(heard: Samples, given: Samples) -> int:
    """Return where ``given`` goes on in ``heard``, -1 for nowhere."""
    sounding = np.flatnonzero(given)
    if not len(sounding):
        return -1
    proof = given[: sounding[min(_PROOF, len(sounding) - 1)] + 1].tobytes()
    text, at = heard.tobytes(), -1
    while (at := text.find(proof, at + 1)) >= 0:
        if at % 2 == 0:
            return at // 2
    return -1
