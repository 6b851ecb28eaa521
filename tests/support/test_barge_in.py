"""What is said of interruptions, judged by recordings that are made up."""

from __future__ import annotations

import numpy as np
import pytest
from barge_in import VoidTrial, judge_void
from monitor import MS, noise

FIRST, SECOND = noise(300, 1), noise(1_000, 2)
PAUSE = np.zeros(100 * MS, "<i2")
TRIAL = VoidTrial(sounds=[FIRST, SECOND], began=0)


def test_an_answer_that_was_heard_in_part() -> None:
    judge_void(TRIAL, np.concatenate([PAUSE, FIRST, SECOND[: 400 * MS], PAUSE]).tobytes())
    judge_void(TRIAL, np.concatenate([PAUSE, FIRST[: 100 * MS], PAUSE]).tobytes())


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        ([PAUSE], "something was heard"),
        ([SECOND[: 400 * MS], PAUSE, FIRST], "in order"),
        ([FIRST, SECOND, PAUSE], "it was interrupted"),
        ([FIRST, FIRST, SECOND[: 400 * MS]], "nothing is heard twice"),
        ([FIRST, SECOND[: 400 * MS], PAUSE, SECOND[: 400 * MS]], "nothing is heard twice"),
    ],
    ids=["nothing", "in another order", "all of it", "twice", "begun again"],
)
def test_what_must_not_be_heard(heard: list[np.ndarray], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        judge_void(TRIAL, np.concatenate([PAUSE, *heard, PAUSE]).tobytes())
