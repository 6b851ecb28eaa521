"""One worker process, seen from the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sys
from collections.abc import AsyncIterator
from typing import Final

from ..._types import JsonDict
from ...errors import AudioError, ConfigError
from ._messages import Message, pack, receive_message

__all__ = ["Job", "WorkerProcess"]

_log = logging.getLogger(__name__)

_START_TIMEOUT = 60.0  # seconds; a cold disk and a busy machine, the models take under one
_END_TIMEOUT = 2.0  # seconds; it takes milliseconds
_WINDOW: Final = 16  # pieces of one job that may lie unread here (3 s of speech)
_MODULE = "realtime_sync.local.speech.worker"


class Job:
    """One request in the hands of a worker; iterate it for its pieces, `cancel` it when left."""

    def __init__(self, worker: WorkerProcess, key: int) -> None:
        self._worker = worker
        self._key = key
        # Bounded by the credit: at most _WINDOW pieces and one end.
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._taken = 0

    def put(self, header: JsonDict, payload: bytes) -> None:
        self._answers.put_nowait((header, payload))

    async def pieces(self) -> AsyncIterator[Message]:
        """Yield ``(header, payload)`` of each piece.

        Raises:
            ConfigError: the request cannot be served as it is.
            AudioError: the engine failed, or the worker died.
        """
        while True:
            header, payload = await self._answers.get()
            if header["event"] == "done":
                return
            if header["event"] == "error":
                raise _error_of(header)
            self._taken += 1
            if self._taken % (_WINDOW // 2) == 0:
                self._worker.post({"op": "more", "id": self._key, "credit": _WINDOW // 2})
            yield header, payload

    def cancel(self) -> None:
        """Tell the worker to forget the rest; harmless when there is none."""
        self._worker.forget(self._key)


def _error_of(header: JsonDict) -> Exception:
    kind = ConfigError if header["kind"] == "ConfigError" else AudioError
    return kind(header["message"])


class WorkerProcess:
    """Starts a worker, keeps it running, and carries jobs to it.

    Args:
        kind: ``"transcribe"`` or ``"synthesize"``.
        spec: which engine does it.

    Everything here belongs to one event loop.
    """

    def __init__(self, kind: str, spec: str) -> None:
        self._kind = kind
        self._spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._jobs: dict[int, Job] = {}
        self._keys = itertools.count(1)
        self._starting = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._supervisor: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pending(self) -> int:
        """How many jobs are in its hands."""
        return len(self._jobs)

    async def start(self) -> None:
        """Return once a process is running and has loaded its models.

        Raises:
            ConfigError: the engine refuses its options, or a package is missing.
            AudioError: the process did not start.
        """
        async with self._starting:
            if self._closed:
                raise AudioError(f"the {self._kind} worker is closed; start a new service")
            if self._process is not None:
                return
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE, self._kind, self._spec),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            errors = asyncio.create_task(self._log_errors(process))
            try:
                await asyncio.wait_for(self._await_ready(process), _START_TIMEOUT)
            except BaseException as exc:
                await _end(process, errors)
                if isinstance(exc, (EOFError, asyncio.TimeoutError)):
                    raise AudioError(
                        f"the {self._kind} worker did not start (exit code {process.returncode}); "
                        "its own words are in the log"
                    ) from exc
                raise
            self._process = process
            self._supervisor = asyncio.create_task(self._supervise(process, errors))

    async def _await_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        header, _ = await receive_message(process.stdout)
        if header["event"] == "failed":
            raise ConfigError(header["message"])

    async def submit(self, header: JsonDict, payload: bytes = b"") -> Job:
        """Hand a request over, starting the process again if it died."""
        await self.start()
        key = next(self._keys)
        job = self._jobs[key] = Job(self, key)
        message = pack({**header, "id": key, "credit": _WINDOW}, payload)
        try:
            async with self._sending:
                if key in self._jobs:  # else its process died meanwhile, and the job with it
                    stdin = self._stdin()
                    stdin.write(message)
                    await stdin.drain()
        except OSError:
            pass  # it died just now: the supervisor has ended the job or is about to
        except BaseException:
            job.cancel()
            raise
        return job

    def _stdin(self) -> asyncio.StreamWriter:
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError
        return self._process.stdin

    def post(self, header: JsonDict) -> None:
        """Send a small message without waiting."""
        with contextlib.suppress(OSError):
            self._stdin().write(pack(header))

    def forget(self, key: int) -> None:
        """Drop the job ``key`` here and in the worker."""
        if self._jobs.pop(key, None) is not None:
            self.post({"op": "cancel", "id": key})

    async def close(self) -> None:
        """End the process and the jobs in its hands; idempotent."""
        self._closed = True
        async with self._starting:
            process, supervisor = self._process, self._supervisor
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # it keeps nothing that a gentle end would save
        if supervisor is not None:
            await asyncio.wait([supervisor])

    async def _supervise(
        self, process: asyncio.subprocess.Process, errors: asyncio.Task[None]
    ) -> None:
        assert process.stdout is not None
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._dispatch(*await receive_message(process.stdout))
        await _end(process, errors)
        self._process = None
        orphans, self._jobs = self._jobs, {}
        if self._closed:
            message = "the speech service was closed"
        else:
            message = f"the {self._kind} worker ended unexpectedly (exit code {process.returncode})"
            _log.error("%s; it starts again, %d requests failed", message, len(orphans))
            message += "; ask again"
        for job in orphans.values():
            job.put({"event": "error", "kind": "", "message": message}, b"")
        if not self._closed:
            await self._restart()

    async def _restart(self) -> None:
        try:
            await self.start()
        except (AudioError, ConfigError, OSError) as exc:
            # Not in a loop: the next request tries again and gets the error itself.
            _log.error("the %s worker does not start again: %s", self._kind, exc)

    def _dispatch(self, header: JsonDict, payload: bytes) -> None:
        job = self._jobs.get(header["id"])
        if job is None:
            return  # a piece that was on its way when its job was cancelled
        if header["event"] != "piece":
            del self._jobs[header["id"]]
        job.put(header, payload)

    async def _log_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await _read_line(process.stderr):
            _log.warning("%s worker: %s", self._kind, line.decode(errors="replace").rstrip())


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than the stream's limit, which dropped it
        return b"(a line that was too long)\n"


async def _end(process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> None:
    if process.stdin is not None:
        process.stdin.close()  # which ends every worker that is not stuck
    try:
        await asyncio.wait_for(process.wait(), _END_TIMEOUT)
    except asyncio.TimeoutError:
        # Not at once: Popen.kill() reaps a process that has just ended, and asyncio's watcher
        # then warns that it lost its child.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await asyncio.wait([errors])
