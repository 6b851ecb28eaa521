"""Runs cases: the load server, a process for each client, and whose turn it is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parts import Case, Part

__all__ = ["Results", "load_server", "run_part", "virtual_card"]

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
# client -> figure -> a value for each round
OfCase = dict[str, dict[str, list[Any]]]
# by the case's label
Results = dict[str, OfCase]
_TRIES = 3


@contextlib.contextmanager
def load_server() -> Iterator[dict[str, Any]]:
    """Run the load server; give its ports."""
    command = [sys.executable, str(HERE / "load_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


@contextlib.contextmanager
def virtual_card(*, wanted: bool) -> Iterator[bool]:
    """Run a virtual sound card for the workers; give whether there is one."""
    if not wanted or shutil.which("pulseaudio") is None:
        yield False
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [str(REPOSITORY / "scripts" / "virtual_audio.sh"), folder]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as card:
            assert card.stdin
            assert card.stdout
            try:
                for line in card.stdout:
                    if line.strip() == "ready":
                        break
                    name, _, value = line.strip().partition("=")
                    os.environ[name] = value
                yield True
            finally:
                card.stdin.close()


class WorkerDied(Exception):  # noqa: N818  # an outcome, which is dealt with
    """A client's process has ended in the middle of a measurement."""


class Worker:
    """One client's process."""

    def __init__(self, client: str, ports: dict[str, Any]) -> None:
        self._client = client
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), client, json.dumps(ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have a measurement made."""
        self.begin(job)
        return self.end()

    def begin(self, job: dict[str, Any]) -> None:
        """Have a measurement begun."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Return the figures of the measurement that was begun."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise WorkerDied(f"the process of {self._client} has died; its words are above")
        figures: dict[str, Any] = json.loads(line)
        return figures

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Crew:
    """The workers of a part."""

    def __init__(self, part: Part, ports: dict[str, Any]) -> None:
        self._part = part
        self._ports = ports
        self._workers: dict[str, Worker] = {}

    def measure(self, client: str, job: dict[str, Any]) -> dict[str, Any]:
        """Have one client measured."""
        for _ in range(_TRIES - 1):
            try:
                return self._measure(client, job)
            # Over TLS that befalls who lets two threads into OpenSSL.
            except WorkerDied as exc:  # noqa: PERF203  # measurements take seconds
                print(f"{exc}; once more", file=sys.stderr)
                self._workers.pop(client, None)
        return self._measure(client, job)

    def _measure(self, client: str, job: dict[str, Any]) -> dict[str, Any]:
        if self._part.fresh:
            with contextlib.closing(Worker(client, self._ports)) as worker:
                return worker.measure(job)
        return self._worker(client).measure(job)

    def measure_all(self, clients: tuple[str, ...], job: dict[str, Any]) -> list[dict[str, Any]]:
        """Have all clients measured at once."""
        for client in clients:
            self._worker(client).begin(job)
        return [self._worker(client).end() for client in clients]

    def _worker(self, client: str) -> Worker:
        if client not in self._workers:
            self._workers[client] = Worker(client, self._ports)
        return self._workers[client]

    def close(self) -> None:
        """End them."""
        for worker in self._workers.values():
            worker.close()


def run_part(part: Part, ports: dict[str, Any], *, quick: bool) -> Results:
    """Measure all cases of a part; in each round every client has its turn."""
    with contextlib.closing(Crew(part, ports)) as crew:
        return {case.label: _run_case(part, case, crew, quick=quick) for case in part.cases}


def _run_case(part: Part, case: Case, crew: Crew, *, quick: bool) -> OfCase:
    clients = case.clients or part.clients
    results: OfCase = {name: {} for name in clients}
    for number in range(1 if quick else case.rounds or part.rounds):
        order = _in_turn(clients, number)
        if part.together:
            rounds = crew.measure_all(order, case.job(quick=quick))
        else:
            rounds = [crew.measure(client, case.job(quick=quick)) for client in order]
        for client, figures in zip(order, rounds, strict=True):
            for name, value in figures.items():
                results[client].setdefault(name, []).append(value)
    return results


def _in_turn(clients: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return the clients so that none is always the one after the same other."""
    shift = number % len(clients)
    turned = clients[shift:] + clients[:shift]
    return turned[::-1] if number % 2 else turned
