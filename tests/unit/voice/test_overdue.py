"""How long the server may keep silent about what it owes."""

from __future__ import annotations

import pytest
from guards import VirtualClock

from realtime_sync.voice.overdue import OverdueWatch, Owed

R1, R2 = Owed(response_id="r1"), Owed(response_id="r2")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def watch(clock: VirtualClock) -> OverdueWatch:
    return OverdueWatch(30, clock=clock)


def look(watch: OverdueWatch, *owed: Owed, held: bool = False, silent: bool = True) -> list[Owed]:
    return watch.look(owed, is_held=held, is_silent=lambda: silent)


def test_it_is_overdue_when_the_time_is_over(watch: OverdueWatch, clock: VirtualClock) -> None:
    assert look(watch, R1) == []
    clock.advance(29.9)
    assert look(watch, R1) == []
    clock.advance(0.1)
    assert look(watch, R1) == [R1]
    assert watch.reason == "nothing has come of it for 30 s"


def test_each_has_a_time_of_its_own(watch: OverdueWatch, clock: VirtualClock) -> None:
    look(watch, R1)
    clock.advance(20)
    assert look(watch, R1, R2) == []
    clock.advance(10)
    assert look(watch, R1, R2) == [R1]
    look(watch, R2)
    clock.advance(20)
    assert look(watch, R1, R2) == [R2], "what was gone meanwhile begins anew"


@pytest.mark.parametrize(("named", "left"), [("r1", [R2]), (None, [])])
def test_what_comes_of_it_begins_it_anew(
    watch: OverdueWatch, clock: VirtualClock, named: str | None, left: list[Owed]
) -> None:
    look(watch, R1, R2)
    clock.advance(29)
    watch.signs.add(named)
    look(watch, R1, R2)
    clock.advance(29)
    assert look(watch, R1, R2) == left


def test_time_that_does_not_count_begins_it_anew(watch: OverdueWatch, clock: VirtualClock) -> None:
    request = Owed(request="c1")
    look(watch, request)
    clock.advance(29)
    look(watch, request, held=True)
    clock.advance(29)
    assert look(watch, request) == []
    clock.advance(1)
    assert look(watch, request) == [request]


def test_nothing_is_overdue_while_something_plays(watch: OverdueWatch, clock: VirtualClock) -> None:
    look(watch, R1)
    clock.advance(40)
    assert look(watch, R1, silent=False) == []
    assert look(watch, R1) == [R1]


def test_a_sink_is_not_asked_before_something_is_due(
    watch: OverdueWatch, clock: VirtualClock
) -> None:
    def ask() -> bool:
        raise AssertionError("it would take that for the end of an item")

    assert watch.look([R1], is_held=False, is_silent=ask) == []
    clock.advance(29)
    assert watch.look([R1], is_held=False, is_silent=ask) == []
