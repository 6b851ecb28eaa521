"""A program: forks in several ways while other threads are busy on its link.

Arguments: the server's URL, the authority's file, the way to fork. Prints "forked" when the child
is done, and at the end how the parent's own link fared.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import ssl
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

if sys.argv[3] == "gevent":
    from gevent import monkey

    monkey.patch_all()

from realtime_sync.errors import ConcurrencyError, ConnectionClosedOK
from realtime_sync.transport import Transport, TransportOptions, connect, memory_pair

HUGE = "x" * (32 << 20)

links: dict[str, Transport] = {}


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except ConcurrencyError as exc:
        return str(exc)
    except BaseException as exc:
        return repr(exc)
    return "worked"


def in_the_child() -> str:
    """Try everything; return what is wrong, "" for nothing."""
    for link in links.values():
        calls = (lambda: link.send("x"), link.read, lambda: link.close(timeout=1))  # noqa: B023
        for said in map(outcome, calls):
            if "belongs to the process that forked" not in said:
                return f"{link}: {said}"
        link.abort()
        if not (link.closed and link.forked):
            return f"{link} looks alive"
    if os.path.isdir("/proc/self/fd") and inode in map(link_of, os.listdir("/proc/self/fd")):  # noqa: PTH112, PTH208
        return "the child has kept the descriptor"
    links.clear()
    gc.collect()
    return ""


def link_of(number: str | int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    except OSError:
        return ""


def by_os_fork() -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, in_the_child().encode() or b"good")
        if way == "gevent":
            # The child has copies of the greenlets, and Python 3.13's threading stumbles over
            # their end whatever they do.
            os._exit(0)
        sys.exit(0)  # through Python's own end, which frees everything
    said = os.read(reading, 10_000).decode()
    assert os.waitpid(child, 0)[1] == 0
    os.close(reading)
    os.close(writing)
    return "" if said == "good" else said


def by_multiprocessing() -> str:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(in_the_child()))
    child.start()
    said: str = answers.get()
    child.join()
    assert child.exitcode == 0
    answers.close()
    return said


def by_a_pool() -> str:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(in_the_child).result()


WAYS = {
    "os.fork": by_os_fork,
    "gevent": by_os_fork,
    "multiprocessing": by_multiprocessing,
    "concurrent.futures": by_a_pool,
}

url, authority, way = sys.argv[1:]
options = TransportOptions(proxy="", ssl_context=ssl.create_default_context(cafile=authority))
transport = links["socket"] = connect(url, headers={}, options=options)
inode = link_of(transport._duplex._sock.fileno())  # type: ignore[attr-defined]
links["memory"] = memory_pair()[0]


answered = threading.Event()


def read() -> None:
    try:
        while True:
            print(*transport.read(), flush=True)
            answered.set()
    except ConnectionClosedOK as exc:
        print(exc, flush=True)


# Both hold what they hold at the moment of the fork: the reader waits, the sender has the lock.
threads = [
    threading.Thread(target=read),
    threading.Thread(target=lambda: transport.send(HUGE)),
]
for thread in threads:
    thread.start()
while not transport.bytes_out:
    threads[1].join(0.01)
problem = WAYS[way]()
print(problem or "forked", flush=True)
threads[1].join()
transport.send("from the parent")
answered.wait()
transport.close(timeout=30)
threads[0].join()
links["memory"].abort()
