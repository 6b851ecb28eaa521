"""Speech for the embedded server: recognition and synthesis without blocking its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ..._types import JsonDict
from ...errors import AudioError, ConfigError
from ..engines import SpeechChunk
from . import _pieces, _utterance
from ._process import Job, WorkerProcess
from .synthesizer import check_synthesizer
from .transcriber import check_transcriber

__all__ = ["SpeechService"]

_MAX_PENDING = 64  # requests per worker; behind that many a new one would wait for minutes


class SpeechService:
    """Transcribes and synthesizes in worker processes, which all sessions share fairly.

    Recognition and synthesis have processes of their own, so neither waits for the other. A worker
    that dies is replaced, and so is one that hangs: it has work and gives no answer for 10 s and
    twice the length of the sound that it may be working on. A recogniser answers after each 8 s of
    an utterance, or at its end. A voice answers after each portion of 300 characters at the latest;
    15 characters count as a second. The requests in the worker's hands fail with `AudioError`; that
    on which it worked with `EngineError`, so that nobody tries it again.

    Args:
        transcriber: which recogniser, see `transcriber.make_transcriber`.
        synthesizer: which voice engine, see `synthesizer.make_synthesizer`.
        transcriber_workers: how many processes recognise, each one utterance at a time.
        synthesizer_workers: how many processes speak, each several texts in turns.

    Raises:
        ConfigError: there is no engine of that name, or a number of workers is below 1.

    Everything here belongs to one event loop.
    """

    def __init__(
        self,
        *,
        transcriber: str = "pocketsphinx",
        synthesizer: str = "espeak",
        transcriber_workers: int = 1,
        synthesizer_workers: int = 1,
    ) -> None:
        check_transcriber(transcriber)
        check_synthesizer(synthesizer)
        self._transcribers = _pool("transcribe", transcriber, transcriber_workers)
        self._synthesizers = _pool("synthesize", synthesizer, synthesizer_workers)

    async def start(self) -> None:
        """Start the workers and return when all have loaded their models.

        Raises:
            ConfigError: an engine refuses its options, or its package is missing.
            AudioError: a worker did not start.
        """
        starts = [asyncio.create_task(worker.start()) for worker in self._workers()]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:  # one that is slow is not waited for
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.close()
            raise

    async def close(self) -> None:
        """End all workers; requests in their hands fail with `AudioError`. Idempotent."""
        await asyncio.gather(*(worker.close() for worker in self._workers()))

    @property
    def pending(self) -> int:
        """How many requests are in the workers' hands."""
        return sum(worker.pending for worker in self._workers())

    def running(self) -> dict[str, int]:
        """Return how many workers of each kind are there to take requests."""
        pools = {"transcribe": self._transcribers, "synthesize": self._synthesizers}
        return {kind: sum(worker.running for worker in pool) for kind, pool in pools.items()}

    def _workers(self) -> list[WorkerProcess]:
        return [*self._transcribers, *self._synthesizers]

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        """Return the words of one utterance, ``""`` when there are none.

        Args:
            pcm16k: int16 mono little-endian, 16 kHz.
            language: ISO 639-1 code, or None.
            prompt: a hint for the recogniser, or None.

        Raises:
            ConfigError: the recogniser does not know the language.
            EngineError: recognition failed, or the worker died or hung at this utterance.
            AudioError: it died or hung at another one, or too many utterances wait.
        """
        header = {"op": "transcribe", "language": language, "prompt": prompt}
        job = await _submit(
            self._transcribers, header, pcm16k, sound_s=_utterance.longest_s(pcm16k)
        )
        try:
            texts = [piece["text"] async for piece, _ in job.pieces()]
        finally:
            job.cancel()
        return " ".join(filter(None, texts))

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield the speech for ``text``; ``aclose()`` drops the rest.

        Args:
            text: what to say.
            voice: an OpenAI voice name; an unknown one gets the default.
            speed: 0.25 to 1.5, where 1.0 is normal.

        Raises:
            AudioError: synthesis failed, the worker died or hangs, or too many texts wait already.
        """
        header = {"op": "synthesize", "text": text, "voice": voice, "speed": speed}
        job = await _submit(self._synthesizers, header, sound_s=_pieces.longest_s(text))
        try:
            async for piece, pcm in job.pieces():
                yield SpeechChunk(pcm, piece["text"])
        finally:
            job.cancel()


def _pool(kind: str, spec: str, size: int) -> list[WorkerProcess]:
    if size < 1:
        raise ConfigError(f"{size} workers to {kind} are too few; at least 1 is needed")
    return [WorkerProcess(kind, spec) for _ in range(size)]


async def _submit(
    pool: list[WorkerProcess], header: JsonDict, payload: bytes = b"", *, sound_s: float
) -> Job:
    worker = min(pool, key=lambda candidate: (candidate.refuses, candidate.pending))
    if worker.pending >= _MAX_PENDING:
        raise AudioError(
            f"{worker.pending} requests wait for speech already; try again later, "
            "or give the server more workers"
        )
    return await worker.submit(header, payload, sound_s=sound_s)
