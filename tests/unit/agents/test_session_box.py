"""What waits for a program, how much of it, and who waits then."""

from __future__ import annotations

import queue

import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.notes import AgentDone, AudioNote
from realtime_sync.agents.session_box import NoAudience, SessionBox
from realtime_sync.testing import error, parsed

DONE = AgentDone(RealtimeAgent(name="Desk"))


def sound(size: int) -> AudioNote:
    return AudioNote(("item_a", 0), "resp", bytes(size), 0.1)


def box(*, waits: bool = True, max_bytes: int = 2048) -> tuple[SessionBox, list[str]]:
    rooms: list[str] = []
    made = SessionBox(waits=waits, on_room=lambda: rooms.append("room"), max_bytes=max_bytes)
    return made, rooms


def test_what_comes_is_got_in_order() -> None:
    made, rooms = box()
    [wrong] = parsed(error("no"))
    for event in (sound(2), DONE, wrong):
        made.put(event)
    got = [made.get(0) for _ in range(3)]
    assert [each.type for each in got] == ["audio.delta", "agent_end", "error"]
    assert got[1].event is DONE
    assert rooms == []
    with pytest.raises(queue.Empty):
        made.get(0)


def test_what_something_takes() -> None:
    made, _ = box(max_bytes=10**6)
    [wrong] = parsed(error("no"))
    assert wrong.raw
    for event in (sound(1000), DONE, wrong):
        made.put(event)
    assert [made.get(0).size for _ in range(3)] == [1512, 512, 512 + len(wrong.raw)]


def test_a_full_box_has_no_room_until_enough_was_got() -> None:
    made, rooms = box(max_bytes=1024)
    made.put(DONE)
    assert made.has_room
    made.put(DONE)
    assert not made.has_room
    made.put(sound(1000))  # what is on its way is not lost
    made.get(0)
    assert (made.has_room, rooms) == (False, [])
    made.get(0)
    assert (made.has_room, rooms) == (False, [])
    made.get(0)
    assert (made.has_room, rooms) == (True, ["room"])
    assert made.dropped == 0


def test_a_box_that_nobody_waits_for_drops_the_oldest_deltas() -> None:
    made, rooms = box(waits=False)
    made.put(DONE)
    for _ in range(4096):
        made.put(sound(2))
    assert made.has_room
    assert made.dropped == 1
    assert made.get(0).event is DONE
    made.get(0)
    assert rooms == []


def test_a_closed_box_gives_what_it_has() -> None:
    made, _ = box()
    made.put(DONE)
    made.close()
    assert made.closed
    assert made.get().event is DONE
    with pytest.raises(queue.Empty):
        made.get()


def test_where_nobody_iterates_the_end_is_waited_for() -> None:
    nobody = NoAudience()
    nobody.put(DONE)
    assert (nobody.has_room, nobody.dropped, nobody.closed) == (True, 0, False)
    with pytest.raises(queue.Empty):
        nobody.get(0)
    nobody.close()
    assert nobody.closed
    with pytest.raises(queue.Empty):
        nobody.get()
