"""How long others wait for one client's burst, and what a long answer costs: ``make bench-server``.

The embedded server runs in a process of its own. One client sends a burst as fast as the kernel
takes it; meanwhile another asks a small question every 10 ms, and a third opens a session every
50 ms. Then answers of more and more words are given, whose words are the question's.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psutil
from embedded import Server, run_server
from framing import TEXT
from server_bursts import HELLO, MINUTES, SECOND, Address, event, masked, read_until, websocket

_PATIENCE_S = 600.0
_END = event("the last one", event_id="the end")  # whose error tells that all is done


def bursts(count: int) -> dict[str, bytes]:
    """Return the bursts by what they are."""
    return {
        f"{count:,} small events": event("input_audio_buffer.clear") * count,
        f"{count:,} items": event("conversation.item.create", item=HELLO) * count,
        f"{count // 50:,} seconds of sound": (
            event("input_audio_buffer.append", audio=SECOND) * (count // 50)
        ),
        "5 minutes of sound at once": event("input_audio_buffer.append", audio=MINUTES),
        "one message of 1,000,000 lists": masked(TEXT, b"[" + b"[]," * 1_000_000 + b"[]]"),
    }


class Meanwhile:
    """Does something again and again, and notes how long each time took."""

    def __init__(self, once: Callable[[], None], every_s: float) -> None:
        self.times: list[float] = []
        self._once = once
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            began = time.monotonic()
            self._once()
            self.times.append(time.monotonic() - began)

    def __enter__(self) -> Meanwhile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def waits(address: Address, key: str, burst: bytes) -> tuple[float, list[float], list[float]]:
    """Return how long a burst took, and how long questions and handshakes meanwhile did."""

    def opened() -> socket.socket:
        return websocket(address, key=key, timeout=_PATIENCE_S)

    with opened() as busy, opened() as other:

        def ask() -> None:
            other.sendall(event("input_audio_buffer.clear"))
            read_until(other, b"input_audio_buffer.cleared")

        reading = threading.Thread(target=read_until, args=(busy, b"the end"))
        with Meanwhile(ask, 0.01) as asking, Meanwhile(lambda: opened().close(), 0.05) as opening:
            began = time.monotonic()
            reading.start()
            busy.sendall(burst + _END)
            reading.join()
            took = time.monotonic() - began
    return took, asking.times, opening.times


def answer(address: Address, key: str, words: int, modality: str) -> float:
    """Return how long an answer of so many words takes."""
    content = [{"type": "input_text", "text": "Well, and so on. " * (words // 4)}]
    item: dict[str, Any] = {"type": "message", "role": "user", "content": content}
    with websocket(address, key=key, timeout=_PATIENCE_S) as link:
        link.sendall(event("conversation.item.create", item=item))
        read_until(link, b"conversation.item.done")
        began = time.monotonic()
        link.sendall(event("response.create", response={"output_modalities": [modality]}))
        read_until(link, b"rate_limits.updated")
        return time.monotonic() - began


def cpu_of(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds that they have taken, user and system."""
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def show_waits(server: Server, address: Address, count: int) -> None:
    """Print the table of bursts."""
    print("| burst | all done after | a question waits, median | at most | a handshake, at most |")
    print("|---|---|---|---|---|")
    for what, data in bursts(count).items():
        took, questions, handshakes = waits(address, server.key, data)
        longest = f"{max(handshakes) * 1000:.0f} ms" if handshakes else "\N{EN DASH}"
        print(
            f"| {what} | {took:.2f} s | {statistics.median(questions) * 1000:.1f} ms "
            f"| {max(questions) * 1000:.0f} ms | {longest} |",
            flush=True,
        )


def show_answers(server: Server, address: Address, most: int) -> None:
    """Print the table of answers."""
    print("\n| answer | words | took | CPU of each word: server | workers |\n|---|---|---|---|---|")
    main = psutil.Process(server.process.pid)
    groups = [main], main.children()
    for modality in ("text", "audio"):
        for words in (most // 40, most // 10, most):
            before = [cpu_of(group) for group in groups]
            took = answer(address, server.key, words, modality)
            each = [
                f"{(cpu_of(group) - spent) / words * 1e6:.0f} µs"
                for group, spent in zip(groups, before, strict=True)
            ]
            print(f"| {modality} | {words:,} | {took:.2f} s | {' | '.join(each)} |", flush=True)


def main() -> None:
    """Measure and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=5_000, help="events of a burst")
    parser.add_argument("--words", type=int, default=40_000, help="words of the longest answer")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    with run_server("--responder", "echo") as server:
        parts = urlsplit(server.url)
        address = (str(parts.hostname), int(parts.port or 0))
        show_waits(server, address, options.events)
        show_answers(server, address, options.words)


if __name__ == "__main__":
    main()
