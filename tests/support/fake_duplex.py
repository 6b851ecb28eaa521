"""A socket of a client's that follows a script; its time is a virtual clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from guards import VirtualClock

from realtime_sync.transport.duplex import LinkBroken, LinkOver

__all__ = ["FakeDuplex"]

Step = bytes | float | Callable[[], object]


class FakeDuplex:
    """What `realtime_sync.transport.duplex.Duplex` is to its users.

    Attributes:
        steps: what happens while somebody waits: bytes arrive (b"" is their end), seconds pass, or
            a function is called.
        written: what the client has got.
        room: how many bytes it still takes; None for any number.
        calls: how the link was ended, in order.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.steps: deque[Step] = deque()
        self.written = bytearray()
        self.room: int | None = None
        self.calls: list[str] = []
        self.over = False
        self.broken = False
        self._arrived = bytearray()
        self._ended = False

    # -- the reader --------------------------------------------------------------------------------

    def read(self, size: int) -> bytes | None:
        if self.broken:
            raise ConnectionResetError("reset by the test")
        if self.over or self._arrived or self._ended:
            data = bytes(self._arrived[:size])
            del self._arrived[:size]
            return data
        return None

    def discard(self, size: int) -> bool | None:
        data = self.read(size)
        return None if data is None else bool(data)

    def wait(self, timeout: float | None, *, or_writable: bool) -> bool:
        if self.over:
            raise LinkOver
        if or_writable and self.room != 0:
            return True
        while self.steps:
            step = self.steps.popleft()
            if isinstance(step, bytes):
                self._arrived += step
                self._ended = self._ended or not step
                return True
            if callable(step):
                step()
                if self.over:
                    raise LinkOver
                continue
            if timeout is not None and timeout < step:
                self.steps.appendleft(step - timeout)
                break
            self.clock.advance(step)
            timeout = None if timeout is None else timeout - step
        assert timeout is not None, "this would wait for ever"
        self.clock.advance(timeout)
        return False

    # -- the writer --------------------------------------------------------------------------------

    def write_some(self, data: memoryview) -> int:
        if self.over:
            raise LinkBroken("the link was ended")
        count = len(data) if self.room is None else min(self.room, len(data))
        self.written += data[:count]
        if self.room is not None:
            self.room -= count
        return count

    def wait_to_write(self, timeout: float | None) -> None:
        assert timeout is not None, "this would wait for ever"
        self.clock.advance(timeout)

    # -- the end -----------------------------------------------------------------------------------

    def nudge(self) -> None:
        self.calls.append("nudge")

    def shut_writing(self) -> None:
        self.calls.append("shut_writing")

    def end(self) -> None:
        self.over = True
        self.calls.append("end")

    def release(self) -> None:
        self.calls.append("release")
