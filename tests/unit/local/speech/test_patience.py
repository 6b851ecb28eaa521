from __future__ import annotations

import pytest

from realtime_sync.local.speech._patience import Patience, pause_s


def silent(patience: Patience, seconds: int, *sounds_s: float) -> list[float | None]:
    return [patience.second(sounds_s) for _ in range(seconds)]


@pytest.mark.parametrize(("sounds_s", "limit"), [((0.0,), 10), ((3.0,), 16), ((1.0, 8.0), 26)])
def test_ten_seconds_and_twice_the_longest_sound(sounds_s: tuple[float, ...], limit: int) -> None:
    patience = Patience()
    assert silent(patience, limit, *sounds_s) == [None] * limit
    assert patience.second(sounds_s) == limit


def test_each_answer_begins_a_new_count() -> None:
    patience = Patience()
    silent(patience, 10, 0.0)
    patience.answered()
    assert silent(patience, 10, 0.0) == [None] * 10
    assert patience.second([0.0]) == 10


def test_who_has_nothing_to_do_may_be_silent_for_ever() -> None:
    patience = Patience()
    assert silent(patience, 1_000) == [None] * 1_000
    silent(patience, 10, 0.0)
    assert silent(patience, 1) == [None]
    assert silent(patience, 10, 0.0) == [None] * 10, "its seconds count from the next work"


def test_pauses_grow_up_to_a_minute() -> None:
    assert [pause_s(n) for n in range(10)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert pause_s(100_000) == 60
