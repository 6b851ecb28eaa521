"""The sample `django_desk` as it runs in production, and a model that waits for the test."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from guards import GUARD_S, Guard
from programs import REPOSITORY

__all__ = ["ANSWERS", "MANAGE", "Desk", "Teller", "asking", "desk", "manage", "telling"]

MANAGE = REPOSITORY / "samples" / "django_desk" / "manage.py"
ALARMS = ("Traceback", "ERROR", "CRITICAL", "ResourceWarning", "Exception ignored")
# By a word of the question; the last is for all else.
ANSWERS = {
    "open": "We are open from nine to five, and on Saturdays until noon.",
    "cipher": "It begins with \0.",  # as no database takes it
    "weather": "It is mild in London today, with some rain in the evening.",
    "": "I have heard you.",
}


class Teller(ThreadingHTTPServer):
    """A chat model that tells a story in two halves, and says all else at once.

    Attributes:
        begun: has an element for each story whose first half is out.
        go_on: each release brings one story's second half.
    """

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Telling)
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go_on = threading.Semaphore(0)

    @property
    def responder(self) -> str:
        """As the embedded server takes it."""
        return f"chat:http://127.0.0.1:{self.server_port}/v1?model=teller"


class _Telling(BaseHTTPRequestHandler):
    server: Teller

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = asked["messages"][-1]["content"]
        self.send_response(200)
        self.end_headers()
        if "story" not in question:
            self._tell(next(words for about, words in ANSWERS.items() if about in question))
        else:
            self._tell("Once ")
            self.server.begun.put(question)
            self.server.go_on.acquire(timeout=GUARD_S)
            self._tell("upon a time.")
        self._tell("", "stop")
        self._write(b"data: [DONE]\n\n")

    def _tell(self, words: str, reason: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": words}, "finish_reason": reason}
        self._write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")

    def _write(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:  # nobody listens any more
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def telling() -> Iterator[Teller]:
    """Run the model."""
    with Teller() as teller:
        thread = threading.Thread(target=teller.serve_forever, args=(0.01,), name="teller")
        thread.start()
        try:
            yield teller
        finally:
            teller.go_on.release(100)
            teller.shutdown()
            thread.join()


def manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the sample's, in whose environment is nothing of this one's for Django."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(MANAGE), *arguments],
        cwd=environment["DESK_DATA"],
        env={**_here(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


@contextmanager
def asking(running: Desk, question: str, output: int) -> Iterator[subprocess.Popen[str]]:
    """Ask on a terminal beside a server, which ends with the block at the latest.

    Args:
        running: the server.
        question: a text.
        output: a descriptor, to which the answer is written.
    """
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(MANAGE), "ask", question],
        cwd=running.environment["DESK_DATA"],
        env={**_here(), **running.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            yield command
        finally:
            command.kill()


def _here() -> dict[str, str]:
    foreign = ("DJANGO_", "DESK_", "DATABASE_", "OPENAI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


class Desk:
    """A server that runs.

    Attributes:
        url: of its page.
        environment: the settings that it has.
    """

    def __init__(self, url: str, environment: dict[str, str], log: Path) -> None:
        self.url = url
        self.environment = environment
        self._log = log

    def log(self) -> str:
        """Return what it has written so far."""
        return self._log.read_text("utf-8")

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a command beside it, and return what that prints."""
        ran = manage(*arguments, environment={**self.environment, **environment})
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@contextmanager
def desk(environment: dict[str, str], *options: str) -> Iterator[Desk]:
    """Run the sample under gunicorn, on a database that is set up.

    Its log is to hold no alarm, and it ends in order at SIGTERM.

    Args:
        environment: the sample's settings; ``DESK_DATA`` is a folder, which gets the log as well.
        options: of gunicorn.
    """
    log = Path(environment["DESK_DATA"]) / "gunicorn.log"
    migrated = manage("migrate", "--verbosity=0", environment=environment)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    # Bound here: requests wait in its queue until the server is up, and no port is guessed.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, log.open("wb") as file:
        command = ["-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
        process = subprocess.Popen(
            [sys.executable, *command, *options, "samples.django_desk.wsgi:application"],
            cwd=REPOSITORY,
            env={**_here(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        running = Desk(f"http://127.0.0.1:{listener.getsockname()[1]}", environment, log)
        try:
            Guard().until(lambda: "Booting worker" in running.log(), "a worker")
            yield running
        finally:
            process.terminate()
            ended = process.wait(GUARD_S)
            print(running.log())
    assert ended == 0
    assert [word for word in ALARMS if word in running.log()] == []
