"""Many telephone calls at once through one bridge on one core: run it as ``make bench-phone``.

The provider is the load server of `make bench`, whose calls speak five seconds of µ-law in each
turn of eight; the phones are one thread that says and plays a frame of 20 ms at a time. Both run on
the other cores. Late is a frame against its schedule: as the bridge has sent it, and as it came at
the far end, counted from the earliest of its answer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from attrs import define, frozen
from run import load_server
from traffic import CALL_AUDIO_MS, TURN_S

HERE = Path(__file__).parent
_FRAME_MS = 20


@define
class Bridge:
    """A bridge that runs.

    Attributes:
        port: where it takes calls.
        process: what holds them.
        figures: what it has measured; asterisk's tells at its end.
    """

    port: int
    process: psutil.Process
    figures: dict[str, Any]


@frozen
class Result:
    """The figures of one run."""

    kind: str
    calls: int
    answers: int
    sent: int
    heard: int
    gaps: int
    skipped: int
    at_bridge: list[float]
    at_phone: list[float]
    cpu_s: float
    kb: float


def _get(port: int, path: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return json.load(answer)


@contextmanager
def _gunicorn(environment: dict[str, str], calls: int) -> Iterator[Bridge]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        command = ["-m", "gunicorn", "--worker-class", "gthread", "--threads", str(calls + 5)]
        command += ["--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
        command += ["--log-level", "warning", "--pythonpath", str(HERE), "phone_bridge:app"]
        with subprocess.Popen(
            [sys.executable, *command], env=environment, pass_fds=[listener.fileno()]
        ) as process:
            try:
                port: int = listener.getsockname()[1]
                bridge = Bridge(port, psutil.Process(_get(port, "/figures")["pid"]), {})
                yield bridge
                bridge.figures = _get(port, "/figures")
            finally:
                process.terminate()


@contextmanager
def _asterisk(environment: dict[str, str], calls: int) -> Iterator[Bridge]:
    with subprocess.Popen(
        [sys.executable, str(HERE / "phone_bridge.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            bridge = Bridge(int(process.stdout.readline()), psutil.Process(process.pid), {})
            yield bridge
        finally:
            process.stdin.close()
            bridge.figures = json.loads(process.stdout.readline() or "{}")


BRIDGES = {"twilio": _gunicorn, "asterisk": _asterisk}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(kind: str, calls: int, seconds: float, core: int) -> Result:
    """Hold so many calls at once, for so long."""
    turns = max(1, round(seconds / TURN_S))
    with load_server() as ports:
        environment = {
            **os.environ,
            "PROVIDER": f"ws://127.0.0.1:{ports['ws']}/v1",
            "PLAN": f"phone-{turns * TURN_S:g}-{calls}-{time.monotonic_ns()}",
            "CORE": str(core),
            "PYTHONPATH": str(HERE.parents[1]),
            "NO_PROXY": "*",
        }
        with BRIDGES[kind](environment, calls) as bridge:
            cpu, kb = _cpu(bridge.process), bridge.process.memory_info().rss / 1024
            phones = subprocess.Popen(
                [sys.executable, str(HERE / "phones.py"), kind, str(bridge.port), str(calls)],
                stdout=subprocess.PIPE,
            )
            with phones:
                time.sleep(turns * TURN_S / 2)
                kb = bridge.process.memory_info().rss / 1024 - kb
                out, _ = phones.communicate()
            cpu = _cpu(bridge.process) - cpu
    far = json.loads(out)
    near = bridge.figures
    minutes = sum(far["said"]) * _FRAME_MS / 60_000
    return Result(
        kind=kind,
        calls=calls,
        answers=calls * turns,
        sent=sum(each["sent_ms"] for each in near["stats"]) // _FRAME_MS,
        heard=sum(far["heard"]),
        gaps=sum(far["dry"]),
        skipped=sum(each["skipped_ms"] for each in near["stats"]) // _FRAME_MS,
        at_bridge=near["late"],
        at_phone=far["late"],
        cpu_s=cpu / minutes,
        kb=kb / calls,
    )


def _late(values: list[float]) -> str:
    cuts = statistics.quantiles(values, n=100)
    return f"{1000 * cuts[49]:.1f} / {1000 * cuts[98]:.1f} / {1000 * max(values):.1f} ms"


def show(result: Result) -> None:
    """Print a row of the table."""
    print(
        f"| {result.kind} | {result.calls} | {result.answers} | {result.sent:,} "
        f"| {result.heard:,} | {result.gaps} | {result.skipped} | {_late(result.at_bridge)} "
        f"| {_late(result.at_phone)} | {result.cpu_s:.2f} s | {result.kb:.0f} kB |",
        flush=True,
    )


def main() -> None:
    """Measure and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20, help="calls at once")
    parser.add_argument("--seconds", type=float, default=40, help="how long they last")
    parser.add_argument("--kinds", nargs="*", default=[*BRIDGES], choices=[*BRIDGES])
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:  # the first is the bridge's, whose process takes it by itself
        os.sched_setaffinity(0, set(cores[1:]))
    print(
        f"Python {platform.python_version()}, {len(cores)} cores, {platform.machine()}; an answer "
        f"has {CALL_AUDIO_MS // _FRAME_MS} frames\n"
    )
    print(
        "| calls of | calls | answers | frames sent | heard | gaps | moved "
        "| late as sent, p50 / p99 / most | at the far end | CPU of a call and minute | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        show(measure(kind, options.calls, options.seconds, cores[0]))


if __name__ == "__main__":
    main()
