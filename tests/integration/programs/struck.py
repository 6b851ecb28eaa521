"""Calls that a signal handler's exception strikes at random moments.

Usage: struck.py URL CALL STRIKES SEED [EXCEPTION]

Prints one line of what came of it. Ends with an error as soon as something that is promised does
not hold: the exception comes out as it is, and then the connection is usable, or ended for the
reason that its documentation names.
"""

from __future__ import annotations

import contextlib
import difflib  # noqa: F401  # an OSError that strikes an import says that there is no such module
import gc
import random
import signal
import socket
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  # it does not survive a strike in the middle of its import

from realtime_sync import ConnectionClosedError, ConnectionClosedOK, OpenAI, RealtimeConnection
from realtime_sync.events import ServerEvent

GUARD_S = 30.0


class Stop(Exception):  # noqa: N818  # as programs call it
    """What the handler raises; `TimeoutError` is what programs raise most."""


class Strikes:
    """Arms the timer, and counts."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind
        self.counts: Counter[str] = Counter()
        self._armed = False
        signal.signal(signal.SIGALRM, self._strike)

    def _strike(self, *_: object) -> None:
        if self._armed:
            raise self.kind("struck")

    def during(self, call: Callable[[], object], longest_s: float) -> bool:
        """Call once with a strike coming; return whether it struck."""
        try:
            self._armed = True
            # Once more after a second: Python swallows what strikes a destructor.
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, longest_s), 1.0)
            call()
        except self.kind as exc:
            require(exc.args == ("struck",), f"another exception than the handler's: {exc!r}")
            return True
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False


def forever(call: Callable[[], object]) -> Callable[[], object]:
    def repeat() -> None:
        while True:
            call()

    return repeat


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("realtime_sync")]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Program:
    def __init__(self, url: str, strikes: Strikes, count: int) -> None:
        self.client = OpenAI(api_key="sk-of-the-strikes", base_url=url, proxy="")
        self.strikes = strikes
        self.count = count
        self.connection: RealtimeConnection | None = None

    def opened(self) -> RealtimeConnection:
        if self.connection is None or self.connection.closed:
            self.connection = self.client.realtime.connect(model="m").enter()
        return self.connection

    # -- calls after which the connection goes on ------------------------------------------------

    def strike_all(self, call: Callable[[RealtimeConnection], object], longest_s: float) -> None:
        """Strike ``call`` again and again, and use the connection after each strike."""
        for number in range(self.count):
            connection = self.opened()
            try:
                struck = self.strikes.during(forever(lambda c=connection: call(c)), longest_s)
                assert struck
                self.use(connection, number)
                self.strikes.counts["usable"] += 1
            except ConnectionClosedError as exc:
                struck_in = f"sending failed: {self.strikes.kind.__name__} was raised"
                require(exc.code == 1006 and exc.reason.startswith(struck_in), exc)
                self.strikes.counts["ended: half a frame was out"] += 1
                connection.close()
        self.opened().close()

    def use(self, connection: RealtimeConnection, number: int) -> list[int]:
        """Use the connection once; return the numbers of the ticks that were consumed."""
        connection.send({"type": "echo.me", "number": number, "event_id": f"echo_{number}"})
        ticks = []
        while (event := connection.recv(timeout=GUARD_S)).type != "echoed":
            if event.type == "tick":
                ticks.append(number_of(event))
        assert number_of(event) == number, "nothing of before comes later"
        connection.wait_for("echoed", timeout=GUARD_S)
        assert connection.stats.events_received > 0
        return ticks

    def recv(self) -> None:
        self.strike_all(lambda connection: connection.recv(timeout=GUARD_S), 0.003)

    def wait_for(self) -> None:
        self.strike_all(lambda connection: connection.wait_for("tick", timeout=GUARD_S), 0.003)
        assert not threads()

    def watch(self) -> None:
        """Another `watch` goes on behind the last event given, and `recv` gets every one."""
        consumed = 0
        for number in range(self.count):
            connection = self.opened()
            self.seen = connection.wait_for("tick", timeout=GUARD_S)
            assert self.strikes.during(lambda c=connection: self.see(c), 0.003)
            following = number_of(next(connection.watch("tick", timeout=GUARD_S)))
            require(following == number_of(self.seen) + 1, f"{following} after {self.seen}")
            for tick in self.use(connection, number):
                require(tick == consumed + 1, f"tick {tick} after {consumed} was consumed")
                consumed = tick
            self.strikes.counts["usable"] += 1
        self.opened().close()
        assert not threads()

    def see(self, connection: RealtimeConnection) -> None:
        for tick in connection.watch("tick", timeout=GUARD_S):
            self.seen = tick  # a store can't be struck; before it is done there is no call

    def stats(self) -> None:
        self.strike_all(lambda connection: connection.stats, 0.0005)

    def send(self) -> None:
        self.strike_all(lambda connection: connection.send({"type": "x", "n": "y" * 500}), 0.002)

    def send_large(self) -> None:
        self.strike_all(lambda connection: connection.send_raw('{"x":"' + "y" * 300_000), 0.01)

    def append(self) -> None:
        sound = bytes(960)
        self.strike_all(lambda c: c.input_audio_buffer.append(audio=sound), 0.002)

    def ask(self) -> None:
        def ask(connection: RealtimeConnection) -> None:
            assert connection.ask("Hello", timeout=GUARD_S).text == "an answer"

        self.strike_all(ask, 0.01)

    def stream(self) -> None:
        def stream(connection: RealtimeConnection) -> None:
            deltas = connection.stream("Hello", timeout=GUARD_S)
            assert "".join(delta.delta for delta in deltas) == "an answer"

        self.strike_all(stream, 0.01)

    # -- calls that begin or end a connection ----------------------------------------------------

    def close(self) -> None:
        for _ in range(self.count):
            connection = self.opened()
            struck = self.strikes.during(lambda c=connection: c.close(1000, "bye"), 0.002)
            self.strikes.counts["struck" if struck else "in time"] += 1
            connection.close()
            self.assert_closed(connection)

    def close_in_handler(self) -> None:
        """The handler does not raise but closes, in the middle of whatever call."""
        calls: list[Callable[[RealtimeConnection], Any]] = [
            lambda c: c.recv(timeout=GUARD_S),
            lambda c: c.wait_for("never", timeout=GUARD_S),
            lambda c: c.send({"type": "x", "n": "y" * 500}),
            lambda c: c.send_raw('{"x":"' + "y" * 300_000),
            lambda c: c.ask("Hello", timeout=GUARD_S),
            lambda c: c.stats,
        ]
        for number in range(self.count):
            connection = self.opened()
            signal.signal(signal.SIGALRM, lambda *_, c=connection: c.close(1000, "bye"))
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 0.004))
            call = calls[number % len(calls)]
            with contextlib.suppress(ConnectionClosedOK):
                while not connection.closed:
                    call(connection)
            connection.close()
            self.assert_closed(connection)
            self.strikes.counts["closed"] += 1

    def assert_closed(self, connection: RealtimeConnection) -> None:
        assert connection.closed
        try:
            while True:
                connection.recv(timeout=GUARD_S)
        except ConnectionClosedOK as closed:
            require(closed.code == 1000 and closed.closed_by == "this side", closed)

    def connect(self) -> None:
        opened: list[RealtimeConnection] = []

        def connect() -> None:
            opened.append(self.client.realtime.connect(model="m").enter())

        before = descriptors()
        for number in range(self.count):
            struck = self.strikes.during(connect, 0.006)
            self.strikes.counts["struck" if struck else "in time"] += 1
            while opened:
                opened.pop().close()
            if number % 50 == 0 or number == self.count - 1:
                wait_until(lambda: not threads(), f"the end of {threads()}")
                wait_until(lambda: descriptors() <= before, f"{descriptors()}, not {before} files")

    def connect_in_vain(self) -> None:
        """To servers that say nothing, or do not even take the connection."""
        before = descriptors()
        for backlog in (1, 0):
            with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
                place = listener.getsockname()
                filling = [] if backlog else [connecting(place) for _ in range(4)]
                client = OpenAI(
                    api_key="sk-test", base_url=f"http://127.0.0.1:{place[1]}", proxy=""
                )
                for _ in range(max(1, self.count // 20)):
                    struck = self.strikes.during(client.realtime.connect(model="m").enter, 0.1)
                    require(struck, "it connected")
                    self.strikes.counts["struck"] += 1
                wait_until(lambda: not threads(), f"the end of {threads()}")
                for sock in filling:
                    sock.close()
        wait_until(lambda: descriptors() <= before, f"{descriptors()}, not {before} files")


def number_of(event: ServerEvent) -> int:
    number: int = event.to_dict()["number"]
    return number


def connecting(place: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(place)
    return sock


def require(condition: bool, what: object) -> None:
    if not condition:
        raise AssertionError(what)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    patience = threading.Event()
    for _ in range(500):
        gc.collect()  # what was struck on its way out of the call is held by nothing else
        if condition():
            return
        patience.wait(0.01)
    raise AssertionError(what)


def main() -> None:
    url, call, count, seed = sys.argv[1:5]
    kind = {"TimeoutError": TimeoutError, "Stop": Stop}[(*sys.argv, "Stop")[5]]
    # A connection or a socket that was struck while it was made is closed by its destructor.
    warnings.simplefilter("ignore", ResourceWarning)
    random.seed(int(seed))
    strikes = Strikes(kind)
    getattr(Program(url, strikes, int(count)), call)()
    print(", ".join(f"{number} {what}" for what, number in sorted(strikes.counts.items())))


main()
