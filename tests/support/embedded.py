"""Running embedded servers, and what is said to them."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import trustme
from attrs import frozen

from realtime_sync.audio import Resampler

KEY = "the-key-of-the-tests"
QUESTIONS = Path(__file__).parents[2] / "samples" / "questions"


@frozen
class Server:
    """A running server.

    Attributes:
        url: its base URL, ending in ``/v1``.
        key: what clients must show.
        process: the server itself.
        ca: who signed its certificate, None without TLS.
    """

    url: str
    key: str
    process: subprocess.Popen[Any]
    ca: trustme.CA | None = None

    def tls(self) -> ssl.SSLContext | None:
        """A client's context that trusts it."""
        if self.ca is None:
            return None
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


@contextmanager
def run_server(
    *arguments: str,
    ca: trustme.CA | None = None,
    key: str = KEY,
    program: Sequence[str] = ("-m", "realtime_sync.local"),
    stderr: IO[bytes] | None = None,
) -> Iterator[Server]:
    """Run a server, or a program that is one, as a child process.

    With an empty ``key`` it is for everybody.
    """
    process = subprocess.Popen(
        [sys.executable, *program, "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "REALTIME_SYNC_LOCAL_KEY": key},
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps(arguments).encode() + b"\n")
        process.stdin.flush()
        ready = json.loads(process.stdout.readline())
        yield Server(ready["url"], key, process, ca)
        process.stdin.close()  # its end is the server's
        assert process.wait(30) == 0


def question(name: str, *, hz: int = 24_000) -> bytes:
    """Return a shipped question as PCM16 at ``hz``."""
    with wave.open(str(QUESTIONS / f"{name}.wav")) as file:
        pcm = file.readframes(file.getnframes())
        return Resampler(file.getframerate(), hz).process(pcm, last=True)


def silence(ms: int, *, hz: int = 24_000) -> bytes:
    """Return silence as PCM16."""
    return bytes(2 * hz * ms // 1000)
