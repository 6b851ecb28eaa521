"""One worker, seen from the server's event loop: its jobs, and its processes in turn."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Final

from ..._types import JsonDict
from ...errors import AudioError, ConfigError
from ..engines import EngineError
from ._child import Child, launch
from ._messages import Message, check_answer, pack
from ._patience import Patience, pause_s

__all__ = ["Job", "WorkerProcess"]

_log = logging.getLogger("realtime_sync.local")

_ASK_AGAIN: Final = "ask again"  # the kind of an error that is not the request's
_WINDOW: Final = 16  # pieces of one job that may lie unread here (3 s of speech)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


class Job:
    """One request in the hands of a worker; iterate it for its pieces, `cancel` it when left.

    Args:
        worker: whose hands.
        key: its number there.
        sound_s: how long the sound behind one answer may be, in seconds.
    """

    def __init__(self, worker: WorkerProcess, key: int, sound_s: float) -> None:
        self.sound_s = sound_s
        self._worker = worker
        self._key = key
        # Bounded by the credit: at most _WINDOW pieces and one end.
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._taken = 0
        self._credit = _WINDOW

    @property
    def due(self) -> bool:
        """Whether the worker owes an answer: it has none when nobody takes its pieces."""
        return self._credit > 0

    def put(self, header: JsonDict, payload: bytes) -> None:
        self._credit -= 1
        self._answers.put_nowait((header, payload))

    async def pieces(self) -> AsyncIterator[Message]:
        """Yield ``(header, payload)`` of each piece.

        Raises:
            ConfigError: the request cannot be served as it is.
            EngineError: the engine failed at it, or the worker died or hung.
            AudioError: the worker died or hung at another one.
        """
        while True:
            header, payload = await self._answers.get()
            if header["event"] == "done":
                return
            if header["event"] == "error":
                raise _error_of(header)
            self._taken += 1
            if self._taken % (_WINDOW // 2) == 0:
                self._credit += _WINDOW // 2
                self._worker.post({"op": "more", "id": self._key, "credit": _WINDOW // 2})
            yield header, payload

    def cancel(self) -> None:
        """Tell the worker to forget the rest; harmless when there is none."""
        self._worker.forget(self._key)


def _error_of(header: JsonDict) -> Exception:
    kinds = {"ConfigError": ConfigError, _ASK_AGAIN: AudioError}
    return kinds.get(header["kind"], EngineError)(header["message"])


class WorkerProcess:
    """Keeps a worker running, and carries jobs to it.

    A process that dies, that answers what is no message, or that hangs (see `Patience`) is
    replaced: its jobs fail, and later ones wait for the next process. It starts at once; after
    several in a row without one answer, it starts after a pause (see `pause_s`), in which jobs are
    refused.

    Args:
        kind: ``"transcribe"`` or ``"synthesize"``.
        spec: which engine does it.

    Everything here belongs to one event loop.
    """

    def __init__(self, kind: str, spec: str) -> None:
        self._kind = kind
        self._spec = spec
        self._child: Child | None = None
        self._refusal = f"the {kind} worker was not started; start the service first"
        self._news = asyncio.Event()  # set while there is a process or a refusal
        self._news.set()
        self._jobs: dict[int, Job] = {}
        self._keys = itertools.count(1)
        self._waiting = 0  # requests for which there is no process yet
        self._patience = Patience()
        self._answered = False  # anything, by this process
        self._verdict = ""  # why this process was killed
        self._at: int | None = None  # the job that it works on
        self._sending = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """How many requests are in its hands or wait for it."""
        return len(self._jobs) + self._waiting

    @property
    def running(self) -> bool:
        """Whether there is a process that has loaded its models."""
        return self._child is not None

    @property
    def refuses(self) -> bool:
        """Whether a request would fail at once."""
        return bool(self._refusal)

    async def start(self) -> None:
        """Return once a process is running and has loaded its models; to be called once.

        Raises:
            ConfigError: the engine refuses its options, or a package is missing.
            AudioError: the process did not start.
        """
        child = await launch(self._kind, self._spec)
        self._life = asyncio.create_task(self._live(child))

    async def close(self) -> None:
        """End the process and the jobs in its hands; idempotent."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])

    # -- requests --------------------------------------------------------------------------------

    async def submit(self, header: JsonDict, payload: bytes = b"", *, sound_s: float) -> Job:
        """Hand a request over; where its process has died, to the next one.

        Args:
            header: the request.
            payload: its sound.
            sound_s: how long the sound behind one answer may be, in seconds.

        Raises:
            AudioError: there is no process, and there will be none at once.
        """
        await self._wait_for_process()
        key = next(self._keys)
        job = self._jobs[key] = Job(self, key, sound_s)
        message = pack({**header, "id": key, "credit": _WINDOW}, payload)
        try:
            async with self._sending:
                if key in self._jobs:  # else its process died meanwhile, and the job with it
                    stdin = self._stdin()
                    stdin.write(message)
                    await stdin.drain()
        except OSError:
            pass  # it died just now: its job has failed, or is about to
        except BaseException:
            job.cancel()
            raise
        return job

    async def _wait_for_process(self) -> None:
        self._waiting += 1
        try:
            while self._child is None:
                if self._refusal:
                    raise AudioError(self._refusal)
                await self._news.wait()
        finally:
            self._waiting -= 1

    def _stdin(self) -> asyncio.StreamWriter:
        if self._child is None:
            raise BrokenPipeError
        return self._child.stdin

    def post(self, header: JsonDict) -> None:
        """Send a small message without waiting."""
        with contextlib.suppress(OSError):
            self._stdin().write(pack(header))

    def forget(self, key: int) -> None:
        """Drop the job ``key`` here and in the worker."""
        if self._jobs.pop(key, None) is not None:
            self.post({"op": "cancel", "id": key})

    def _fail_jobs(self, why: str, advice: str = "ask again") -> int:
        """Fail all jobs: the one that was worked on for good, for it may be to blame."""
        orphans, self._jobs = self._jobs, {}
        for key, job in orphans.items():
            error = {"event": "error", "kind": _ASK_AGAIN, "message": f"{why}; {advice}"}
            if key == self._at:
                error |= {"kind": "", "message": why}
            job.put(error, b"")
        return len(orphans)

    # -- one process after the other -------------------------------------------------------------

    async def _live(self, child: Child) -> None:
        fruitless = 0  # processes in a row that answered nothing
        try:
            while True:
                why = await self._serve(child)
                fruitless = 0 if self._answered else fruitless + 1
                failed = self._fail_jobs(why)
                _log.warning("%s; it is replaced, %d requests failed", why, failed)
                child = await self._replace(why, fruitless)
        finally:
            self._at = None
            self._fail_jobs("the speech service was closed", "start another one")
            self._refuse("the speech service was closed; start another one")

    async def _serve(self, child: Child) -> str:
        """Take the answers of ``child`` until it is gone; return why it is."""
        self._child, self._refusal, self._verdict = child, "", ""
        self._answered = False
        self._news.set()
        watching = asyncio.create_task(self._watch(child))
        try:
            await self._take_answers(child)
        except asyncio.CancelledError:
            child.kill()  # it keeps nothing that a gentle end would save
            raise
        finally:
            self._child = None
            self._news.clear()
            watching.cancel()
            await child.end()
        verdict = self._verdict or f"ended unexpectedly (exit code {child.exit_code})"
        return f"the {self._kind} worker {verdict}"

    async def _take_answers(self, child: Child) -> None:
        try:
            while True:
                header, payload = await child.receive()
                check_answer(header)
                self._dispatch(header, payload)
        except (EOFError, OSError):
            return
        except (ValueError, RecursionError) as exc:
            self._condemn(child, f"gave an answer that can't be read ({exc})")

    def _dispatch(self, header: JsonDict, payload: bytes) -> None:
        if header["event"] == "begun":
            self._at = header["id"]
            return
        self._at = None
        self._answered = True
        self._patience.answered()
        job = self._jobs.get(header["id"])
        if job is None:
            return  # a piece that was on its way when its job was cancelled
        if header["event"] != "piece":
            del self._jobs[header["id"]]
        job.put(header, payload)

    async def _watch(self, child: Child) -> None:
        """End ``child`` if it hangs."""
        self._patience.answered()
        while True:
            await _sleep(1)
            due = [job.sound_s for job in self._jobs.values() if job.due]
            allowed_s = self._patience.second(due)
            if allowed_s is not None:
                self._condemn(child, f"gave no answer for {allowed_s:.0f} s")
                return

    def _condemn(self, child: Child, verdict: str) -> None:
        self._verdict = f"{verdict} and was ended"
        child.kill()

    async def _replace(self, why: str, fruitless: int) -> Child:
        """Start another process, and again until one is there."""
        while True:
            pause = pause_s(fruitless)
            if pause:
                await self._pause(why, pause)
            try:
                return await launch(self._kind, self._spec)
            except (AudioError, ConfigError) as exc:
                why = str(exc)
                fruitless += 1

    async def _pause(self, why: str, seconds: float) -> None:
        self._refuse(f"{why}; another one is started within {seconds:.0f} s, ask again then")
        _log.error("%s, without one answer; another one is started in %.0f s", why, seconds)
        await _sleep(seconds)
        self._refusal = ""
        self._news.clear()

    def _refuse(self, message: str) -> None:
        self._refusal = message
        self._news.set()
