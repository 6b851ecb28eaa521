"""A TCP connection to a host, from the name lookup on under one deadline.

The lookup runs in a thread of its own, because no system call bounds it. The addresses are raced
as in RFC 8305: where a route is dead (often the IPv6 one), the next address gets its chance after a
quarter of a second and not after the system's two minutes.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Final

from .._deadline import Deadline
from .._net.connect_errors import unknown_host
from .._threads import join_all, spawn
from ..errors import ConnectError
from .duplex import set_options

__all__ = ["Address", "dial", "resolve"]

_NEXT_AFTER_S: Final = 0.25  # RFC 8305 §5
_IN_PROGRESS: Final = (errno.EINPROGRESS, errno.EWOULDBLOCK)

# Family and socket address, as `socket.connect` wants it.
Address = tuple[int, Any]


def dial(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a connected TCP socket with keepalive, and without Nagle's delay.

    Raises:
        ConnectError: the name does not resolve, or not in time.
        OSError: no address took the connection; TimeoutError when that is for lack of time.
    """
    sock = _race(resolve(host, port, deadline), deadline)
    try:
        set_options(sock)
    except BaseException:  # a signal handler's
        sock.close()
        raise
    return sock


def resolve(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Return the addresses of a host, best first.

    Raises:
        ConnectError: the name does not resolve, or not in time.
    """
    try:
        with suppress(socket.gaierror):  # an address needs no lookup, and so no thread
            return _look_up(host, port, socket.AI_NUMERICHOST)
        return _look_up_in_thread(host, port, deadline)
    except queue.Empty as exc:
        raise ConnectError(
            f"the lookup of the host name {host!r} took too long; check DNS, or raise open_timeout"
        ) from exc
    except (socket.gaierror, UnicodeError) as exc:
        raise unknown_host(host) from exc


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags
    )
    return [(family, address) for family, _, _, _, address in found]


def _look_up_in_thread(host: str, port: int, deadline: Deadline) -> list[Address]:
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(_look_up(host, port))
        except Exception as exc:  # no signal handler runs here
            answers.put(exc)

    thread = spawn(look_up, name="name-lookup")
    # Where the time runs out, the thread is left to end with the system's own limit.
    while answers.empty() and not deadline.expired:
        with suppress(queue.Empty):
            answers.put(answers.get(timeout=_until_next_look(deadline)))
    answer = answers.get(timeout=0)
    join_all([thread], deadline)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _until_next_look(deadline: Deadline) -> float:
    """Return how long to wait: for the next address's turn, or for a deadline that is cut."""
    left = deadline.remaining()
    return _NEXT_AFTER_S if left is None else min(left, _NEXT_AFTER_S)


def _race(addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    """Return the first of staggered connection attempts that succeeds."""
    waiting = deque(_interleaved(addresses))
    failure = OSError(errno.EADDRNOTAVAIL, "the name has no usable address")
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                try:
                    if waiting and (sock := _attempt(waiting.popleft(), selector)):
                        return sock
                    timeout = _until_next_look(deadline)
                    if selector.get_map() and (sock := _winner(selector, timeout)):
                        return sock
                except OSError as exc:  # this address's end: on to the next one
                    failure = exc
                if deadline.expired:
                    raise TimeoutError("timed out")
            raise failure
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]  # only sockets are registered


def _attempt(address: Address, selector: selectors.BaseSelector) -> socket.socket | None:
    """Begin to connect; return the socket if that is done at once."""
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code not in (0, *_IN_PROGRESS):
            raise OSError(code, os.strerror(code))
        if code:
            selector.register(sock, selectors.EVENT_WRITE)
            return None
    except BaseException:
        sock.close()
        raise
    return sock


def _winner(selector: selectors.BaseSelector, timeout: float | None) -> socket.socket | None:
    """Wait; return a socket that is connected, or raise what became of one that is not."""
    for key, _ in selector.select(timeout):
        sock = key.fileobj
        assert isinstance(sock, socket.socket)
        selector.unregister(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            return sock
        sock.close()
        raise OSError(code, os.strerror(code))
    return None


def _interleaved(addresses: Sequence[Address]) -> Iterable[Address]:
    """Alternate the families (RFC 8305 §4), because a dead route is the whole family's."""
    families = list(dict.fromkeys(family for family, _ in addresses))
    columns = [[a for a in addresses if a[0] == family] for family in families]
    return (address for row in zip_longest(*columns) for address in row if address is not None)
