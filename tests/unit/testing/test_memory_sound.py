from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from realtime_sync.errors import ConfigError, FormatError
from realtime_sync.testing import MemorySink, MemorySource, ScriptError, VirtualClock

SOUND = b"\x10\x00" * 2400  # 100 ms


def test_a_source_gives_what_is_said() -> None:
    source = MemorySource(rate=8000)
    source.say(b"\x01\x00" * 200)
    source.say(b"\x02\x00" * 10)
    source.end()
    assert [len(chunk) for chunk in source] == [320, 80, 20]
    assert source.rate == 8000


def test_a_closed_source_gives_no_more() -> None:
    source = MemorySource()
    source.say(SOUND)
    source.close()
    assert list(source) == []
    source.close()
    assert list(source) == []


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(FormatError):
        MemorySource().say(b"odd")


@pytest.mark.parametrize("rate", [0, 3999, 10**400, 24000.0, True, None])
def test_a_source_has_a_sample_rate(rate: Any) -> None:
    with pytest.raises(ConfigError, match="is not a sample rate; give Hz"):
        MemorySource(rate=rate)


def test_a_chunk_has_whole_samples_at_every_rate() -> None:
    source = MemorySource(rate=11025)  # 20 ms are 220 samples and a half
    source.say(SOUND)
    source.end()
    chunks = list(source)
    assert b"".join(chunks) == SOUND
    assert {len(chunk) for chunk in chunks[:-1]} == {440}


@pytest.mark.parametrize("clock", [7, time.monotonic, threading.Event()])
def test_a_sink_takes_a_clock_that_it_can_wait_by(clock: Any) -> None:
    with pytest.raises(ScriptError, match="clock must be a VirtualClock, not "):
        MemorySink(clock=clock)


def test_a_sink_without_a_clock_has_played_what_is_written() -> None:
    sink = MemorySink()
    sink.write(SOUND, item_id="item_a")
    assert sink.played == sink.heard("item_a") == SOUND
    assert (sink.played_ms("item_a"), sink.drain(0)) == (100, True)
    assert sink.heard("item_b") == b""
    assert sink.heard("item_a", 1) == b""


def test_a_sink_plays_by_its_clock() -> None:
    clock = VirtualClock()
    sink = MemorySink(clock=clock)
    sink.write(SOUND, item_id="item_a")
    assert (sink.played, sink.heard("item_a")) == (b"", b"")
    clock.advance(0.04)
    assert sink.played == sink.heard("item_a") == SOUND[:1920]
    assert sink.pause()
    clock.advance(0.04)
    assert sink.heard("item_a") != SOUND  # paused
    sink.resume()
    clock.advance(1.0)
    assert sink.heard("item_a") == SOUND
    assert sink.drain(0)


def test_what_was_cleared_was_never_heard() -> None:
    clock = VirtualClock()
    sink = MemorySink(clock=clock)
    sink.write(SOUND, item_id="item_a")
    sink.write(SOUND, item_id="item_b")
    clock.advance(0.04)
    sink.clear()
    clock.advance(1.0)
    sink.write(b"\x20\x00" * 240, item_id="item_a")
    clock.advance(1.0)
    assert sink.heard("item_a") == SOUND[:1920] + b"\x20\x00" * 240
    assert sink.heard("item_b") == b""


def test_what_is_written_can_be_waited_for() -> None:
    sink = MemorySink(clock=VirtualClock())
    sink.write(SOUND)
    sink.wait_written(100)
    with pytest.raises(ScriptError, match="100 of 101 ms"):
        sink.wait_written(101, timeout=0)
