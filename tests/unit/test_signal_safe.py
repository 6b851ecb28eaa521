"""What threads wait for or claim; the other threads are played by the test."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync._signal_safe import Claim, Latch, Stopped, StopSignal


class Tokens:
    """Stands for a latch's tokens; ``happens`` plays what other threads do meanwhile."""

    def __init__(self, happens: Callable[[float], bool]) -> None:
        self._happens = happens
        self.timeouts: list[float] = []
        self.given = 0

    def get(self, timeout: float) -> None:
        self.timeouts.append(timeout)
        assert len(self.timeouts) < 100, "it waits for ever"
        if not self._happens(timeout):
            raise queue.Empty

    def put(self, token: None) -> None:
        self.given += 1


def latch_with(happens: Callable[[float], bool]) -> tuple[Latch, Tokens]:
    latch, tokens = Latch(), Tokens(happens)
    latch._tokens = tokens  # type: ignore[assignment]
    return latch, tokens


# -- latch -----------------------------------------------------------------------------------------


def test_a_latch_that_is_set() -> None:
    latch = Latch()
    assert not latch.is_set
    for _ in range(2):
        latch.set()
        assert latch.is_set
        assert latch.wait(Deadline(None))
        assert latch.wait(Deadline(0))


def test_a_waiter_wakes_the_next_one() -> None:
    def set_it(_: float) -> bool:
        latch.is_set = True
        return True

    latch, tokens = latch_with(set_it)
    assert latch.wait(Deadline(None))
    assert tokens.given == 1
    assert len(tokens.timeouts) == 1


def test_a_waiter_that_was_struck_took_the_token_with_it() -> None:
    """The next one looks by itself."""

    def set_it_and_take_the_token(_: float) -> bool:
        latch.is_set = len(tokens.timeouts) == 3
        return False

    latch, tokens = latch_with(set_it_and_take_the_token)
    assert latch.wait(Deadline(None))
    assert tokens.timeouts == [0.5] * 3


def test_a_wait_keeps_to_its_deadline(virtual_clock: VirtualClock) -> None:
    def time_passes(timeout: float) -> bool:
        virtual_clock.advance(timeout)
        return False

    latch, tokens = latch_with(time_passes)
    assert not latch.wait(Deadline(1.25, clock=virtual_clock))
    assert tokens.timeouts == [0.5, 0.5, 0.25]
    assert not latch.wait(Deadline(0, clock=virtual_clock))
    assert len(tokens.timeouts) == 3


def test_a_token_of_nothing_ends_no_wait(virtual_clock: VirtualClock) -> None:
    """`set` stores first and wakes then, so a token without the store is nobody's."""

    def wake(timeout: float) -> bool:
        virtual_clock.advance(timeout)
        return True

    latch, _ = latch_with(wake)
    assert not latch.wait(Deadline(1, clock=virtual_clock))


def test_it_is_set_before_anybody_is_woken() -> None:
    latch, tokens = latch_with(lambda _: True)
    states: list[bool] = []
    tokens.put = lambda _: states.append(latch.is_set)  # type: ignore[method-assign,assignment]
    latch.set()
    assert states == [True]


def test_what_strikes_a_wait_comes_out() -> None:
    def strike(_: float) -> bool:
        raise TimeoutError("struck")

    latch, _ = latch_with(strike)
    with pytest.raises(TimeoutError, match="struck"):
        latch.wait(Deadline(None))


def test_all_threads_that_wait_are_woken(guard: Guard) -> None:
    latch = Latch()
    threads = [threading.Thread(target=lambda: latch.wait(Deadline(None))) for _ in range(5)]
    for thread in threads:
        thread.start()
    latch.set()
    for thread in threads:
        guard.join(thread)


# -- claim -----------------------------------------------------------------------------------------


def use(place: Claim, work: Callable[[], object]) -> bool:
    """Work if the place is free, as the recipe has it; return whether it was."""
    token = [object()]
    try:
        if place.setdefault("now", token) is not token:
            return False
        work()
        return True
    finally:
        if "now" in place and place["now"] is token:
            del place["now"]


def test_one_at_a_time() -> None:
    place = Claim()
    inside: list[bool] = []

    def work() -> None:
        inside.append(place.locked())
        inside.append(use(place, lambda: None))
        inside.append(place.locked())  # the one that was refused has not given it up

    assert not place.locked()
    assert use(place, work)
    assert inside == [True, False, True]
    assert not place.locked()
    assert use(place, lambda: None)


def test_a_strike_gives_the_place_up() -> None:
    place = Claim()
    with pytest.raises(ZeroDivisionError):
        use(place, lambda: 1 / 0)
    assert not place.locked()


def test_it_is_set_once_and_for_all() -> None:
    signal = StopSignal()
    assert not signal.wait(0)
    signal.check()
    signal.set()
    signal.set()
    assert signal.wait()
    with pytest.raises(Stopped):
        signal.check()
    assert not isinstance(Stopped(), Exception), "no `except Exception` keeps a sender going"


def test_a_latch_or_the_end() -> None:
    signal, latch = StopSignal(), Latch()
    assert not signal.wait_for(latch, 0)
    threading.Timer(0, latch.set).start()
    assert signal.wait_for(latch)
    threading.Timer(0, signal.set).start()
    assert not signal.wait_for(Latch())


def test_who_waits_is_woken_once_it_is_announced() -> None:
    signal, calls = StopSignal(), []
    with signal.waking(lambda: calls.append(1)):
        signal.set()
        assert calls == [], "whoever sets it may be a signal handler"
        signal.announce()
        assert calls == [1]
    with signal.waking(lambda: calls.append(2)):
        assert calls == [1, 2]
    signal.announce()
    assert calls == [1, 2]


def test_a_thread_knows_for_which_app_it_works() -> None:
    signal, guard = StopSignal(), Guard()
    found: list[StopSignal | None] = []
    thread = threading.Thread(target=lambda: signal.run(lambda: found.append(StopSignal.current())))
    thread.start()
    guard.join(thread)
    assert found == [signal]
    assert StopSignal.current() is None
    assert signal.run(lambda: 7) == 7
    assert StopSignal.current() is None
