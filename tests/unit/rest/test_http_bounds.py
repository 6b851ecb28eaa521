"""How long and how large an answer may be, on a clock of the test's."""

from __future__ import annotations

import io
import socket
from typing import Any, cast

import pytest

from realtime_sync.rest._http_bounds import (
    MAX_ANSWER_BYTES,
    AnswerTooLarge,
    AnswerTooSlow,
    BoundedFile,
)


class Link(io.RawIOBase):
    """A socket and its file: gives ``pieces`` of bytes, each after ``delay`` seconds."""

    def __init__(self, timeout: float | None, *, delay: float = 0.0, size: int = 1) -> None:
        self.timeout = timeout
        self.delay = delay
        self.size = size
        self.now = 0.0

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, timeout: float) -> None:
        self.timeout = timeout

    def readinto(self, buffer: Any) -> int:
        assert self.timeout is None or self.timeout > 0
        if self.timeout is not None and self.delay > self.timeout:
            self.now += self.timeout
            raise TimeoutError("timed out")
        self.now += self.delay
        count = min(self.size, len(buffer))
        buffer[:count] = bytes(count)
        return count

    def bounded(self) -> BoundedFile:
        return BoundedFile(cast("socket.socket", self), self, lambda: self.now)


def read_on(file: BoundedFile, times: int, size: int = 1) -> None:
    buffer = bytearray(size)
    for _ in range(times):
        assert file.readinto(buffer) == size


def test_the_wait_for_all_pieces_is_ten_times_the_longest_silence() -> None:
    link = Link(2.0, delay=1.0)
    file = link.bounded()
    read_on(file, 20)
    with pytest.raises(AnswerTooSlow) as caught:
        file.readinto(bytearray(1))
    assert caught.value.limit_s == link.now == 20.0


def test_the_last_wait_is_what_is_left() -> None:
    link = Link(2.0, delay=1.5)
    file = link.bounded()
    read_on(file, 13)
    with pytest.raises(AnswerTooSlow):
        file.readinto(bytearray(1))
    assert link.now == 20.0


def test_what_the_program_does_in_between_takes_no_time() -> None:
    link = Link(2.0, delay=1.0)
    file = link.bounded()
    for _ in range(19):
        link.now += 100.0
        read_on(file, 1)


def test_a_silence_is_one() -> None:
    with pytest.raises(TimeoutError) as caught:
        Link(2.0, delay=2.5).bounded().readinto(bytearray(1))
    assert type(caught.value) is TimeoutError


def test_no_limit_of_silence_is_no_limit_at_all() -> None:
    link = Link(None, delay=1e6)
    read_on(link.bounded(), 100)
    assert link.timeout is None


def test_the_size() -> None:
    link = Link(2.0, size=MAX_ANSWER_BYTES // 4)
    file = link.bounded()
    read_on(file, 4, link.size)
    with pytest.raises(AnswerTooLarge):
        file.readinto(bytearray(1))


def test_its_end_is_the_files() -> None:
    link = Link(2.0)
    file = io.BufferedReader(link.bounded())
    assert file.read(3) == bytes(3)
    file.close()
    file.close()
    assert link.closed
