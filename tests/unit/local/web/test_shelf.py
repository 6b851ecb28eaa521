from __future__ import annotations

import pytest

from realtime_sync import ServerError
from realtime_sync.local.web.shelf import Shelf

MIB = 1 << 20


def test_so_many_are_kept() -> None:
    shelf: Shelf[str] = Shelf("things", 2)
    shelf.put("a", "A", chars=1)
    shelf.put("b", "B", chars=1)
    assert shelf.is_full
    with pytest.raises(ServerError, match=r"keeps 2 things \(--max-stored\)") as full:
        shelf.put("c", "C", chars=1)
    assert full.value.code == "too_many_stored"
    assert shelf.find("c") is None
    shelf.put("b", "another", chars=1)
    assert dict(shelf) == {"a": "A", "b": "another"}
    shelf.remove("a")
    shelf.remove("a")
    shelf.put("c", "C", chars=1)


def test_so_much_is_kept() -> None:
    shelf: Shelf[str] = Shelf("things", 1_000)
    for number in range(64):
        shelf.put(str(number), "", chars=MIB)
    with pytest.raises(ServerError, match="or less if they are large"):
        shelf.put("more", "", chars=1)
    shelf.put("1", "", chars=10)
    shelf.put("more", "", chars=MIB)
    assert shelf.is_full
    shelf.remove("more")
    assert not shelf.is_full
    shelf.put("more", "", chars=MIB - 10)
    assert shelf.is_full


def test_things_may_go_while_they_are_looked_at() -> None:
    shelf: Shelf[str] = Shelf("things", 2)
    shelf.put("a", "A", chars=1)
    shelf.put("b", "B", chars=1)
    for key, _ in shelf:
        shelf.remove(key)
    assert dict(shelf) == {}
