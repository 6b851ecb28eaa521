"""The ring against a plain list that does the same slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_sync.audio.ring import Ring
from realtime_sync.errors import ConfigError

CAPACITY = 50


def samples(*values: int) -> np.ndarray:
    return np.array(values, dtype="<i2")


def read(ring: Ring, frames: int, *, hold: bool = False) -> tuple[list[int], int]:
    out = np.full(frames, 77, dtype="<i2")
    size = ring.read_into(out, hold=hold)
    return out.tolist(), size


class RingAgainstList(RuleBasedStateMachine):
    """Each sample of the model is (value, tag); values count up, so none can be mistaken."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = Ring(CAPACITY)
        self.model: list[tuple[int, int]] = []
        self.fade: list[int] = []
        self.handed: dict[int, int] = {}
        self.history: list[int | None] = []  # the tag of every frame handed out
        self.next = 1

    @rule(count=st.integers(0, 70), tag=st.integers(0, 3))
    def write(self, count: int, tag: int) -> None:
        values = list(range(self.next, self.next + count))
        self.next += count
        taken = self.ring.write(samples(*values), tag)
        assert taken == min(count, CAPACITY - len(self.model))
        self.model += [(value, tag) for value in values[:taken]]

    @rule(count=st.integers(0, 60), hold=st.booleans())
    def read(self, count: int, hold: bool) -> None:
        got, size = read(self.ring, count, hold=hold)
        fade, self.fade = self.fade[:count], self.fade[count:]
        take = 0 if hold else min(count - len(fade), len(self.model))
        sound, self.model = self.model[:take], self.model[take:]
        silent = count - len(fade) - take
        assert got == fade + [value for value, _ in sound] + [0] * silent
        assert size == len(fade) + take
        for _, tag in sound:
            self.handed[tag] = self.handed.get(tag, 0) + 1
        self.history += [None] * len(fade) + [tag for _, tag in sound] + [None] * silent

    @rule(fade=st.integers(0, 20))
    def clear(self, fade: int) -> None:
        self.ring.clear(fade_frames=fade)
        length = min(fade, len(self.model))
        if length:
            self.fade = [v * (length - i) // length for i, (v, _) in enumerate(self.model[:length])]
        self.model = []

    @invariant()
    def counts_agree(self) -> None:
        assert self.ring.buffered == len(self.model)
        assert self.ring.position == len(self.history)
        for tag in range(4):
            assert self.ring.handed(tag) == self.handed.get(tag, 0)

    @rule(behind=st.integers(0, 80))
    def what_is_heard_is_what_was_handed_before(self, behind: int) -> None:
        """Exact for the tag that came last, which is the one that plays."""
        tags = [tag for tag in self.history if tag is not None]
        if not tags:
            return
        tag, run = tags[-1], 0
        last = max(i for i, t in enumerate(self.history) if t == tag)
        while run <= last and self.history[last - run] == tag:
            run += 1
        unheard = max(0, last + 1 - (len(self.history) - behind))
        if unheard <= run:
            assert self.ring.handed(tag, behind=behind) == self.handed[tag] - unheard


TestRingAgainstList = RingAgainstList.TestCase
TestRingAgainstList.settings = settings(max_examples=60, stateful_step_count=40)


def test_the_fade_goes_down_to_silence_and_counts_for_nobody() -> None:
    ring = Ring(100)
    ring.write(np.full(100, 1000, dtype="<i2"), "a")
    read(ring, 10)
    ring.clear(fade_frames=4)
    assert read(ring, 8) == ([1000, 750, 500, 250, 0, 0, 0, 0], 4)
    assert ring.handed("a") == 10


def test_what_comes_after_a_clear_plays_after_the_fade() -> None:
    ring = Ring(100)
    ring.write(samples(100, 100, 100), "a")
    ring.clear(fade_frames=2)
    ring.write(samples(7, 8), "b")
    assert read(ring, 2, hold=True) == ([100, 50], 2)
    assert read(ring, 3) == ([7, 8, 0], 2)
    assert (ring.handed("a"), ring.handed("b")) == (0, 2)


def test_it_wraps_around() -> None:
    ring = Ring(4)
    for start in range(0, 40, 3):
        block = samples(start, start + 1, start + 2)
        assert ring.write(block) == 3
        assert read(ring, 3) == (block.tolist(), 3)
        ring.write(samples(9))
        assert read(ring, 1) == ([9], 1)


def test_old_tags_are_forgotten_and_the_playing_one_is_not() -> None:
    ring = Ring(10)
    for tag in range(1000):
        ring.write(samples(1), tag)
        ring.write(samples(1), "long")
        read(ring, 2)
    assert len(ring._handed) <= 256
    assert ring.handed("long") == 1000
    assert ring.handed(999) == 1
    assert ring.handed(0) == 0


def test_it_says_whose_samples_the_last_read_has_handed_out() -> None:
    ring = Ring(100)
    ring.write(samples(*range(30)), "a")
    ring.write(samples(*range(30)), "b")
    read(ring, 40)
    assert ring.parts == (("a", 30), ("b", 10))
    read(ring, 5, hold=True)
    assert ring.parts == ()
    ring.clear(fade_frames=4)
    read(ring, 8)
    assert ring.parts == (), "a fade is nobody's"


def test_it_needs_room() -> None:
    with pytest.raises(ConfigError, match="capacity_frames=0"):
        Ring(0)
