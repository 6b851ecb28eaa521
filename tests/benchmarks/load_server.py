"""The other end of every benchmark: a process of its own that sends bytes prepared beforehand.

The ``model`` in the address says what a connection gets:

    flood-MIX-COUNT       after the client's first frame, COUNT events of the mix, without a pause
    turns-COUNT           after the client's first frame, COUNT spoken turns, each with ids of its
                          own, without a pause, then a close frame
    echo                  a small event for each frame
    sink                  nothing; what comes is thrown away
    idle                  nothing
    talk-SECONDS-CONVERSATIONS-NAME
                          turns at their real pace, then a close frame
    phone-SECONDS-CONVERSATIONS-NAME
                          the same of telephone calls, whose sound is µ-law

All but the floods begin with a ``session.created``. The process prints one line of JSON when it
listens and ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme
from traffic import (
    IDS,
    MIXES,
    TELEPHONE,
    TURN_S,
    Due,
    call,
    conversation,
    session_event,
    small_delta,
)
from wire import CLOSE_NORMAL, Inbox, accept, server_frame

_BLOCK = 1 << 18
_SECOND_NS = 1_000_000_000
# So often what talking clients send is taken out of the kernel: 20 chunks wait there at most.
_DRAIN_S = 0.2
# So often what is sent without a pause is taken out; the kernel holds what comes meanwhile.
_GULP_S = 0.002
_KERNEL_BYTES = 1 << 22

_ANSWER = b"item_" + b"c" * 21
_TURN_IDS = (b"resp_" + b"b" * 21, _ANSWER, b"item_" + b"u" * 21)
_ANSWER_BEFORE = b"item_" + b"p" * 21
_GREETING = server_frame(session_event("session.created"))
_PHONE_GREETING = server_frame(session_event("session.created", sound=TELEPHONE))


# -- without a pause -------------------------------------------------------------------------------


def _flood(sock: socket.socket, mix: str, count: int) -> None:
    frames = [server_frame(text) for text in MIXES[mix]]
    rounds = max(1, _BLOCK // sum(map(len, frames)))
    block = b"".join(frames * rounds)
    whole, rest = divmod(count, len(frames) * rounds)
    turns, single = divmod(rest, len(frames))
    tail = b"".join(frames * turns + frames[:single])
    sock.recv(4096)
    for _ in range(whole):
        sock.sendall(block)
    sock.sendall(tail)
    _sink(sock)


def _turns(sock: socket.socket, count: int) -> None:
    frames = [server_frame(text) for text in MIXES["turn"]]
    sock.recv(4096)
    for number in range(count):
        sock.sendall(_of_turn(b"".join(frames), number))
    sock.sendall(CLOSE_NORMAL)
    _sink(sock)


def _of_turn(data: bytes, number: int) -> bytes:
    """Return a turn's frames, or some of them, with ids that no other turn has."""
    for name in _TURN_IDS:
        data = data.replace(name, name[:6] + b"%020d" % number)
    return data.replace(_ANSWER_BEFORE, _ANSWER[:6] + b"%020d" % (number - 1))


def _echo(sock: socket.socket) -> None:
    sock.sendall(_GREETING)
    answer, inbox = server_frame(small_delta()), Inbox()
    while not inbox.closed and (data := sock.recv(_BLOCK)):
        sock.sendall(answer * inbox.count(data))


def _sink(sock: socket.socket) -> None:
    inbox = Inbox()
    while not inbox.closed and (data := sock.recv(_BLOCK)):
        inbox.count(data)


def _slow_sink(sock: socket.socket) -> None:
    """Take what comes in gulps: on one machine, each time this wakes up is the sender's work."""
    inbox = Inbox()
    sock.setblocking(False)
    while not inbox.closed:
        try:
            data = sock.recv(_BLOCK)
        except (BlockingIOError, ssl.SSLWantReadError):
            time.sleep(_GULP_S)
            continue
        if not data:
            return
        inbox.count(data)


# -- at the real pace ------------------------------------------------------------------------------


_Turn = list[tuple[float, bytes, int]]


def _stamped(events: list[Due]) -> _Turn:
    """Return a turn's frames: when they are due, and where the time goes into them."""
    turn = []
    for due in events:
        frame = server_frame(due.text)
        turn.append((due.at, frame, frame.index(IDS["event_id"].encode()) + len("event_")))
    return turn


_TURN, _CALL = _stamped(conversation()), _stamped(call())


class _Talker:
    """One talking connection; a single thread serves them all.

    Args:
        sock: its socket.
        begin: when the talk begins.
        phase: how many seconds of its first turn are over then.
        turn: one turn's frames.
        turns: how many turns it lasts.
    """

    def __init__(
        self, sock: socket.socket, begin: float, phase: float, turn: _Turn, turns: int
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.begin = begin - phase
        self._turn = turn
        self.position = sum(at < phase for at, _, _ in turn)
        self.end = self.position + turns * len(turn)
        self.unsent = bytearray()
        self._inbox = Inbox()

    @property
    def due(self) -> float:
        """When the next frame is due, on the monotonic clock."""
        turn, event = divmod(self.position, len(self._turn))
        return self.begin + turn * TURN_S + self._turn[event][0]

    def step(self) -> bool:
        """Send what is due; return whether more will come."""
        if self.position == self.end:
            self.send(CLOSE_NORMAL)
            return False
        turn, position = divmod(self.position, len(self._turn))
        _, frame, at = self._turn[position]
        frame = _of_turn(frame, turn)
        stamp = b"%021d" % time.monotonic_ns()
        self.send(b"".join((frame[:at], stamp, frame[at + len(stamp) :])))
        self.position += 1
        return True

    def send(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, or keep what it does not take for later."""
        self.unsent += data
        try:
            while self.unsent:
                del self.unsent[: self.sock.send(self.unsent)]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.unsent.clear()

    def drain(self) -> None:
        """Throw away what the client has sent, and answer its pings."""
        try:
            while data := self.sock.recv(_BLOCK):
                self._inbox.count(data)
        except OSError:  # nothing more is there, or the client has gone
            pass
        self.send(self._inbox.pongs())


class _Stage:
    """Waits for all conversations of a run, then holds them, each at another place in its turn."""

    def __init__(self, turn: _Turn, seconds: float, conversations: int) -> None:
        self.turn = turn
        self.turns = max(1, round(seconds / TURN_S))
        self.conversations = conversations
        self.arrived: list[socket.socket] = []
        self._lock = threading.Lock()

    def arrive(self, sock: socket.socket) -> bool:
        """Take a connection; return whether it was the last one to be waited for."""
        with self._lock:
            self.arrived.append(sock)
            return len(self.arrived) == self.conversations

    def run(self) -> None:
        """Hold the conversations to their end."""
        begin = time.monotonic() + 0.2
        share = TURN_S / self.conversations
        talkers = [
            _Talker(sock, begin, i * share, self.turn, self.turns)
            for i, sock in enumerate(self.arrived)
        ]
        queue = [(talker.due, i) for i, talker in enumerate(talkers)]
        heapq.heapify(queue)
        drain_at = begin
        while queue:
            due, i = queue[0]
            now = time.monotonic()
            if now >= drain_at:
                for talker in talkers:
                    talker.drain()
                drain_at = now + _DRAIN_S
            elif due > now:
                time.sleep(min(due, drain_at) - now)
            elif talkers[i].step():
                heapq.heapreplace(queue, (talkers[i].due, i))
            else:
                heapq.heappop(queue)
        for talker in talkers:
            while talker.unsent:
                talker.send(b"")
                time.sleep(0.001)
            with contextlib.suppress(OSError):
                talker.sock.shutdown(socket.SHUT_WR)
            threading.Thread(target=_wait_for_end, args=(talker.sock,), daemon=True).start()


def _wait_for_end(sock: socket.socket) -> None:
    sock.setblocking(True)
    with sock, contextlib.suppress(OSError):
        while sock.recv(_BLOCK):
            pass


_stages: dict[str, _Stage] = {}
_stages_lock = threading.Lock()


def _talk(sock: socket.socket, run: str, seconds: str, conversations: str) -> None:
    is_call = run.startswith("phone")
    sock.sendall(_PHONE_GREETING if is_call else _GREETING)
    with _stages_lock:
        new = _Stage(_CALL if is_call else _TURN, float(seconds), int(conversations))
        stage = _stages.setdefault(run, new)
    if stage.arrive(sock):
        with _stages_lock:
            del _stages[run]
        stage.run()


# -- the doors -------------------------------------------------------------------------------------


def _serve(sock: socket.socket, tls: ssl.SSLContext | None) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_side=True)
        plan = parse_qs(urlsplit(accept(sock)).query)["model"][0]
        kind, *arguments = plan.split("-")
        if kind in ("talk", "phone"):
            _talk(sock, plan, arguments[0], arguments[1])
            return
        with sock:
            if kind == "flood":
                _flood(sock, arguments[0], int(arguments[1]))
            elif kind == "turns":
                _turns(sock, int(arguments[0]))
            elif kind == "echo":
                _echo(sock)
            elif kind == "sink":
                sock.sendall(_GREETING)
                _slow_sink(sock)
            else:
                sock.sendall(_GREETING)
                _sink(sock)
            sock.sendall(CLOSE_NORMAL)
    except (OSError, EOFError):
        pass  # the client has gone


def _listen(tls: ssl.SSLContext | None) -> int:
    door = socket.create_server(("127.0.0.1", 0), backlog=512)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)

    def run() -> None:
        while True:
            sock, _ = door.accept()
            threading.Thread(target=_serve, args=(sock, tls), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    port: int = door.getsockname()[1]
    return port


def main(until: Callable[[], object] = sys.stdin.read) -> None:
    """Serve until the standard input ends."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "authority.pem"
        authority.cert_pem.write_to_path(str(pem))
        ready = {"ws": _listen(None), "wss": _listen(context), "authority": str(pem)}
        print(json.dumps(ready), flush=True)
        until()


if __name__ == "__main__":
    main()
