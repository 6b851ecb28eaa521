"""The program that recognises or speaks: ``python -m realtime_sync.local.speech.worker KIND SPEC``.

It reads requests from its standard input and writes results to its standard output (see
`_frames`). It has no state worth keeping: when the input ends, even in the middle of some work,
it exits, so that a server killed with SIGKILL leaves nothing behind.

Requests, by ``op``: ``transcribe`` and ``synthesize`` start the job ``id``, ``more`` lets it send
``credit`` further pieces, ``cancel`` forgets it. Answers, by ``event``: ``ready`` or ``failed``
once, then per job ``piece`` any number of times and ``done`` or ``error``; and ``begun`` before
each of these, so that the server knows at which job a worker hangs or dies.

Jobs take turns piece by piece, so that a long one does not hold up the others.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Callable, Iterator
from typing import IO

from ..._threads import spawn
from ..._types import JsonDict
from ...errors import ConfigError, RealtimeError
from ._messages import Message, pack, read_message

__all__ = ["main"]

Handler = Callable[[JsonDict, bytes], Iterator[Message]]


class _Job:
    def __init__(self, pieces: Iterator[Message], credit: int) -> None:
        self.pieces = pieces
        self.credit = credit


class _Worker:
    """Runs jobs round robin until the process is ended from outside."""

    def __init__(self, handler: Handler, requests: queue.SimpleQueue[Message], out: IO[bytes]):
        self._handler = handler
        self._requests = requests
        self._out = out
        self._jobs: dict[int, _Job] = {}

    def run(self) -> None:
        while True:
            runnable = [key for key, job in self._jobs.items() if job.credit > 0]
            self._take_requests(wait=not runnable)
            for key in runnable:
                self._step(key)
                self._take_requests(wait=False)

    def _take_requests(self, *, wait: bool) -> None:
        try:
            while True:
                self._take(*self._requests.get(block=wait))
                wait = False
        except queue.Empty:
            return

    def _take(self, header: JsonDict, payload: bytes) -> None:
        key = header["id"]
        if header["op"] == "cancel":
            self._jobs.pop(key, None)
        elif header["op"] == "more":
            if key in self._jobs:
                self._jobs[key].credit += header["credit"]
        else:
            self._jobs[key] = _Job(self._handler(header, payload), header["credit"])

    def _step(self, key: int) -> None:
        job = self._jobs.get(key)
        if job is None:
            return  # cancelled since the round began
        job.credit -= 1
        self._write({"event": "begun", "id": key})
        try:
            header, payload = next(job.pieces)
        except StopIteration:
            self._end(key, {"event": "done"})
        except RealtimeError as exc:
            self._end(key, {"event": "error", "kind": type(exc).__name__, "message": str(exc)})
        except Exception as exc:  # whatever a replaced engine raises must not end the others' jobs
            message = f"{type(exc).__name__}: {exc}"
            self._end(key, {"event": "error", "kind": "", "message": message})
        else:
            self._write({"event": "piece", "id": key, **header}, payload)

    def _end(self, key: int, header: JsonDict) -> None:
        del self._jobs[key]
        self._write({"id": key, **header})

    def _write(self, header: JsonDict, payload: bytes = b"") -> None:
        self._out.write(pack(header, payload))
        self._out.flush()


def _transcription(spec: str) -> Handler:
    from .transcriber import make_transcriber

    transcriber = make_transcriber(spec)

    def handle(header: JsonDict, payload: bytes) -> Iterator[Message]:
        language, prompt = header["language"], header["prompt"]
        for text in transcriber.pieces(payload, language=language, prompt=prompt):
            yield {"text": text}, b""

    return handle


def _synthesis(spec: str) -> Handler:
    from .synthesizer import make_synthesizer

    synthesizer = make_synthesizer(spec)

    def handle(header: JsonDict, payload: bytes) -> Iterator[Message]:
        del payload
        text, voice, speed = header["text"], header["voice"], header["speed"]
        for chunk in synthesizer.synthesize(text, voice=voice, speed=speed):
            yield {"text": chunk.text}, chunk.pcm

    return handle


_KINDS: dict[str, Callable[[str], Handler]] = {
    "transcribe": _transcription,
    "synthesize": _synthesis,
}


def main(argv: list[str]) -> int:
    """Serve requests of the kind ``argv[0]`` with the engine ``argv[1]`` until the input ends."""
    # A service manager tells all processes of a service at once; the server decides when its
    # workers end.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # not all on every system
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    out = _private_stdout()
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    # Before the models load, so that even a start that hangs ends with the server.
    spawn(lambda: _read_requests(requests), name="speech-worker-input")
    kind, spec = argv
    try:
        handler = _KINDS[kind](spec)
    except ConfigError as exc:
        out.write(pack({"event": "failed", "message": str(exc)}))
        out.flush()
        return 2
    out.write(pack({"event": "ready", "pid": os.getpid()}))
    out.flush()
    _Worker(handler, requests, out).run()
    return 0


def _private_stdout() -> IO[bytes]:
    """Keep standard output for messages; whatever a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _read_requests(requests: queue.SimpleQueue[Message]) -> None:
    try:
        while True:
            requests.put(read_message(sys.stdin.buffer))
    except (EOFError, OSError):
        pass
    finally:  # whatever else it was: a worker that hears nothing any more is of no use
        _end_at_once()


def _end_at_once() -> None:
    """End in the middle of any work, with whatever this process has started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
