"""A program: a signal handler raises while `Local` starts, at ever later moments.

Argument: the stand-in for the server.
"""

from __future__ import annotations

import signal
import sys
import threading

import psutil

from realtime_sync import Local

ROUNDS = 100
armed = False


class HandlerError(Exception):
    """What the handler raises."""


def strike(*_: object) -> None:
    global armed
    if armed:
        armed = False
        raise HandlerError


def send(after_s: float) -> None:
    threading.Event().wait(after_s)
    signal.pthread_kill(main, signal.SIGUSR1)


main = threading.main_thread().ident
assert main is not None
sys.executable = sys.argv[1]
signal.signal(signal.SIGUSR1, strike)
struck = 0
for number in range(ROUNDS):
    client = Local()
    sender = threading.Thread(target=send, args=(number * 0.0002,))
    sender.start()
    try:
        armed = True
        url = client.url
        armed = False
    except HandlerError:
        struck += 1
    sender.join()
    assert client.url, "it starts after all"
    client.close()
    # A start that was left before it had a process ends that on its own thread.
    while psutil.Process().children():
        threading.Event().wait(0.001)
assert struck, "no signal came in time"
print("nothing left", flush=True)
