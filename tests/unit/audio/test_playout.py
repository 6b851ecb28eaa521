"""The playout on a virtual clock: a callback is a call of `render_into`."""

from __future__ import annotations

import numpy as np
import pytest

from realtime_sync.audio.playout import Playout
from realtime_sync.errors import FormatError

RATE = 24000
MS = RATE // 1000
BLOCK = 20 * MS


def block(playout: Playout, frames: int = BLOCK) -> np.ndarray:
    out = np.full(frames, 77, dtype="<i2")
    playout.render_into(out)
    return out


def speech(ms: int, value: int = 1000) -> np.ndarray:
    return np.full(ms * MS, value, dtype="<i2")


def test_the_callback_after_a_clear_holds_only_the_fade() -> None:
    playout = Playout(RATE)
    playout.write(speech(500), item_id="a")
    block(playout)
    playout.clear()
    after = block(playout)
    assert (np.diff(after[: 5 * MS].astype(int)) <= 0).all()
    assert after[0] == 1000
    assert not after[5 * MS :].any()
    assert not block(playout).any()
    assert playout.handed_ms("a") == 20


def test_positions_are_per_item_and_rounded_down() -> None:
    playout = Playout(RATE)
    playout.write(speech(30), item_id="a")
    playout.write(speech(30), item_id="a", content_index=1)
    playout.write(speech(30), item_id="b")
    block(playout, 50 * MS + MS - 1)
    assert [playout.handed_ms("a"), playout.handed_ms("a", 1), playout.handed_ms("b")] == [
        30,
        20,
        0,
    ]
    assert playout.buffered_ms == 40
    block(playout, 20 * MS)
    assert playout.handed_ms("b") == 10
    assert playout.heard_ms("b", latency_frames=5 * MS) == 5
    assert playout.heard_ms("b", latency_frames=500 * MS) == 0
    assert playout.heard_ms("a", latency_frames=5 * MS) == 30


def test_playing_begins_when_the_cushion_is_there() -> None:
    playout = Playout(RATE, prebuffer_ms=60)
    playout.write(speech(40))
    assert not block(playout).any()
    playout.write(speech(20))
    assert block(playout).all()


def test_audio_shorter_than_the_cushion_waits_as_long_and_plays() -> None:
    playout = Playout(RATE, prebuffer_ms=60)
    playout.write(speech(40))
    assert [bool(block(playout).any()) for _ in range(5)] == [False, False, False, True, True]


def test_complete_audio_does_not_wait_and_its_end_is_no_underrun() -> None:
    playout = Playout(RATE, prebuffer_ms=60)
    playout.write(speech(30))
    playout.flush()
    assert block(playout).all()
    assert np.count_nonzero(block(playout)) == 10 * MS
    assert not block(playout).any()
    assert playout.underruns == 0
    assert playout.sound_end == 2 * BLOCK


def test_running_dry_counts_once_and_gathers_the_cushion_again() -> None:
    playout = Playout(RATE, prebuffer_ms=40)
    playout.write(speech(50))
    for _ in range(6):
        block(playout)
    assert playout.underruns == 1
    playout.write(speech(20))
    assert not block(playout).any()
    playout.write(speech(20))
    assert block(playout).all()


def test_an_hour_goes_through_in_constant_memory() -> None:
    playout = Playout(RATE, buffer_ms=1000)
    second = speech(1000)
    for number in range(3600):
        assert playout.write(second, item_id=f"item_{number}") == RATE
        assert block(playout, RATE).all()
    assert playout.position == 3600 * RATE
    assert playout._ring._data.nbytes == 2 * RATE


def test_a_full_buffer_takes_what_fits() -> None:
    playout = Playout(RATE, buffer_ms=100)
    assert playout.write(speech(150)) == 100 * MS
    assert playout.write(speech(10)) == 0
    assert playout.write(b"") == 0
    with pytest.raises(FormatError):
        playout.write(b"odd")


def test_it_says_what_the_last_block_held_and_whether_more_belongs_behind_it() -> None:
    playout = Playout(RATE)
    assert (playout.complete, playout.rendered) == (True, ())
    playout.write(speech(30), item_id="a")
    playout.write(speech(50), item_id="b", content_index=1)
    assert not playout.complete
    block(playout)
    assert playout.rendered == ((("a", 0), BLOCK),)
    block(playout)
    assert playout.rendered == ((("a", 0), 10 * MS), (("b", 1), 10 * MS))
    playout.pause()
    block(playout)
    assert playout.rendered == ((("b", 1), 5 * MS),), "what the pause's fade takes is heard"
    block(playout)
    assert playout.rendered == ()
    playout.flush()
    assert playout.complete


def test_a_clear_without_a_fade_is_silent_at_once() -> None:
    playout = Playout(RATE)
    playout.write(speech(500), item_id="a")
    block(playout)
    playout.clear(fade=False)
    assert not block(playout).any()
    assert playout.underruns == 0


def test_after_a_clear_in_a_pause_the_next_sound_gathers_its_cushion() -> None:
    playout = Playout(RATE, prebuffer_ms=60)
    playout.write(speech(500), item_id="a")
    block(playout)
    playout.pause()
    block(playout)
    playout.clear()
    playout.write(speech(40), item_id="b")
    assert not block(playout).any(), "not even a fade"
    playout.resume()
    assert not block(playout).any(), "its cushion is not there"
    playout.write(speech(40), item_id="b")
    assert block(playout).any()
