"""Where a thread's search begins: what it has found, by type and by predicate."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from attrs import define

from realtime_sync._threads import spawn
from realtime_sync.connection._observer import _MOST_FINDS, _Finds, _key


def never(event: object) -> bool:
    return False


class Slotted:
    __slots__ = ()

    def __call__(self, event: object) -> bool:
        return False


@define  # equal to others, and so without a hash
class Equal:
    number: int = 0

    def __call__(self, event: object) -> bool:
        return False

    def method(self, event: object) -> bool:
        return False

    def other(self, event: object) -> bool:
        return False


def test_a_type_under_both_its_names() -> None:
    finds = _Finds()
    finds.places[_key("response.text.delta")] = 5
    assert (
        finds.after(_key("response.output_text.delta"))
        == finds.after(_key("response.text.delta"))
        == 5
    )
    assert finds.after(_key("response.done")) == 0
    finds.places[_key("response.output_text.delta")] = 7
    assert finds.after(_key("response.text.delta")) == 7


def test_a_predicate_is_known_by_its_identity() -> None:
    finds, equal, slotted = _Finds(), Equal(), Slotted()
    known: list[Any] = [never, equal, slotted, equal.method]
    for place, predicate in enumerate(known, 1):
        finds.places[_key(predicate)] = place
    assert [finds.after(_key(predicate)) for predicate in known] == [1, 2, 3, 4]
    assert finds.after(_key(equal.method)) == 4, "a method is a new object each time it is named"
    strangers: list[Any] = [Equal(), Slotted(), Equal().method, equal.other, lambda event: False]
    assert [finds.after(_key(predicate)) for predicate in strangers] == [0] * 5


def test_a_predicate_is_not_kept_alive() -> None:
    finds, equal = _Finds(), Equal.__new__(Equal)

    class Weak:
        def method(self, event: object) -> bool:
            return False

    def predicate(event: object) -> bool:
        return equal is None

    weak = Weak()
    gone = [weakref.ref(predicate), weakref.ref(weak)]
    finds.places[_key(predicate)] = 1
    finds.places[_key(weak.method)] = 2
    del predicate, weak
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert finds.after(_key(lambda event: False)) == 0, "also where the address is used again"


def test_so_many_finds_are_remembered_the_latest() -> None:
    finds = _Finds()
    for number in range(_MOST_FINDS):
        finds.places[_key(f"n.{number}")] = number + 1
    finds.places[_key("n.0")] = 100  # now it is the latest
    finds.places[_key("more")] = 200
    assert (finds.after(_key("n.0")), finds.after(_key("n.1")), finds.after(_key("n.2"))) == (
        100,
        0,
        3,
    )
    assert len(finds.places) == _MOST_FINDS


def test_each_thread_has_its_own() -> None:
    finds, seen = _Finds(), []
    finds.places[_key("n.1")] = 5

    def look() -> None:
        seen.append(finds.after(_key("n.1")))
        finds.places[_key("n.1")] = 9

    thread = spawn(look, name="test")
    thread.join()
    assert (seen, finds.after(_key("n.1"))) == ([0], 5)
    assert threading.current_thread() is not thread
