"""Where a thread's search begins: what it has found, by type and by predicate."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from attrs import define

from realtime_sync.connection._observer import _MOST_FINDS, key_of, place_after


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
    places: dict[object, int] = {}
    places[key_of("response.text.delta")] = 5
    assert (
        place_after(places, key_of("response.output_text.delta"))
        == place_after(places, key_of("response.text.delta"))
        == 5
    )
    assert place_after(places, key_of("response.done")) == 0
    places[key_of("response.output_text.delta")] = 7
    assert place_after(places, key_of("response.text.delta")) == 7


def test_a_predicate_is_known_by_its_identity() -> None:
    places: dict[object, int] = {}
    equal, slotted = Equal(), Slotted()
    known: list[Any] = [never, equal, slotted, equal.method]
    for place, predicate in enumerate(known, 1):
        places[key_of(predicate)] = place
    assert [place_after(places, key_of(predicate)) for predicate in known] == [1, 2, 3, 4]
    assert place_after(places, key_of(equal.method)) == 4, (
        "a method is a new object each time it is named"
    )
    strangers: list[Any] = [Equal(), Slotted(), Equal().method, equal.other, lambda event: False]
    assert [place_after(places, key_of(predicate)) for predicate in strangers] == [0] * 5


def test_a_predicate_is_not_kept_alive() -> None:
    places: dict[object, int] = {}
    equal = Equal.__new__(Equal)

    class Weak:
        def method(self, event: object) -> bool:
            return False

    def predicate(event: object) -> bool:
        return equal is None

    weak = Weak()
    gone = [weakref.ref(predicate), weakref.ref(weak)]
    places[key_of(predicate)] = 1
    places[key_of(weak.method)] = 2
    del predicate, weak
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert place_after(places, key_of(lambda event: False)) == 0, (
        "also where the address is used again"
    )


def test_so_many_finds_are_remembered_the_latest() -> None:
    places: dict[object, int] = {}
    for number in range(_MOST_FINDS):
        places[key_of(f"n.{number}")] = number + 1
    places[key_of("n.0")] = 100  # now it is the latest
    places[key_of("more")] = 200
    found = [place_after(places, key_of(f"n.{number}")) for number in range(3)]
    assert found == [100, 0, 3]
    assert len(places) == _MOST_FINDS
