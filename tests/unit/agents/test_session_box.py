"""What waits for a program that plays the sound itself, how much of it, and who waits then."""

from __future__ import annotations

import queue
import threading

import pytest
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.notes import AgentDone, AudioNote
from realtime_sync.agents.session_box import NoAudience, SessionBox
from realtime_sync.testing import error, parsed

NOW, FOREVER = Deadline(0), Deadline(None)
DONE = AgentDone(RealtimeAgent(name="Desk"))


def sound(size: int) -> AudioNote:
    return AudioNote(("item_a", 0), "resp", bytes(size), 0.1)


def box(max_bytes: int = 2048) -> tuple[SessionBox, list[str]]:
    rooms: list[str] = []
    return SessionBox(on_room=lambda: rooms.append("room"), max_bytes=max_bytes), rooms


def test_what_comes_is_got_in_order() -> None:
    made, rooms = box()
    [wrong] = parsed(error("no"))
    for event in (sound(2), DONE, wrong):
        made.put(event)
    got = [made.get(NOW) for _ in range(3)]
    assert [each.type for each in got] == ["audio.delta", "agent_end", "error"]
    assert got[1] is DONE
    assert rooms == []
    with pytest.raises(queue.Empty):
        made.get(NOW)


def test_who_waits_is_woken_by_a_flush(guard: Guard) -> None:
    made, _ = box()
    got: queue.SimpleQueue[object] = queue.SimpleQueue()
    getter = threading.Thread(target=lambda: got.put(made.get(FOREVER)))
    getter.start()
    made.put(DONE)
    made.flush()
    assert guard.get(got, "what was put") is DONE
    guard.join(getter)


def test_many_flushes_are_one_token() -> None:
    made, _ = box()
    for _ in range(3):
        made.put(DONE)
        made.flush()
    assert made._wake.qsize() == 1
    assert [made.get(NOW) for _ in range(3)] == [DONE] * 3
    with pytest.raises(queue.Empty):
        made.get(NOW)


@pytest.mark.parametrize(
    ("event", "size"), [(sound(1000), 1512), (DONE, 512), (parsed(error("no"))[0], None)]
)
def test_what_something_takes(event: object, size: int | None) -> None:
    size = 512 + len(getattr(event, "raw", "")) if size is None else size
    made, _ = box(max_bytes=size)
    made.put(event)
    assert not made.has_room()
    made, _ = box(max_bytes=size + 1)
    made.put(event)
    assert made.has_room()


def test_a_full_box_has_no_room_until_enough_was_got() -> None:
    made, rooms = box(max_bytes=1024)
    made.put(DONE)
    assert made.has_room()
    made.put(DONE)
    assert not made.has_room()
    made.put(sound(1000))  # what is on its way is not lost
    made.get(NOW)
    assert (made.has_room(), rooms) == (False, [])
    made.get(NOW)
    assert (made.has_room(), rooms) == (False, [])
    made.get(NOW)
    assert (made.has_room(), rooms) == (True, ["room"])
    assert made.dropped == 0


def test_a_closed_box_gives_what_it_has() -> None:
    made, _ = box()
    made.put(DONE)
    made.close()
    made.put(DONE)
    assert made.closed
    assert made.get(FOREVER) is DONE
    for _ in range(2):
        with pytest.raises(queue.Empty):
            made.get(FOREVER)


def test_where_nobody_iterates_the_end_is_waited_for() -> None:
    nobody = NoAudience()
    nobody.put(DONE)
    nobody.flush()
    assert (nobody.has_room(), nobody.dropped, nobody.closed) == (True, 0, False)
    with pytest.raises(queue.Empty):
        nobody.get(NOW)
    nobody.close()
    assert nobody.closed
    with pytest.raises(queue.Empty):
        nobody.get(FOREVER)
