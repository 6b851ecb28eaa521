"""A TCP proxy on loopback that breaks links on command, at any byte of either direction.

It forwards between a client and an upstream server until a `Fault` strikes. One is armed for the
next connection, or for the one that is open, at so many bytes from then on; so a test can break a
link in the middle of a frame without knowing anything about frames.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from enum import Enum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from attrs import define, field, frozen

__all__ = ["Direction", "Fault", "FaultProxy", "Kind"]

_GUARD_S: Final = 30.0
_READ_SIZE: Final = 16384
# No frame begins with it: reserved bits and an unknown opcode; and no text contains it. So long
# that it also fills a frame whose length it has become, up to 64 KiB.
_GARBAGE: Final = b"\xff" * 70_000


class Kind(Enum):
    """What happens to a link."""

    DROP = "drop"  # FIN to both sides
    RESET = "reset"  # RST to both sides
    HALF_OPEN = "half-open"  # both sides talk on, and nobody hears them
    STALL = "stall"  # as half-open, but `release` delivers what was said
    GARBAGE = "garbage"  # bytes that are no frame, put between two others


class Direction(Enum):
    """Whose bytes are counted."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


@frozen
class Fault:
    """One fault to come.

    Attributes:
        kind: what happens.
        after: how many bytes still pass before it.
        direction: which bytes count.
    """

    kind: Kind
    after: int = 0
    direction: Direction = Direction.TO_CLIENT

    @classmethod
    def any(
        cls, rng: random.Random, kinds: tuple[Kind, ...] = tuple(Kind), within: int = 4000
    ) -> Fault:
        """Return a fault of a random kind, direction and place."""
        direction = rng.choice(list(Direction))
        return cls(rng.choice(kinds), rng.randrange(within), direction)


@define(eq=False)
class _Connection:
    """One client's link: two sockets, and what is to happen to them."""

    client: socket.socket
    server: socket.socket
    struck: threading.Event = field(factory=threading.Event)
    pumps: int = len(Direction)
    swallowed: dict[Direction, bytearray] = field(
        factory=lambda: {direction: bytearray() for direction in Direction}
    )
    fault: Fault | None = None
    mode: Kind | None = None  # HALF_OPEN or STALL, once struck

    def target(self, direction: Direction) -> socket.socket:
        return self.server if direction is Direction.TO_SERVER else self.client

    def source(self, direction: Direction) -> socket.socket:
        return self.client if direction is Direction.TO_SERVER else self.server


class FaultProxy:
    """Stands between clients and the server at ``upstream_url``.

    Threads: two per connection and one that accepts; leaving the ``with`` block ends them. All
        methods may be called from any thread.

    Attributes:
        url: ``upstream_url`` with the proxy's address; a client uses it instead.
        connections: how many were accepted, refused ones included.
        struck: how many faults have happened.
    """

    def __init__(self, upstream_url: str) -> None:
        parts = urlsplit(upstream_url)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}"))
        self.connections = 0
        self.struck = 0
        self._lock = threading.Lock()  # guards all above and below; never held while waiting
        self._armed: tuple[Fault, threading.Event] | None = None
        self._refusing = 0
        self._mute = False
        self._open: list[_Connection] = []
        self._unanswered: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> FaultProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown, because close alone does not wake accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self.answer()
        for thread in self._threads:
            thread.join(_GUARD_S)
            assert not thread.is_alive(), f"{thread.name} does not end"

    # -- what a test says ------------------------------------------------------------------------

    def arm(self, fault: Fault) -> threading.Event:
        """Let ``fault`` happen to the newest connection, or to the next if none is open.

        Returns:
            An event that is set when it has happened.
        """
        struck = threading.Event()
        with self._lock:
            connection = self._newest_locked()
            if connection is None:
                self._armed = (fault, struck)
                return struck
            connection.struck, connection.fault = struck, fault
        if fault.after == 0:
            self._strike(connection, fault)
        return struck

    def strike(self, kind: Kind) -> None:
        """Let it happen now, to the newest connection."""
        with self._lock:
            connection = self._newest_locked()
        assert connection is not None, "no link is up"
        self._strike(connection, Fault(kind))

    def strike_any(self, kind: Kind, rng: random.Random) -> bool:
        """Let it happen now, to a link that ``rng`` chooses; return whether there was one."""
        with self._lock:
            up = [link for link in self._open if link.mode is None]
        if up:
            self._strike(rng.choice(up), Fault(kind))
        return bool(up)

    def release(self) -> None:
        """Deliver what stalled links hold back, and let them go on."""
        with self._lock:
            stalled = [link for link in self._open if link.mode is Kind.STALL]
        for connection in stalled:
            with self._lock:
                held = {d: bytes(data) for d, data in connection.swallowed.items()}
                connection.mode = None
            for direction, data in held.items():
                with contextlib.suppress(OSError):
                    connection.target(direction).sendall(data)

    def refuse(self, count: int) -> None:
        """Reset the next ``count`` connections as soon as they are made."""
        with self._lock:
            self._refusing = count

    def mute(self) -> None:
        """Take connections from now on, but neither forward nor answer anything."""
        with self._lock:
            self._mute = True

    def answer(self) -> None:
        """End `mute`: close what was taken, and serve again."""
        with self._lock:
            self._mute = False
            unanswered, self._unanswered = self._unanswered, []
        for sock in unanswered:
            sock.close()

    def cut(self) -> None:
        """End all links."""
        with self._lock:
            links = list(self._open)
        for link in links:
            self._end(link)

    def _newest_locked(self) -> _Connection | None:
        """Return the newest link that still forwards."""
        return next((link for link in reversed(self._open) if link.mode is None), None)

    @property
    def open_connections(self) -> int:
        """How many links are up, half-open ones included."""
        with self._lock:
            return len(self._open)

    @property
    def waiting(self) -> int:
        """How many connections `mute` keeps waiting."""
        with self._lock:
            return len(self._unanswered)

    # -- threads ---------------------------------------------------------------------------------

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="fault proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                refused = self._refusing > 0
                self._refusing -= refused
                muted = self._mute
                if muted:
                    self._unanswered.append(client)
            if refused:
                _reset(client)
            elif not muted:
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream)
        except OSError:
            client.close()
            return
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        with self._lock:
            self._open.append(connection)
            if self._armed is not None:
                connection.fault, connection.struck = self._armed
                self._armed = None
        for direction in Direction:
            self._start(self._pump, connection, direction)

    def _pump(self, connection: _Connection, direction: Direction) -> None:
        source = connection.source(direction)
        with contextlib.suppress(OSError):
            while data := source.recv(_READ_SIZE):
                self._forward(connection, direction, data)
        # The client of a half-open link does not learn that the server has left.
        if connection.mode is None or direction is Direction.TO_SERVER:
            self._end(connection)
        with self._lock:
            connection.pumps -= 1
            last = connection.pumps == 0
        if last:
            for sock in (connection.client, connection.server):
                sock.close()

    def _forward(self, connection: _Connection, direction: Direction, data: bytes) -> None:
        fault = connection.fault
        if fault is None or fault.direction is not direction:
            self._pass_on(connection, direction, data)
            return
        before, rest = data[: fault.after], data[fault.after :]
        self._pass_on(connection, direction, before)
        if not rest:
            connection.fault = Fault(fault.kind, fault.after - len(before), direction)
            return
        self._strike(connection, fault)
        self._pass_on(connection, direction, rest)

    def _pass_on(self, connection: _Connection, direction: Direction, data: bytes) -> None:
        with self._lock:
            if connection.mode is not None:
                connection.swallowed[direction] += data
                return
        connection.target(direction).sendall(data)

    # -- faults ----------------------------------------------------------------------------------

    def _strike(self, connection: _Connection, fault: Fault) -> None:
        connection.fault = None
        match fault.kind:
            case Kind.DROP:
                self._end(connection)
            case Kind.RESET:
                for sock in (connection.client, connection.server):
                    _linger(sock)
                self._end(connection, reset=True)
            case Kind.GARBAGE:
                with contextlib.suppress(OSError):
                    connection.target(fault.direction).sendall(_GARBAGE)
            case kind:
                with self._lock:
                    connection.mode = kind
        with self._lock:
            self.struck += 1
        connection.struck.set()

    def _end(self, connection: _Connection, *, reset: bool = False) -> None:
        """End both sides; the pumps notice, and close."""
        with self._lock:
            if connection in self._open:
                self._open.remove(connection)
        for sock in (connection.client, connection.server):
            with contextlib.suppress(OSError):
                # It wakes the pumps, which close; a close with linger then sends the RST.
                sock.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)


def _linger(sock: socket.socket) -> None:
    """Have the coming close send RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _reset(sock: socket.socket) -> None:
    _linger(sock)
    sock.close()
