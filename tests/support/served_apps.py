"""Apps of the samples under gunicorn, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guards import GUARD_S, Guard
from programs import REPOSITORY

__all__ = ["App", "gunicorn", "with_paths"]


class App:
    """An app that is served.

    Attributes:
        address: its host and port.
    """

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log

    def log(self) -> str:
        """Return what it and gunicorn have printed so far."""
        return self._log.read_text()

    def wait_for(self, words: str) -> None:
        """Wait until it has printed this."""
        Guard().until(lambda: words in self.log(), words)


@contextmanager
def gunicorn(app: str, folder: Path, *options: str, **variables: str) -> Iterator[App]:
    """Serve an app, until SIGTERM ends it in order.

    Args:
        app: such as ``"samples.web.flask_app:app"``.
        folder: for its log.
        options: of gunicorn.
        variables: of its environment, beside those of this process.
    """
    log = folder / "gunicorn.log"
    # Bound here: requests wait in its queue until the server is up, and no port is guessed.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, log.open("wb") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8"),
                *("--bind", f"fd://{listener.fileno()}", "--no-control-socket", *options, app),
            ],
            cwd=REPOSITORY,
            env=with_paths(**variables),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        made = App(f"127.0.0.1:{listener.getsockname()[1]}", log)
        try:
            yield made
        finally:
            process.terminate()
            code = process.wait(2 * GUARD_S)
            print(made.log())
    assert code == 0
    assert "Traceback" not in made.log()


def with_paths(**variables: str) -> dict[str, str]:
    """Return an environment in which this checkout's package is imported."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_PROXY": "*", **variables}
