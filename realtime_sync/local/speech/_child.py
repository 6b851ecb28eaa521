"""One process of a worker: its start, its pipes and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

from ..._net.secrets import without_secrets
from ...errors import AudioError, ConfigError
from ._messages import Message, receive_message

__all__ = ["Child", "launch"]

_log = logging.getLogger("realtime_sync.local")

_START_TIMEOUT = 60.0  # seconds; a cold disk and a busy machine, the models take under one
_END_TIMEOUT = 2.0  # seconds; it takes milliseconds
_MODULE = "realtime_sync.local.speech.worker"


def _command(kind: str, spec: str) -> list[str]:
    return [sys.executable, "-m", _MODULE, kind, spec]


class Child:
    """A running process.

    Args:
        kind: what it does, for the log.
        process: itself, with three pipes.
    """

    def __init__(self, kind: str, process: asyncio.subprocess.Process) -> None:
        self._kind = kind
        self._process = process
        self._errors = asyncio.create_task(self._log_errors())

    @property
    def exit_code(self) -> int | None:
        """How it has ended; None while it runs."""
        return self._process.returncode

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Where requests go."""
        assert self._process.stdin is not None
        return self._process.stdin

    async def receive(self) -> Message:
        """Await its next message.

        Raises:
            EOFError: it has ended.
            ValueError: this is no message.
        """
        assert self._process.stdout is not None
        return await receive_message(self._process.stdout)

    def kill(self) -> None:
        """End it at once, with whatever it has started; `end` is still to be called."""
        if self._process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # it has just ended
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        """Close its input, which ends it unless it is stuck, and wait until it is gone.

        Who is cancelled in here waits all the same: else nobody would.
        """
        ending = asyncio.ensure_future(self._end())
        try:
            await asyncio.shield(ending)
        finally:
            if not ending.done():
                await ending

    async def _end(self) -> None:
        self.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_TIMEOUT)
        except asyncio.TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.wait([self._errors])

    async def _log_errors(self) -> None:
        assert self._process.stderr is not None
        while line := await _read_line(self._process.stderr):
            _log.warning("%s worker: %s", self._kind, line.decode(errors="replace").rstrip())


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than the stream's limit, which dropped it
        return b"(a line that was too long)\n"


async def launch(kind: str, spec: str) -> Child:
    """Start a process and return it when it has loaded its models.

    Raises:
        ConfigError: the engine refuses its options, or a package is missing.
        AudioError: the process did not start.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(kind, spec),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Whoever may look at a process sees its environment, and so do the programs it starts.
            env=without_secrets(os.environ),
            # A group of its own: it is killed with whatever it has started, and the signals of a
            # terminal are the server's affair.
            start_new_session=True,
        )
    except OSError as exc:  # there is no room for a process or its pipes
        raise AudioError(f"the {kind} worker did not start: {exc}") from exc
    child = Child(kind, process)
    try:
        header, _ = await asyncio.wait_for(child.receive(), _START_TIMEOUT)
    except BaseException as exc:
        if not isinstance(exc, EOFError):
            child.kill()
        await child.end()
        if isinstance(exc, (EOFError, ValueError, RecursionError, asyncio.TimeoutError)):
            raise AudioError(f"the {kind} worker did not start: {_problem(child, exc)}") from exc
        raise
    if header["event"] == "failed":
        await child.end()
        raise ConfigError(header["message"])
    return child


def _problem(child: Child, exc: BaseException) -> str:
    if isinstance(exc, asyncio.TimeoutError):
        return f"it was not ready after {_START_TIMEOUT:g} s"
    if isinstance(exc, EOFError):
        return f"it ended with code {child.exit_code}, and its own words are in the log"
    return f"its first message can't be read ({exc})"
