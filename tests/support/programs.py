"""Running somebody's program against the embedded server, as its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from guards import Guard

from realtime_sync import Local

REPOSITORY = Path(__file__).parents[2]
_LIMIT_S = 100  # below the limit of a test, so that the program's output is shown
_NONE: Mapping[str, str] = {}


class Program:
    """Runs a Python file in an empty folder with ``samples`` beside it, as a user would."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        (folder / "samples").symlink_to(REPOSITORY / "samples")

    def run(
        self, file: Path, *arguments: str, typed: str = "", environment: Mapping[str, str] = _NONE
    ) -> str:
        """Return what it prints; a failure, or any warning, fails the test.

        Args:
            file: the program.
            arguments: its command line.
            typed: what it reads from the terminal.
            environment: variables besides those that every program sees.
        """
        result = subprocess.run(
            [sys.executable, "-W", "error", str(file), *arguments],
            cwd=self.folder,
            env={**self._environment, **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
        if result.returncode:
            pytest.fail(
                f"{file.name} ended with {result.returncode}\n{result.stdout}{result.stderr}",
                pytrace=False,
            )
        return result.stdout


@pytest.fixture
def program(tmp_path: Path, local_server: Local) -> Program:
    """A runner whose programs find the embedded server behind ``OpenAI()`` too.

    They see no sound card, whatever this machine or the tests have: a program that plays what it
    hears would take as long as that is.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULSE_", "ALSA_", "OPENAI_"))
    }
    # A card that is not there. With no card in the file at all, PortAudio aborts the process.
    (tmp_path / "asound.conf").write_text("pcm.!default { type hw card 31 }\n")
    environment |= {
        "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"),
        "OPENAI_API_KEY": local_server.api_key,
        "OPENAI_BASE_URL": local_server.url,
    }
    return Program(tmp_path, environment)


@contextmanager
def running(code: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run Python code as a program, which the hang guard ends, so that reading from it does.

    Args:
        code: the program.
        environment: variables besides those of this process.
    """
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        timer = threading.Timer(Guard().seconds, program.kill)
        timer.start()
        try:
            yield program
        finally:
            timer.cancel()
            timer.join()
