"""What a talk costs the server of samples/flask_voice: ``make bench-page``.

It runs under gunicorn, one process with threads. Pages without a browser speak to it at the real
pace, 20 ms at 48 kHz, and say ten times a second how much they have played; the load server of
``make bench`` is the model, and answers each with 6.5 s of sound every eight seconds. CPU is that
of gunicorn's worker while all talk, memory what it has more with all pages than with one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import tempfile
import threading
import time
from pathlib import Path

import psutil
import websocket
from raw_page import Page, Visitor, voice_server
from run import load_server

HZ = 48_000
_CHUNK = bytes(HZ // 50 * 2)
_REPORT_EVERY = 5  # chunks
_PLAYED_HZ = 24_000
_SPARE_THREADS = 8


class Talker:
    """A page that plays what comes at the real pace, and says so."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.thread = threading.Thread(target=self._read)
        self._began: dict[tuple[str, int], float] = {}

    def _read(self) -> None:
        try:
            while True:
                self.page.next()
        except (websocket.WebSocketException, OSError, ValueError):
            pass  # the talk is over

    def speak(self, *, report: bool) -> None:
        """Send 20 ms, and perhaps how much was played."""
        try:
            self.page.socket.send_binary(_CHUNK)
            if report and self.page.sound:
                part, pcm = next(reversed([*self.page.sound.items()]))
                began = self._began.setdefault(part, time.monotonic())
                played = int((time.monotonic() - began) * _PLAYED_HZ)
                self.page.played(*part, min(played, len(pcm) // 2))
        except (websocket.WebSocketException, OSError):
            pass  # the talk is over


def speak(talkers: list[Talker], seconds: float) -> None:
    """Let all speak for so long."""
    due = time.monotonic()
    for number in range(int(seconds * 50)):
        for at, talker in enumerate(talkers):
            talker.speak(report=(number + at) % _REPORT_EVERY == 0)
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))


def measure(port: int, pages: int, seconds: float) -> tuple[float, float, int]:
    """Return CPU seconds per second, MiB of memory and threads of a server with so many pages."""
    environment = {
        "OPENAI_API_KEY": "key",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "PAGE_BENCH_PLAN": f"talk-{seconds + 8:g}-{pages}-{time.monotonic_ns()}",
        "FLASK_VOICE_MOST_TALKS": str(pages),
        "FLASK_VOICE_MOST_PER_USER": str(pages),
        "FLASK_VOICE_DRAIN_S": "0",
    }
    options = ["--threads", str(pages + _SPARE_THREADS), "--pythonpath", str(Path(__file__).parent)]
    with (
        contextlib.redirect_stdout(io.StringIO()),  # the server's log
        tempfile.TemporaryDirectory() as folder,
        voice_server("gthread", Path(folder), environment, *options, app="page_app:app") as server,
    ):
        visitor = Visitor(server)
        talkers = [Talker(visitor.open(rate=HZ)) for _ in range(pages)]
        for talker in talkers:
            talker.thread.start()
        speak(talkers, 4.0)  # until everything is loaded, and has happened once
        (worker,) = psutil.Process(server.process.pid).children()
        began, before = time.monotonic(), sum(worker.cpu_times()[:2])
        speak(talkers, seconds)
        cpu = (sum(worker.cpu_times()[:2]) - before) / (time.monotonic() - began)
        memory, threads = worker.memory_info().rss / 1024**2, worker.num_threads()
        for talker in talkers:
            talker.page.tell("bye")
        for talker in talkers:
            talker.thread.join()
            talker.page.socket.shutdown()
    return cpu, memory, threads


def main() -> None:
    """Measure and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, nargs="+", default=[1, 10, 30])
    parser.add_argument("--seconds", type=float, default=24.0, help="of talk that are measured")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| talks | CPU of one | talks that a core carries | memory of one more | threads |")
    print("|---|---|---|---|---|")
    first: tuple[int, float] | None = None
    with load_server() as ports:
        for pages in options.pages:
            cpu, memory, threads = measure(ports["ws"], pages, options.seconds)
            if first is None:
                first, more = (pages, memory), f"{memory:.0f} MiB in all"
            else:
                more = f"{(memory - first[1]) / (pages - first[0]):.2f} MiB"
            print(
                f"| {pages} | {cpu / pages * 1000:.1f} ms a second | {pages / cpu:.0f} | {more} "
                f"| {threads} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
